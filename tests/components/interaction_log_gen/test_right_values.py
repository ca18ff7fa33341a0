"""Each kind of file that once gave wrong values without a word, and the right ones. tests/README.md lists the kinds."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.rows.columns import Need
from components.interaction_log_gen.settings import ReadSettings, TimeSplit
from components.interaction_log_gen.values import times
from components.interaction_log_gen.values.conversion import Place, convert
from components.interaction_log_gen.values.notices import Notices, sentences
from components.negative_splitter.batches import BatchSplitter
from components.negative_splitter.rules import Rule
from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings
from components.negative_splitter.uses import number_cuts
from models.formats.cuts import Cuts
from tests.components.interaction_log_gen.logs import column, log_settings, read_log

_PLACE = Place("log", 0)


def _csv(folder: Path, text: str | bytes, name: str = "log.csv") -> None:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


# 1. A name that stands twice.


@pytest.mark.parametrize("where", ["log", "side table"])
def test_parquet_with_a_name_twice_is_refused(tmp_path: Path, where: str) -> None:
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([2]), pa.array(["u"])], ["clicks", "clicks", "user"])
    once = pa.table({"user": ["u"], "label": [1]})
    pq.write_table(twice if where == "log" else once, tmp_path / "log.parquet")
    pq.write_table(twice, tmp_path / "side.parquet")
    read = {"format": "parquet"}
    tables = [{"name": "side", "files": ["side.parquet"], "key": "user", "read": read}] if where != "log" else []
    with pytest.raises(LogError, match="expected each column once. Received twice: clicks; rename one"):
        read_log(log_settings(tmp_path, {"clicks": "number"}, read=read, side_tables=tables))


# 2. CSV dialects. test_csv_fuzz.py compares generated files with Python's csv and pandas.


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('b,t\n1,alpha\n0,"be\n1,gamma\n0,delta\n1,eps', "row 2: expected that each opening quote"),
        ('b,t\n1,alpha\n0,"be\n1,gamma\n0,delta\n1,eps\n', "row 2"),
        ('b,t\n1,"alpha"\n0,"be', "row 2"),
        ('b,t\n1,"al"pha\n', "row 1"),
        ('b,t\n1,a\n0,"x\n1,b\n0,"y"\n', "row 2"),
    ],
)
def test_a_quote_that_is_not_closed_is_an_error_with_its_row(tmp_path: Path, text: str, row: str) -> None:
    _csv(tmp_path, text)
    with pytest.raises(LogError) as error:
        read_log(log_settings(tmp_path, {"b": "number", "t": "string"}))
    assert row in str(error.value) and "`quote`, null for none" in str(error.value)


@pytest.mark.parametrize(
    ("content", "read", "cells"),
    [
        (b't\n"a \\"b\\" c"\n', {"escape": "\\"}, ['a "b" c']),
        (b"t\n'a,''b'\n", {"quote": "'"}, ["a,'b"]),
        (b't\n5" disk\n"open\n', {"quote": None}, ['5" disk', '"open']),
        ("t\nçé\n".encode("latin-1"), {"encoding": "latin-1"}, ["çé"]),
        ("t\nçé\n".encode("utf-16"), {"encoding": "utf-16"}, ["çé"]),
        (b"t::u\na:b::c\n", {"separator": "::"}, ["a:b"]),
        (b"# made today\nt\na\n#b\n", {"comment": "#"}, ["a"]),
        (b"\n\r\nt\na\n", {}, ["a"]),
        (b"t", {}, []),
        (b't\n"a\r\nb"\r\nc\r\n', {}, ["a\r\nb", "c"]),
        (b"t\na\r\nb\nc\rd", {}, ["a", "b", "c", "d"]),
    ],
)
def test_dialects(tmp_path: Path, content: bytes, read: dict[str, Any], cells: list[str]) -> None:
    _csv(tmp_path, content)
    assert column(log_settings(tmp_path, {"t": "string"}, read=read), "t") == cells


def test_bytes_of_another_encoding_are_named(tmp_path: Path) -> None:
    _csv(tmp_path, b"t\n" + b"a\n" * 3_000_000 + b"\xe9\n")
    with pytest.raises(LogError, match=r"bytes b'.xe9' that are none at byte 6,000,002 .*say `encoding`"):
        read_log(log_settings(tmp_path, {"t": "string"}))
    _csv(tmp_path, "t\nab\n".encode("utf-16-le"))
    with pytest.raises(LogError, match="NUL sign .*utf-16"):
        read_log(log_settings(tmp_path, {"t": "string"}))


def test_a_cell_of_thousands_of_lines_is_named(tmp_path: Path) -> None:
    _csv(tmp_path, 'b,t\n1,x\n0,"be\n' + "1,gamma\n" * 5000 + '1",y\n'.replace(",y", "") + "1,z\n")
    rows, noticed = read_log(log_settings(tmp_path, {"b": "number", "t": "string"}))
    assert len(rows) == 3
    assert noticed.to_json() == [["long_cell", str(tmp_path / "log.csv"), 1, "row 2 takes 5,002 lines"]]


def test_a_row_beyond_all_bounds_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.interaction_log_gen.reading import csv_records
    from components.interaction_log_gen.reading import text as text_reading

    monkeypatch.setattr(csv_records, "_RECORD_BYTES", 1 << 16)
    monkeypatch.setattr(text_reading, "BLOCK_BYTES", 1 << 12)
    _csv(tmp_path, 'b\n1\n"' + "x,y\n" * 100_000)
    with pytest.raises(LogError, match="row 2: expected a row of at most 65,536 bytes.*is a quote not closed"):
        read_log(log_settings(tmp_path, {"b": "string"}))


def test_thirty_thousand_columns_are_read(tmp_path: Path) -> None:
    names = [f"c{index}" for index in range(30_000)]
    _csv(tmp_path, ",".join(names) + "\n" + ",".join(["1"] * 30_000) + "\n")
    assert column(log_settings(tmp_path, {"c29999": "number"}), "c29999") == [1.0]
    with pytest.raises(
        LogError, match=r"expected column `c30000`. .* and 29,970 more. Perhaps `c3000\d?` for `c30000`"
    ):
        read_log(log_settings(tmp_path, {"c30000": "number"}))


@pytest.mark.parametrize(
    ("read", "message"),
    [
        ({"quote": ",", "separator": ","}, "`separator` and `quote` should differ"),
        ({"escape": '"'}, "quotes are doubled within quotes without any `escape`"),
        ({"encoding": "utf-9"}, "one that Python knows"),
        ({"encoding": "hex"}, "one that Python knows"),
        ({"separator": "\n"}, "should be no line end"),
        ({"quote": "''"}, "at most 1 character"),
    ],
)
def test_dialects_that_cannot_be(read: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ReadSettings.model_validate(read)


# 4. Times.


def _split(**settings: Any) -> TimeSplit:
    return TimeSplit.model_validate({"by": "time", "column": "t", **settings})


def _parts(values: pa.Array, **settings: Any) -> list[int]:
    return times.by_time(values, _split(**settings), _PLACE).tolist()


def test_hours_fall_on_their_side_of_a_bound(tmp_path: Path) -> None:
    hours = pd.date_range("2024-01-01", periods=240, freq="h")
    _csv(tmp_path, "t,x\n" + "".join(f"{hour},1\n" for hour in hours))
    split = {"by": "time", "column": "t", "validation_from": "2024-01-06T00:00:00", "test_from": "2024-01-08T12:00:00"}
    rows, _ = read_log(log_settings(tmp_path, {"x": "number"}, split=split))
    expected = np.select([hours < "2024-01-06", hours < "2024-01-08 12:00"], ["train", "validation"], "test")
    assert [row["split"] for row in rows] == expected.tolist()


_MIXED = ["2024-01-05T23:30:00Z", "2024-01-06T00:30:00+01:00", "2024-01-06T00:00:00+00:00"]


@pytest.mark.parametrize(
    ("values", "settings", "expected"),
    [
        (pa.array(["999", "5000", "60000"]), {"validation_from": "5000", "test_from": "10000"}, [0, 1, 2]),
        (pa.array(_MIXED), {"validation_from": "2024-01-06T00:00Z", "test_from": "2025-01-01T00Z"}, [0, 0, 1]),
        (
            pa.array(["12/31/2023", "01/02/2024"]),
            {"validation_from": "01/01/2024", "test_from": "2024-02-01", "format": "%m/%d/%Y"},
            [0, 1],
        ),
        (
            pa.array(["05.01.2024 23:59 +0000", "06.01.2024 00:30 +0100", "06.01.2024 01:00 +0000"]),
            {"validation_from": "2024-01-06T00:00Z", "test_from": "2025-01-01T00Z", "format": "%d.%m.%Y %H:%M %z"},
            [0, 0, 1],
        ),
        (
            pa.array([1704499199, 1704499200, 1704672000]),
            {"validation_from": "2024-01-06T00:00Z", "test_from": "2024-01-08T00:00Z", "unit": "s"},
            [0, 1, 2],
        ),
        (
            pa.array(["1704499199999", "1704499200000"]),
            {"validation_from": 1704499200000, "test_from": 1704672000000, "unit": "ms"},
            [0, 1],
        ),
        (
            pa.array([1704499199.5, 1704499200.0, 1704499200.5]),
            {"validation_from": "2024-01-06T00:00:00Z", "test_from": "2024-01-06T00:00:00.5Z", "unit": "s"},
            [0, 1, 2],
        ),
        # An hour of a date counts: midnight lies before noon.
        (
            pa.array([datetime.date(2024, 1, 6), datetime.date(2024, 1, 7)]),
            {"validation_from": "2024-01-06T12:00", "test_from": "2024-01-07T12:00"},
            [0, 1],
        ),
        # A wall clock in Berlin, an hour ahead of UTC in winter.
        (
            pa.array(["2024-01-06 00:30:00", "2024-01-06 01:00:00"]),
            {"validation_from": "2024-01-06T00:00Z", "test_from": "2024-02-01T00:00Z", "zone": "Europe/Berlin"},
            [0, 1],
        ),
        (
            pa.array(
                [datetime.datetime(2024, 1, 5, 22, 59), datetime.datetime(2024, 1, 5, 23)], pa.timestamp("us", "UTC")
            ),
            {"validation_from": "2024-01-06", "test_from": "2024-02-01", "zone": "Europe/Berlin"},
            [0, 1],
        ),
        (pa.array([decimal.Decimal("1.5"), decimal.Decimal("2.5")]), {"validation_from": 2, "test_from": 3}, [0, 1]),
        (
            pa.array(["2024-01-06T00:00:00.123456788", "2024-01-06T00:00:00.123456789"]),
            {"validation_from": "2024-01-06T00:00:00.123456789", "test_from": "2025-01"},
            [0, 1],
        ),
        (pa.array(["0999-01-01", "9999-12-31"]), {"validation_from": "2024-01-01", "test_from": "9999-01-01"}, [0, 2]),
    ],
    ids=str,
)
def test_times_are_times(values: pa.Array, settings: dict[str, Any], expected: list[int]) -> None:
    assert _parts(values, **settings) == expected


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        (["12/31/2023"], {}, "row 1: expected an ISO 8601 time, .*say|`format`"),
        (["2024-01-06", "soon"], {}, "row 2: .*Received: 'soon'"),
        (["2024-01-06T00:00Z"], {}, "states an offset from UTC and the bounds of `split` do not .*Say `zone`"),
        (["2024-01-06", "2024-01-06T00:00Z"], {}, "row 2: .*in all rows or in none"),
        (["2024-01-06", "20240106"], {"format": "%Y-%m-%d"}, "row 2: expected a time written as `format`"),
        (["2024-01-06"], {"format": "%d.%m.%Y"}, "row 1: expected a time written as `format` '%d.%m.%Y' says"),
        ([1704499199], {}, "holds int64 .*say `unit: s` or `unit: ms`"),
        (["2024-01-06"], {"unit": "s", "zone": "UTC"}, "row 1: expected a number of s since 1970"),
    ],
)
def test_what_is_no_time_is_named(values: list[Any], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(LogError, match=message):
        _parts(pa.array(values), validation_from="2024-01-06", test_from="2024-02-01", **settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"validation_from": "12/31/2023", "test_from": "2024-02-01"},
            "`validation_from` should be a number, or an ISO",
        ),
        ({"validation_from": "2024-01-06", "test_from": "2024-02-01T00Z"}, "both times without one"),
        ({"validation_from": "2024-01-06", "test_from": 5}, "should be both numbers"),
        ({"validation_from": "2024-01-06", "test_from": "2024-01-05"}, "should be below `test_from`"),
        (
            {"validation_from": "2024-01-06", "test_from": "2024-02-01", "zone": "Berlin"},
            "`zone` should be a time zone",
        ),
        ({"validation_from": 1, "test_from": 2, "unit": "s", "format": "%Y"}, "give one of them"),
    ],
)
def test_bounds_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _split(**settings)


_MOMENTS = st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2200, 1, 1))


@given(
    st.lists(_MOMENTS, min_size=1, max_size=20),
    st.lists(_MOMENTS, min_size=2, max_size=2, unique=True),
    st.sampled_from(["text", "s", "ms", "us", "ns"]),
)
def test_times_agree_with_python(moments: list, bounds: list, form: str) -> None:
    first, second = sorted(bounds)
    expected = [int(moment >= first) + int(moment >= second) for moment in moments]
    if form == "text":
        values = pa.array([moment.isoformat() for moment in moments])
    else:
        values = pa.array(moments, pa.timestamp("us")).cast(pa.timestamp(form), safe=False)
        moments = pd.to_datetime(values.cast(pa.timestamp("us")).to_pylist()).tolist()
        expected = [int(moment >= first) + int(moment >= second) for moment in moments]
    assert _parts(values, validation_from=first.isoformat(), test_from=second.isoformat()) == expected


# 5. Whole numbers and 32-bit floats.


def _labels(folder: Path, values: list[str], tasks: list[dict[str, Any]], group: dict[str, Any]) -> tuple[list, list]:
    """Labels of the tasks and values of the group for a CSV column ``x``, from file to splitter."""
    _csv(folder, "x\n" + "".join(f"{value}\n" for value in values))
    splitter = NegativeSplitterSettings.model_validate(
        {"tasks": tasks, "groups": [{"name": "g", "column": "x", **group}]}
    )
    cuts = {name: tuple(numbers) for name, numbers in number_cuts(splitter).items()}
    stored = column(log_settings(folder, {"x": "number"}, cuts=cuts), "x")
    array = pa.array([[value] for value in stored], pa.large_list(pa.float32()))
    batch = pa.RecordBatch.from_arrays([array], ["x"])
    import tensorflow as tf

    added, _ = BatchSplitter(splitter).split(batch, "train")
    features = [tf.train.Example.FromString(row).features.feature for row in added]
    labels = [[row[f"label/{task['name']}"].int64_list.value[0] for task in tasks] for row in features]
    return labels, [row["group/g"].bytes_list.value[0].decode() for row in features]


def test_rules_and_buckets_compare_whole_numbers(tmp_path: Path) -> None:
    values = ["100000000", "100000001", "100000002", "100000003", "100000004"]
    tasks = [
        {"name": "a", "column": "x", "positive": "== 100000001"},
        {"name": "b", "column": "x", "positive": "in [100000002, 100000004]"},
        {"name": "c", "column": "x", "positive": "> 100000002"},
    ]
    labels, bands = _labels(tmp_path, values, tasks, {"buckets": [100000001, 100000003]})
    assert labels == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]]
    assert bands == ["<100000001"] + ["100000001-100000003"] * 2 + [">=100000003"] * 2


def test_beyond_what_float64_holds(tmp_path: Path) -> None:
    values = ["9007199254740992", "9007199254740993", "9007199254740994"]
    tasks = [{"name": "a", "column": "x", "positive": "== 9007199254740993"}]
    labels, _ = _labels(tmp_path, values, tasks, {"buckets": [16777216, 16777217]})
    assert labels == [[0], [1], [0]]


_NUMBERS = st.one_of(
    st.integers(-(2**62), 2**62),
    st.integers(2**24 - 3, 2**24 + 3),
    st.floats(-1e30, 1e30, allow_nan=False),
    st.just(0.1),
)


@given(st.lists(_NUMBERS, min_size=1, max_size=8), st.lists(_NUMBERS, min_size=1, max_size=5))
def test_cuts_keep_every_comparison(values: list, numbers: list) -> None:
    values = values + numbers + [number + 1 for number in numbers if isinstance(number, int)]
    cuts = Cuts(numbers)
    exact = {index: value for index, value in enumerate(values)}
    stored = cuts.round(np.array(values, np.float64), exact)
    for value, kept in zip(values, stored.tolist(), strict=True):
        for number in numbers:
            at = cuts.stored(number)
            assert (kept < at, kept == at, kept > at) == (value < number, value == number, value > number)


def test_ordinary_numbers_are_stored_as_ever() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    np.testing.assert_array_equal(Cuts([0, 0.5, 1]).round(values), values.astype(np.float32))
    single = np.array([0.1, 0.2], np.float32)
    assert Cuts([0.1]).round(single.astype(np.float64), single=True).tolist() == single.tolist()


def test_numbers_that_floats_merge_are_named(tmp_path: Path) -> None:
    _csv(tmp_path, "t,x\n" + "".join(f"{1_700_000_000 + second},{second / 7}\n" for second in range(1000)))
    _, noticed = read_log(log_settings(tmp_path, {"t": "number", "x": "number"}))
    ((kind, name, count, example),) = noticed.to_json()
    assert (kind, name) == ("merged_numbers", "t") and count > 900
    assert example == "1700000000 and 1700000001 become 1700000000"


# 6. Ids that were written as floats.


def test_an_id_is_the_same_id_in_every_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({"user": [1234567890123456.0, 7.0, None, 1.5]}), tmp_path / "log.parquet")
    settings = log_settings(tmp_path, {"user": "string"}, read={"format": "parquet"})
    assert column(settings, "user") == ["1234567890123456", "7", None, "1.5"]
    (tmp_path / "log.parquet").unlink()
    _csv(tmp_path, "user\n1000\n-0.0\n0.50\n1000.01\n", "log_1")
    _csv(tmp_path, "user\n1000.0\n007.0\n1e3\n", "log_2")
    rows, noticed = read_log(log_settings(tmp_path, {"user": "string"}))
    # What pandas did not write is left as it stands.
    assert [row["user"] for row in rows] == ["1000", "0", "0.50", "1000.01", "1000", "007.0", "1e3"]
    assert noticed.to_json() == [["whole_decimals", "user", 2, "-0.0 is read as 0"]]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([decimal.Decimal("1000.00"), decimal.Decimal("1.50"), None]), ["1000", "1.5", None]),
        (pa.array([decimal.Decimal("1234567890123456789012345678901.50")]), ["1234567890123456789012345678901.5"]),
        (pa.array([1000.0, 0.1], pa.float32()), ["1000", "0.1"]),
        (pa.array(np.array([2048, 0.5], np.float16)), ["2048", "0.5"]),
        (pa.array([2**53 + 1, -5]), ["9007199254740993", "-5"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
    ],
)
def test_numbers_as_ids(values: pa.Array, texts: list[str | None]) -> None:
    assert convert(values, Need("id", "string"), (), _PLACE).to_pylist() == texts


def test_floats_that_stand_for_several_whole_numbers_are_named() -> None:
    noticed = Notices()
    convert(pa.array([1.2345678901234567e18]), Need("id", "string"), (), _PLACE, noticed)
    assert noticed.to_json() == [["large_floats", "id", 1, "such as 1.2345678901234568e+18"]]


def test_a_side_table_with_other_spellings_is_named(tmp_path: Path) -> None:
    _csv(tmp_path, "user,x\n" + "".join(f"{user},1\n" for user in range(10)))
    _csv(tmp_path, "user,age\n" + "".join(f"u{user},3\n" for user in range(10)), "users.csv")
    table = {"name": "users", "files": ["users.csv"], "key": "user"}
    rows, noticed = read_log(log_settings(tmp_path, {"x": "number", "age": "number"}, side_tables=[table]))
    counts = {"rows": {"train": 10}, "capped": {}, "dropped_missing": 0, "side_table_misses": {"users": 10}}
    assert sentences(noticed, counts) == [
        "Side table `users` has no match for 10 of 10 rows (100 %), whose columns from there are missing: the log has '0', "
        "the table 'u0'; compare how log and table write the key."
    ]
    assert sentences(noticed, {**counts, "side_table_misses": {"users": 4}}) == []


def test_rows_without_a_key_are_split_by_row(tmp_path: Path) -> None:
    _csv(tmp_path, "user,x\n" + "".join(f"{user if user % 5 else ''},{user}\n" for user in range(20_000)))
    split = {"by": "hash", "columns": ["user"], "fractions": {"train": 0.7, "validation": 0.15, "test": 0.15}}
    rows, noticed = read_log(log_settings(tmp_path, {"user": "string", "x": "number"}, split=split))
    shares = pd.Series([row["split"] for row in rows]).value_counts(normalize=True)
    np.testing.assert_allclose(shares[["train", "validation", "test"]], [0.7, 0.15, 0.15], atol=0.02)
    keyless = pd.Series([row["split"] for row in rows if row["user"] is None]).value_counts(normalize=True)
    np.testing.assert_allclose(keyless[["train", "validation", "test"]], [0.7, 0.15, 0.15], atol=0.04)
    assert noticed.to_json() == [["no_split_key", "`user`", 4000, ""]]
    counts = {"rows": {"train": 20_000}, "capped": {}, "dropped_missing": 0, "side_table_misses": {}}
    assert sentences(noticed, counts) == [
        "4,000 of 20,000 rows (20 %) have no value in `user`, which `split` divides by: they are divided by the row's hash, "
        "each by itself."
    ]


# 7. Missing marks.


@pytest.mark.parametrize("mark", ["-1", "-1.0", "-1.00"])
@pytest.mark.parametrize(
    "values",
    [
        pa.array(["-1.0", "-1", "2"]),
        pa.array([-1.0, -1.0, 2.0]),
        pa.array([-1, -1, 2]),
        pa.array([decimal.Decimal("-1.0"), decimal.Decimal("-1.0"), decimal.Decimal("2.0")]),
        pa.array(["-1.0", "-1", "2"]).dictionary_encode(),
    ],
    ids=lambda values: str(values.type),
)
def test_marks_that_are_numbers_are_compared_as_numbers(values: pa.Array, mark: str) -> None:
    assert convert(values, Need("x", "number"), (mark,), _PLACE).to_pylist() == [None, None, 2.0]
    assert convert(values, Need("x", "string"), (mark,), _PLACE).to_pylist() == [None, None, "2"]
    assert convert(values, Need("x", "strings"), (mark,), _PLACE).to_pylist() == [None, None, ["2"]]


def test_marks_are_found_however_deep_the_type_is() -> None:
    inner = pa.array(["NA", "", "a", "b"]).dictionary_encode()
    lists = pa.ListArray.from_arrays(pa.array([0, 3, 4]), inner)
    assert convert(lists, Need("x", "strings"), ("NA",), _PLACE).to_pylist() == [["a"], ["b"]]
    single = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3, 4]), inner)
    assert convert(single, Need("x", "string"), ("NA",), _PLACE).to_pylist() == [None, None, "a", "b"]
    fixed = pa.FixedSizeListArray.from_arrays(inner, 2)
    assert convert(fixed, Need("x", "strings"), ("NA",), _PLACE).to_pylist() == [None, ["a", "b"]]


@pytest.mark.parametrize("kind", ["number", "string", "strings"])
@pytest.mark.parametrize(
    "values", [pa.array([{"a": 1}]), pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64()))], ids=str
)
def test_types_that_are_no_value_are_refused(values: pa.Array, kind: Any) -> None:
    with pytest.raises(LogError, match="column `x`, row 1: expected"):
        convert(values, Need("x", kind), (), _PLACE)


def test_a_mark_as_a_key_is_named(tmp_path: Path) -> None:
    _csv(tmp_path, "user,x\n" + "".join(f"{user if user % 5 else 'NULL'},{user}\n" for user in range(100)))
    split = {"by": "hash", "columns": ["user"], "fractions": {"train": 0.7, "validation": 0.15, "test": 0.15}}
    _, noticed = read_log(log_settings(tmp_path, {"user": "string", "x": "number"}, split=split))
    assert noticed.to_json() == [["mark_as_key", "user", 20, "'NULL'"]]
    counts = {"rows": {"train": 100}, "capped": {}, "dropped_missing": 0, "side_table_misses": {}}
    assert sentences(noticed, counts)[0].startswith("20 of 100 rows (20 %) have 'NULL' in column `user`, which `split`")


def test_what_has_no_logarithm_is_refused(tmp_path: Path) -> None:
    _csv(tmp_path, "x\n5\n-0.5\n-1\n")
    settings = log_settings(tmp_path, {"x": "number"}).model_copy(update={"log1p": ("x",)})
    with pytest.raises(LogError, match="column `x`, row 3: expected a number above -1. .*log1p_standardize"):
        read_log(settings)


def test_settings_write_whole_numbers_as_they_like() -> None:
    group = GroupSettings(name="g", column="x", values={"0.0": "no", "1.0": "yes", "1": "yes"})
    assert group.values == {"0": "no", "1": "yes"}
    with pytest.raises(ValidationError, match="should name '1' once, as which '1.0' is read"):
        GroupSettings(name="g", column="x", values={"1": "no", "1.0": "yes"})
    assert Rule.parse('== "1000.0"').literals == ("1000",)
