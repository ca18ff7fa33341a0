"""The CSV reader against Python's csv and pandas, cell by cell, on generated files."""

from __future__ import annotations

import csv
import gzip
import io
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import text as text_reading
from components.interaction_log_gen.reading.batches import Unit, read_batches
from components.interaction_log_gen.settings import ReadSettings

_MANY = int(os.environ.get("FUZZ_FILES", "0"))
_SETTINGS = settings(
    deadline=None, max_examples=_MANY or 150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
# Signs that dialects give a meaning, and letters that other encodings write differently.
_SIGNS = "ab1,;|\t\"'\\#\r\n ːéß年.:"
_TEXT = st.text(_SIGNS, max_size=6)


def _ours(path: Path, read: ReadSettings, names: list[str]) -> list[list[str]]:
    return [
        [row[name] for name in names]
        for batch in read_batches(Unit(0, str(path)), read, names, {})
        for row in pa.table(batch.columns).to_pylist()
    ]


@st.composite
def _files(draw: st.DrawFn, for_pandas: bool = False) -> tuple[bytes, ReadSettings, list[str], list[list[str]]]:
    """A file as Python's csv writes it, how to read it, and what stands in it."""
    separator = draw(st.sampled_from([",", ";", "|", "\t"]))
    quote = draw(st.sampled_from(['"', "'"] if for_pandas else ['"', "'", None]))
    escape = draw(st.sampled_from([None, "\\"])) if quote and not for_pandas else None
    comment = draw(st.sampled_from([None, None, "#"])) if not for_pandas else None
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-le"]))
    # pandas cannot always read its own files of bare carriage returns.
    ending = draw(st.sampled_from(["\n", "\r\n"] if for_pandas else ["\n", "\r\n", "\r"]))
    width = draw(st.integers(1, 4))
    names = [f"c{index}" for index in range(width)]
    # pandas takes a carriage return within quotes in its own way.
    cells = st.text(_SIGNS.replace("\r", ""), max_size=6) if for_pandas else _TEXT
    if quote is None:
        cells = st.text("".join(sign for sign in _SIGNS if sign not in separator + "\r\n"), max_size=6)
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=8))
    if for_pandas:
        # pandas passes over a row of white space alone.
        rows = [row if any(cell.strip() for cell in row) else ["a", *row[1:]] for row in rows]
    # Python's csv leaves a line end that is not its own unquoted.
    lean = csv.QUOTE_ALL if any(sign in cell for row in rows for cell in row for sign in "\r\n") else csv.QUOTE_MINIMAL
    out = io.StringIO(newline="")
    out.write(draw(st.sampled_from(["", "", ending])))
    writer = csv.writer(
        out,
        delimiter=separator,
        quotechar=quote,
        escapechar=escape,
        doublequote=draw(st.booleans()) if escape else True,
        quoting=draw(st.sampled_from([csv.QUOTE_ALL, lean])) if quote else csv.QUOTE_NONE,
        lineterminator=ending,
    )
    writer.writerow(names)
    for row in rows:
        if comment and draw(st.booleans()):
            out.write(f"{comment} no{separator}row{quote or ''}{ending}")
        try:
            writer.writerow(row)
        except csv.Error:
            assume(False)
    text = out.getvalue()
    if draw(st.booleans()):
        text = text.removesuffix(ending)
    if encoding == "latin-1":
        text = text.replace("ː", "x").replace("年", "y")
        rows = [[cell.replace("ː", "x").replace("年", "y") for cell in row] for row in rows]
    content = text.encode(encoding)
    read = ReadSettings(separator=separator, quote=quote, escape=escape, comment=comment, encoding=encoding)
    return draw(st.sampled_from([content, gzip.compress(content)])), read, names, rows


@given(_files(), st.integers(1, 40))
@_SETTINGS
def test_what_csv_writes_is_read_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: tuple, block: int
) -> None:
    content, read, names, rows = file
    path = tmp_path / "log"
    path.write_bytes(content)
    monkeypatch.setattr(text_reading, "BLOCK_BYTES", block)
    # A row of one empty cell is a blank line, which is no row; Python's csv writes it with quotes, where it may.
    expected = [row for row in rows if row != [""] or read.quote]
    if read.comment:
        # A row that begins like a comment cannot be told from one: csv knows of none.
        assume(not any(row[0].startswith(read.comment) for row in rows))
    try:
        found = _ours(path, read, names)
    except LogError:
        # Only for the two readings that differ: a cell of quotes alone in a dialect without doubling.
        assert read.escape is not None
        return
    assert found == expected


@given(_files(for_pandas=True), st.integers(1, 40))
@_SETTINGS
def test_pandas_reads_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: tuple, block: int) -> None:
    content, read, names, rows = file
    path = tmp_path / ("log.gz" if content[:2] == b"\x1f\x8b" else "log")
    path.write_bytes(content)
    monkeypatch.setattr(text_reading, "BLOCK_BYTES", block)
    frame = pd.read_csv(
        path, sep=read.separator, quotechar=read.quote, encoding=read.encoding, dtype=str, keep_default_na=False
    )
    assert _ours(path, read, names) == frame[names].to_numpy().tolist()


_LINES = st.lists(st.text('ab,"\n\r', max_size=8), min_size=1, max_size=10).map("\n".join)


@given(_LINES, st.integers(1, 20))
@_SETTINGS
def test_any_text_is_read_as_strict_csv_reads_it_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, block: int
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"x,y\n" + text.encode())
    monkeypatch.setattr(text_reading, "BLOCK_BYTES", block)
    try:
        expected = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
        fits = all(len(row) == 2 for row in expected)
    except csv.Error:
        fits = False
    if fits:
        assert _ours(path, ReadSettings(), ["x", "y"]) == expected
    else:
        with pytest.raises(LogError, match="row "):
            _ours(path, ReadSettings(), ["x", "y"])


@given(st.lists(st.lists(st.text('ab:\x1e"\n', max_size=5), min_size=2, max_size=2), min_size=1, max_size=6))
@_SETTINGS
def test_separators_of_several_signs(tmp_path: Path, rows: list[list[str]]) -> None:
    path = tmp_path / "log.dat"

    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ':"\n') else text

    text = "".join("::".join(cell(value) for value in row) + "\n" for row in rows)
    path.write_bytes(b"x::y\n" + text.encode())
    assert _ours(path, ReadSettings(separator="::"), ["x", "y"]) == rows
