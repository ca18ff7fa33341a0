import bz2
import gzip
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import csv_reading
from components.interaction_log_gen.reading.batches import Unit, read_batches
from components.interaction_log_gen.settings import ReadSettings


def _read(path: Path, wanted: list[str], **settings) -> list[dict[str, str]]:
    read = ReadSettings(**settings)
    return [
        row
        for batch in read_batches(Unit(0, str(path)), read, wanted, {})
        for row in pa.table(batch.columns).to_pylist()
    ]


def _file(folder: Path, content: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_cells_are_text_and_only_wanted_columns_come(tmp_path: Path) -> None:
    path = _file(tmp_path, "a,b,c\n01,x,\n2.50,y,z\n")
    assert _read(path, ["c", "a"]) == [{"c": "", "a": "01"}, {"c": "z", "a": "2.50"}]


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "\r\n"])
def test_the_last_line_may_end_as_it_likes(tmp_path: Path, ending: str) -> None:
    assert _read(_file(tmp_path, "a,b\n1,2" + ending), ["a", "b"]) == [{"a": "1", "b": "2"}]


def test_quotes_hold_separators_line_breaks_and_quotes(tmp_path: Path) -> None:
    path = _file(tmp_path, 'a,"b\nb"\n"x,\ny","say ""hi"""\n1,2\n')
    assert _read(path, ["a", "b\nb"]) == [{"a": "x,\ny", "b\nb": 'say "hi"'}, {"a": "1", "b\nb": "2"}]


def test_a_byte_order_mark_is_no_part_of_a_name_or_cell(tmp_path: Path) -> None:
    assert _read(_file(tmp_path, "\ufeffa,b\n1,2\n"), ["a"]) == [{"a": "1"}]
    path = _file(tmp_path, "\ufeff1,2\n")
    assert _read(path, ["a"], header=False, column_names=("a", "b")) == [{"a": "1"}]


def test_rows_are_skipped_before_header_or_data(tmp_path: Path) -> None:
    path = _file(tmp_path, '|made by "hand\nsecond line, with a comma\na,b\n1,2\n')
    assert _read(path, ["b"], skip_rows=2) == [{"b": "2"}]
    path = _file(tmp_path, "|1x3 Cross validator\n1,2\n")
    names = ("a", "b")
    assert _read(path, ["b"], skip_rows=1, header=False, column_names=names) == [{"b": "2"}]


def test_names_given_beside_a_header_replace_it(tmp_path: Path) -> None:
    assert _read(_file(tmp_path, "a,b\n1,2\n"), ["y"], column_names=("x", "y")) == [{"y": "2"}]


def test_strip_and_trailing(tmp_path: Path) -> None:
    path = _file(tmp_path, "a, label\n x , >50K.\n y. , <=50K .\n")
    assert _read(path, ["a", "label"], strip=True, trailing=".") == [
        {"a": "x", "label": ">50K"},
        {"a": "y.", "label": "<=50K"},
    ]


def test_a_separator_at_the_end_of_rows_is_no_cell(tmp_path: Path) -> None:
    path = _file(tmp_path, "1 2 \n3 4\n5 6   ")
    rows = _read(path, ["b"], separator=" ", trailing=" ", header=False, column_names=("a", "b"))
    assert rows == [{"b": "2"}, {"b": "4"}, {"b": "6"}]


@pytest.mark.parametrize("name", ["log.csv.gz", "LOG.CSV.GZ", "log"])
def test_gzip_is_read_by_its_content(tmp_path: Path, name: str) -> None:
    path = _file(tmp_path, gzip.compress(b"a\n1\n") + gzip.compress(b"2\n"), name)
    assert _read(path, ["a"]) == [{"a": "1"}, {"a": "2"}]
    path = _file(tmp_path, gzip.compress(b"a\n1\n") + b"\0" * 1000, name)
    assert _read(path, ["a"]) == [{"a": "1"}]
    # Unpacked on its way, under its old name.
    assert _read(_file(tmp_path, b"a\n1\n", name), ["a"]) == [{"a": "1"}]


