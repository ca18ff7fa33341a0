"""Reads CSV through Arrow, every cell as text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from components.interaction_log_gen import files
from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.row_ends import WithoutTrailing
from components.interaction_log_gen.settings import ReadSettings

# The largest row that can be read, and what is held in memory at a time.
_BLOCK_BYTES = 4 << 20


class _Header(NamedTuple):
    names: list[str]
    lines: int


def column_names(path: str, read: ReadSettings) -> list[str]:
    """Column names from the settings, or else from the first row after ``skip_rows``.

    Raises:
      LogError: there is no such row, or a name stands twice.
    """
    return _header(path, read).names


def read(path: str, read: ReadSettings, wanted: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
    """Yields blocks of the ``wanted`` columns as strings, stripped as the settings say.

    Raises:
      LogError: a row with too few or too many cells, a cell that is not UTF-8, a truncated gzip file.
      pyarrow.ArrowException, OSError: the file cannot be read.
    """
    header = _header(path, read)
    rows = 0
    with _stream(path, read) as stream:
        try:
            for batch in _open(stream, header, read, wanted):
                rows += batch.num_rows
                yield {name: _cell(batch.column(i), name, header, read) for i, name in enumerate(wanted)}
        except pa.ArrowInvalid as error:
            if "Empty CSV file" in str(error) and rows == 0:
                return
            raise LogError(
                f"{path}: expected rows of {len(header.names)} cells ({', '.join(header.names)}) separated by "
                f"{read.separator!r}. Rows read before it failed: {rows}. Received: {error}"
            ) from error


def _stream(path: str, read: ReadSettings) -> pa.NativeFile:
    stream = files.open_stream(path)
    # A separator at the end of a row would be one more cell. Other characters are taken off the last cell, by Arrow.
    if read.separator in read.trailing:
        return pa.PythonFile(WithoutTrailing(stream, read.trailing), mode="r")
    return stream


def _open(
    stream: pa.NativeFile, header: _Header, read: ReadSettings, wanted: Sequence[str]
) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(
        stream,
        # One thread: a parse error then names its row, and Beam's workers are the parallelism.
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=_BLOCK_BYTES,
            skip_rows=read.skip_rows + header.lines,
            column_names=header.names,
        ),
        parse_options=pyarrow.csv.ParseOptions(delimiter=read.separator, newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            include_columns=list(wanted),
            column_types={name: pa.string() for name in wanted},
            strings_can_be_null=False,
        ),
    )


def _cell(array: pa.Array, name: str, header: _Header, read: ReadSettings) -> pa.Array:
    if read.strip:
        array = pc.utf8_trim_whitespace(array)
    if read.trailing and name == header.names[-1]:
        array = pc.utf8_rtrim(array, characters=read.trailing)
    return array


def _header(path: str, read: ReadSettings) -> _Header:
    names, lines = list(read.column_names or ()), 0
    if read.header:
        first, lines = _first_row(path, read)
        # Names given beside a header replace it.
        names = names or [name.strip() if read.strip else name for name in first]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LogError(f"{path}: expected each column once. Received twice: {', '.join(twice)}")
    return _Header(names, lines)


def _first_row(path: str, read: ReadSettings) -> tuple[list[str], int]:
    """Cells of the first row after ``skip_rows``, and how many lines it takes."""
    with _stream(path, read) as stream:
        # Text is decoded some way ahead of the header: what is wrong there is for the rows to tell.
        text = io.TextIOWrapper(io.BufferedReader(stream), "utf-8-sig", errors="surrogateescape", newline="")
        try:
            for _ in range(read.skip_rows):
                text.readline()
            rows = csv.reader(text, delimiter=read.separator)
            cells = next(rows, [])
            "".join(cells).encode()
        except (csv.Error, UnicodeEncodeError) as error:
            raise LogError(f"{path}: expected a header of UTF-8 text. Received: {error}") from error
    if not cells:
        raise LogError(f"{path}: expected a header after {read.skip_rows} skipped rows. Received: nothing")
    return cells, rows.line_num
