from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import batches as reading
from components.interaction_log_gen.reading.batches import Unit, read_batches, units
from components.interaction_log_gen.settings import ReadSettings

_PARQUET = ReadSettings(format="parquet")


def _parquet(folder: Path, rows: int = 25, group: int = 10) -> Path:
    path = folder / "log.parquet"
    table = pa.table({"i": range(rows), "t": [f"t{i}" for i in range(rows)], "l": [[i, i] for i in range(rows)]})
    pq.write_table(table, path, row_group_size=group)
    return path


def test_a_parquet_file_is_read_by_row_groups(tmp_path: Path) -> None:
    path = _parquet(tmp_path)
    found = units(3, str(path), _PARQUET)
    assert found == [Unit(3, str(path), 0, 0), Unit(3, str(path), 1, 10), Unit(3, str(path), 2, 20)]
    (batch,) = read_batches(found[1], _PARQUET, ["l", "i"], {})
    assert (batch.first_row, batch.rows) == (10, 10)
    assert list(batch.columns) == ["l", "i"]
    assert batch.columns["i"].to_pylist() == list(range(10, 20))
    assert batch.columns["l"].to_pylist()[0] == [10, 10]


def test_other_formats_are_one_unit_a_file() -> None:
    for name in ("csv", "tfrecord"):
        assert units(0, "anywhere", ReadSettings(format=name)) == [Unit(0, "anywhere")]  # type: ignore[arg-type]


def test_large_row_groups_come_in_batches(tmp_path: Path) -> None:
    path = _parquet(tmp_path, rows=25_000, group=25_000)
    (unit,) = units(0, str(path), _PARQUET)
    batches = list(read_batches(unit, _PARQUET, ["i"], {}))
    assert [(batch.first_row, batch.rows) for batch in batches] == [(0, 10_000), (10_000, 10_000), (20_000, 5_000)]
    assert [i for batch in batches for i in batch.columns["i"].to_pylist()] == list(range(25_000))


def test_a_file_without_rows_has_its_columns_checked(tmp_path: Path) -> None:
    path = tmp_path / "empty.parquet"
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), path)
    (unit,) = units(0, str(path), _PARQUET)
    assert list(read_batches(unit, _PARQUET, ["a"], {})) == []
    with pytest.raises(LogError, match="expected column `b`. Columns found: a"):
        list(read_batches(unit, _PARQUET, ["b"], {}))


def test_a_reserved_column_of_a_parquet_file(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="column `t` is both here and in side table `videos`"):
        list(read_batches(Unit(0, str(_parquet(tmp_path)), 0), _PARQUET, ["i"], {"t": "videos"}))


@pytest.mark.parametrize("content", [b"", b"not a parquet file at all", None])
def test_what_is_no_parquet_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = _parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:-20] if content is None else content)
    for read in (lambda: units(0, str(path), _PARQUET), lambda: reading.column_names(str(path), _PARQUET)):
        with pytest.raises(LogError) as error:
            read()
        assert str(error.value).startswith(f"{path}: expected parquet. Rows read before it failed: 0. Received: ")


def test_a_damaged_page_says_how_far_the_file_was_read(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"i": range(40_000)}), path, row_group_size=20_000, compression="gzip")
    second = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    start = second.dictionary_page_offset or second.data_page_offset
    content[start : start + 2_000] = b"\x00" * 2_000
    path.write_bytes(content)
    first, last = units(0, str(path), _PARQUET)
    assert sum(batch.rows for batch in read_batches(first, _PARQUET, ["i"], {})) == 20_000
    with pytest.raises(LogError, match=r"expected parquet\. Rows read before it failed: 20000\. Received: "):
        list(read_batches(last, _PARQUET, ["i"], {}))


def test_a_file_that_went_away(tmp_path: Path) -> None:
    with pytest.raises(
        LogError, match=r"gone\.csv: expected csv\. Rows read before it failed: 0\. Received: .*No such"
    ):
        list(read_batches(Unit(0, str(tmp_path / "gone.csv")), ReadSettings(), ["a"], {}))


@pytest.mark.parametrize("name", ["csv", "parquet"])
def test_names_of_columns(tmp_path: Path, name: str) -> None:
    if name == "parquet":
        path = _parquet(tmp_path)
    else:
        path = tmp_path / "log.csv"
        path.write_text("i,t,l\n", encoding="utf-8")
    assert reading.column_names(str(path), ReadSettings(format=name)) == ["i", "t", "l"]  # type: ignore[arg-type]