@pytest.mark.parametrize("packed", [bz2.compress, lzma.compress])
def test_other_compressions_are_read_too(tmp_path: Path, packed) -> None:
    assert _read(_file(tmp_path, packed(b"a\n1\n")), ["a"]) == [{"a": "1"}]


def test_a_file_with_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert _read(_file(tmp_path, "a,b\n"), ["a"]) == []


def test_batches_come_lazily_and_small(tmp_path: Path) -> None:
    # Three blocks of Arrow, the last of them broken: the first rows come before anything notices.
    row = "x" * 99
    path = _file(tmp_path, "a\n" + f"{row}\n" * 130_000 + "1,2\n")
    batches = read_batches(Unit(0, str(path)), ReadSettings(), ["a"], {})
    first = next(batches)
    assert (first.first_row, first.rows) == (0, 10_000)
    second = next(batches)
    assert second.first_row == 10_000
    with pytest.raises(LogError, match="row 130,001"):
        for batch in batches:
            assert batch.rows <= 10_000 and len(batch.columns["a"]) == batch.rows


@pytest.mark.parametrize(
    ("content", "settings", "row"),
    [
        ("a,b\n1,2\n1,2,3\n", {}, "row 2: expected 2 cells (a, b) separated by ','. Received: 3 in '1,2,3'"),
        ("a,b\n1,2\n1\n", {}, "row 2: expected 2 cells (a, b) separated by ','. Received: 1 in '1'"),
        ("#\n1,2\n1,2\n1\n", {"skip_rows": 1, "header": False, "column_names": ("a", "b")}, "row 3: expected 2 cells"),
    ],
)
def test_a_row_with_another_number_of_cells_is_named(tmp_path: Path, content: str, settings: dict, row: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(LogError) as error:
        _read(path, ["a"], **settings)
    assert str(path) in str(error.value) and row in str(error.value)


def test_a_missing_column_is_named_with_those_found(tmp_path: Path) -> None:
    path = _file(tmp_path, "a,b\n1,2\n")
    with pytest.raises(LogError) as error:
        _read(path, ["a", "c", "d"])
    assert str(error.value) == f"{path}: expected column `c`, `d`. Columns found: a, b"


def test_a_reserved_column_is_named_with_its_side_table(tmp_path: Path) -> None:
    path = _file(tmp_path, "a,b\n1,2\n")
    with pytest.raises(LogError, match="column `b` is both here and in side table `users`"):
        list(read_batches(Unit(0, str(path)), ReadSettings(), ["a"], {"b": "users"}))


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("a,b,a\n1,2,3\n", {}, "expected each column once. Received twice: a"),
        ("1,2\n", {"header": False, "column_names": ("a", "a")}, "expected each column once. Received twice: a"),
        ("", {}, "expected a header after 0 skipped rows. Received: nothing"),
        ("a,b\n", {"skip_rows": 1}, "expected a header after 1 skipped rows. Received: nothing"),
        (b"\xfa,b\n1,2\n", {}, "expected text in utf-8. Received: bytes b'\\xfa' that are none at byte 0"),
        (b"\xff\xfe,b\n1,2\n", {}, "Received: text in utf-16; say `read: {encoding: utf-16}`"),
    ],
)
def test_bad_headers(tmp_path: Path, content: str | bytes, settings: dict, message: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(LogError) as error:
        csv_reading.column_names(str(path), ReadSettings(**settings))
    assert message in str(error.value) and str(path) in str(error.value)


def test_a_cell_that_is_not_utf8(tmp_path: Path) -> None:
    path = _file(tmp_path, b"a,b\n1,2\n3,\xff\xfe\n")
    with pytest.raises(LogError, match=r"bytes b'.xff' that are none at byte 10 .*say `encoding`"):
        _read(path, ["a", "b"])


def test_a_truncated_gzip_file_says_how_far_it_was_read(tmp_path: Path) -> None:
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(700_000)))
    path = _file(tmp_path, whole[: len(whole) - 1000], "log.csv.gz")
    with pytest.raises(LogError) as error:
        _read(path, ["a"])
    message = str(error.value)
    assert f"{path}: expected csv. Rows read before it failed: " in message and "end-of-stream" in message
    assert 100_000 < int(message.split("failed: ")[1].split(".")[0]) < 700_000
