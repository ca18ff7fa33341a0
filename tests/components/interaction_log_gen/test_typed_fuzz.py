"""Shards of different formats and types against pandas: equal values are equal, whatever a shard's schema."""

from __future__ import annotations

import decimal
import math
import os
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.interaction_log_gen.reading import text as text_reading
from tests.components.interaction_log_gen.logs import log_settings, read_log

_SETTINGS = settings(
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_FILES", "0")) or 100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
# Halves are exact in every type, so that each shard can hold every value as it is.
_VALUES = st.one_of(
    st.none(),
    st.integers(-5, 5).map(float),
    st.integers(-(2**40), 2**40).map(float),
    st.integers(-2000, 2000).map(lambda number: number / 2),
)
_MARKS = st.sampled_from([[], ["-1"], ["-1.0"], ["NA", "-1"], ["0", "nan"]])
# As each type writes a column of floats.
_PARQUET_TYPES = ["float64", "decimal", "string", "dictionary", "list", "large_string", "int64"]

_SHARDS = st.tuples(st.lists(_VALUES, min_size=1, max_size=9), st.sampled_from(["csv", *_PARQUET_TYPES]))


def _array(values: list[Optional[float]], kind: str) -> pa.Array:
    if kind == "int64" and all(value is None or value.is_integer() for value in values):
        return pa.array([None if value is None else int(value) for value in values], pa.int64())
    if kind == "decimal":
        return pa.array([None if value is None else decimal.Decimal(value) for value in values], pa.decimal128(30, 3))
    if kind == "list":
        return pa.array([None if value is None else [value] for value in values], pa.list_(pa.float64()))
    if kind in ("string", "dictionary", "large_string"):
        # As pandas writes floats into text.
        texts = pa.array([None if value is None else str(value) for value in values], pa.string())
        return texts.dictionary_encode() if kind == "dictionary" else texts.cast(getattr(pa, kind)())
    return pa.array(values, pa.float64())


def _write(folder: Path, number: int, values: list[Optional[float]], kind: str) -> None:
    if kind == "csv":
        frame = pd.DataFrame({"x": pd.array(values, dtype="float64"), "row": range(len(values))})
        frame.to_csv(folder / f"log_{number}.csv", index=False)
        return
    table = pa.table({"x": _array(values, kind), "row": pa.array(range(len(values)), pa.int64())})
    pq.write_table(table, folder / f"log_{number}.parquet", row_group_size=3)


def _text(value: Optional[float]) -> Optional[str]:
    if value is None:
        return None
    return str(int(value)) if value.is_integer() else str(value)


def _missing(value: Optional[float], marks: list[str]) -> bool:
    return value is None or any(_is(value, mark) for mark in marks)


def _is(value: float, mark: str) -> bool:
    try:
        return value == float(mark)
    except ValueError:
        return False


@given(
    st.lists(_SHARDS, min_size=1, max_size=4),
    _MARKS,
)
@_SETTINGS
def test_shards_of_every_type_hold_the_same_values(tmp_path_factory: Any, shards: list, marks: list[str]) -> None:
    folder = tmp_path_factory.mktemp("log")
    for number, (values, kind) in enumerate(shards):
        _write(folder, number, values, kind)
    for pattern, format_ in (("log_*.csv", "csv"), ("log_*.parquet", "parquet")):
        here = [values for values, kind in shards if (kind == "csv") == (format_ == "csv")]
        if not here:
            continue
        known = [None if _missing(value, marks) else value for values in here for value in values]
        read = {"format": format_, "missing": marks}
        numbers, _ = read_log(log_settings(folder, {"x": "number", "row": "number"}, files=[pattern], read=read))
        for row, value in zip(numbers, known, strict=True):
            assert row["x"] == (None if value is None else float(np.float32(value)))
        texts, _ = read_log(log_settings(folder, {"x": "string", "row": "string"}, files=[pattern], read=read))
        assert [row["x"] for row in texts] == [_text(value) for value in known]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20), st.integers(1, 50))
@_SETTINGS
def test_numbers_of_csv_are_those_of_pandas(tmp_path_factory: Any, values: list[float], block: int) -> None:
    path = tmp_path_factory.mktemp("log") / "log.csv"
    pd.DataFrame({"x": values, "y": 1}).to_csv(path, index=False)
    kept = text_reading.BLOCK_BYTES
    text_reading.BLOCK_BYTES = block
    try:
        expected = pd.read_csv(path, float_precision="round_trip")["x"]
        if (expected.abs() > float(np.finfo(np.float32).max)).any():
            return
        rows, _ = read_log(log_settings(path.parent, {"x": "number"}))
    finally:
        text_reading.BLOCK_BYTES = kept
    found = [row["x"] for row in rows]
    assert all(math.isfinite(value) for value in found)
    np.testing.assert_array_equal(np.array(found, np.float32), expected.to_numpy().astype(np.float32))
