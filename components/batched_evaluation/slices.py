"""The rows of each slice, found for a batch at a time.

Which slices a row belongs to depends on the values of the slicing columns alone, so TFMA's own rules are asked once per
combination of values that occurs, and not once per row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.slicer import slicer_lib
from tensorflow_model_analysis.utils import util

# More slices of one spec than this mean a column of identifiers, whose metrics would fill the memory.
MAX_SLICES = 5000

# Integer codes of a column [n], and the value of each code as TFMA sees it in a row of its own.
Codes = tuple[np.ndarray, list[Any]]


def slice_specs(eval_config: tfma.EvalConfig) -> list[slicer_lib.SingleSliceSpec]:
    """The slices that TFMA would compute: those asked for, and both sides of cross slices."""
    protos = list(eval_config.slicing_specs)
    for cross in eval_config.cross_slicing_specs:
        protos += [cross.baseline_spec, *cross.slicing_specs]
    specs = [slicer_lib.SingleSliceSpec(spec=proto) for proto in protos] or [slicer_lib.SingleSliceSpec()]
    return list(dict.fromkeys(specs))


def columns_of(specs: Iterable[slicer_lib.SingleSliceSpec]) -> list[str]:
    """The columns that decide on slices, by name."""
    return sorted({column for spec in specs for column in _columns(spec)})


class SliceCounter:
    """Counts the slices that each spec has led to, over all batches, and refuses a spec with too many."""

    def __init__(self) -> None:
        self._seen: dict[slicer_lib.SingleSliceSpec, set[tuple]] = {}

    def check(self, spec: slicer_lib.SingleSliceSpec, combinations: int, rows: int) -> None:
        """Looks at a batch's combinations of values, of which each leads to a slice or more.

        Raises:
            ValueError: There are more than ``MAX_SLICES``.
        """
        if combinations > MAX_SLICES:
            self._refuse(spec, f"{combinations:,} in a batch of {rows:,} rows")

    def add(self, spec: slicer_lib.SingleSliceSpec, keys: Iterable[tuple]) -> None:
        """Adds slices that a batch led to.

        Raises:
            ValueError: With those of earlier batches there are more than ``MAX_SLICES``.
        """
        seen = self._seen.setdefault(spec, set())
        seen.update(keys)
        if len(seen) > MAX_SLICES:
            self._refuse(spec, f"{len(seen):,} or more")

    @staticmethod
    def _refuse(spec: slicer_lib.SingleSliceSpec, received: str) -> None:
        raise ValueError(
            f"the slices by {_columns(spec)} should be at most {MAX_SLICES:,}. Received: {received}; is one an identifier?"
        )


def rows_by_slice(
    features: Mapping[str, Any], rows: int, specs: Iterable[slicer_lib.SingleSliceSpec], counter: SliceCounter
) -> Iterator[tuple[tuple, np.ndarray]]:
    """Yields each slice key with the positions of its rows, ascending.

    As in TFMA a row is in no slice of a column that it has no value of, in several where it has several values, and
    once in a slice that several specs lead to.

    Args:
        features: Values by column, as TFMA's features extractor gives them.
        rows: Number of rows.
        specs: From ``slice_specs``.
        counter: Of the batches before.

    Raises:
        ValueError: A spec leads to more than ``MAX_SLICES`` slices.
    """
    specs = list(specs)
    codes = {column: _codes(features[column]) for column in columns_of(specs) if features.get(column) is not None}
    found: dict[tuple, list[np.ndarray]] = {}
    for spec in specs:
        columns = [column for column in _columns(spec) if column in codes]
        combinations = _combinations([codes[column][0] for column in columns], rows)
        counter.check(spec, len(combinations), rows)
        for example, members in combinations:
            values = {column: codes[column][1][codes[column][0][example]] for column in columns}
            keys = set(slicer_lib.get_slices_for_features_dicts([], values, [spec]))
            counter.add(spec, keys)
            for key in keys:
                found.setdefault(key, []).append(members)
    for key, parts in found.items():
        yield key, parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))


def _columns(spec: slicer_lib.SingleSliceSpec) -> list[str]:
    return sorted({*spec._columns, *(column for column, _ in spec._features)})


def _combinations(codes: list[np.ndarray], rows: int) -> list[tuple[int, np.ndarray]]:
    """An example row and all rows of each combination of codes."""
    if not rows:
        return []
    combined = np.zeros(rows, np.int64)
    for column in codes:
        # Made dense again after each column, so that the product of many cannot overflow.
        _, combined = np.unique(combined * (column.max() + 1) + column, return_inverse=True)
    order = np.argsort(combined, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(combined))[:-1])
    return [(int(members[0]), members) for members in parts]


def _codes(values: Any) -> Codes:
    if isinstance(values, np.ndarray) and values.size == len(values) and not _has_gaps(values):
        flat = values.ravel()
        if flat.dtype == object:
            codes, distinct = pd.factorize(flat)
        else:
            distinct, codes = np.unique(flat, return_inverse=True)
        return codes, [np.array([value], dtype=flat.dtype) for value in distinct]
    # Several values in a row, or none: TFMA splits them as it always does, and equal rows share a code.
    split = [row["value"] for row in util.split_extracts({"value": values})]
    known: dict[tuple, int] = {}
    codes = np.array([known.setdefault(_identity(row), len(known)) for row in split], np.int64)
    first = np.unique(codes, return_index=True)[1]
    return codes, [split[i] for i in first]


def _has_gaps(values: np.ndarray) -> bool:
    return values.dtype == object and not all(isinstance(value, (bytes, str)) for value in values.ravel())


def _identity(value: Any) -> tuple:
    array = np.ravel(getattr(value, "values", value))
    return tuple(array.tolist())
