"""Reads CSV through Arrow, every cell as text."""

from __future__ import annotations

import collections
import csv
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Optional

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import csv_records, files, looks
from components.interaction_log_gen.reading.csv_records import Block, Records
from components.interaction_log_gen.settings import ReadSettings
from components.interaction_log_gen.values.notices import Notices


def column_names(path: str, read: ReadSettings) -> list[str]:
    """Column names from the settings, or else from the first row after ``skip_rows``.

    Raises:
      LogError: there is no such row, or a name stands twice.
    """
    with _opened(path, read) as stream:
        return _header(Records(stream, path, read), path, read)


def read(path: str, read: ReadSettings, wanted: Sequence[str], notices: Notices) -> Iterator[dict[str, pa.Array]]:
    """Yields blocks of the ``wanted`` columns as strings, stripped as the settings say.

    Args:
      path: the file.
      read: how to read it.
      wanted: names of columns.
      notices: is told of cells with very many line breaks.

    Raises:
      LogError: a row with too few or too many cells, a quote that is not closed, bytes of another encoding.
      pyarrow.ArrowException, OSError, EOFError: the file cannot be read.
    """
    with _opened(path, read) as stream:
        records = Records(stream, path, read)
        names = _header(records, path, read)
        for block in records.blocks():
            for record, lines in block.long:
                row = records.records + record + 1
                notices.add("long_cell", path, 1, f"row {row:,} takes {lines:,} lines")
            table = _parse(block, names, read, wanted, path, records.records)
            records.records += table.num_rows
            if table.num_rows:
                yield {name: _cell(table.column(name), read) for name in wanted}


def _opened(path: str, read: ReadSettings) -> BinaryIO:
    """The file's bytes, decompressed, where they are not those of something else."""
    stream = files.open_stream(path)
    try:
        looks.refuse_other(_peeked(stream), path, read)
    except BaseException:
        stream.close()
        raise
    return stream


def _peeked(stream: Any) -> bytes:
    return bytes(stream.peek(looks.FIRST_BYTES)[: looks.FIRST_BYTES])


def _parse(
    block: Block, names: Sequence[str], read: ReadSettings, wanted: Sequence[str], path: str, before: int
) -> pa.Table:
    """The block's records as a table of the ``wanted`` columns, after ``before`` records."""
    text = block.text
    if not text.strip(b"\r\n"):
        return pa.table({name: pa.array([], pa.string()) for name in wanted})
    wrong: list[Any] = []

    def stop(row: Any) -> str:
        wrong.append(row)
        return "error"

    try:
        # Not read_csv, which asks the garbage collector for all that refers to its frame: a tenth of a second.
        table = pyarrow.csv.open_csv(
            pa.BufferReader(text),
            # One thread: a parse error then names its row, and Beam's workers are the parallelism. One block: no record
            # lies across two.
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
            pyarrow.csv.ParseOptions(
                delimiter=csv_records.delimiter(read),
                quote_char=read.quote or False,
                double_quote=True,
                escape_char=read.escape or False,
                newlines_in_values=True,
                invalid_row_handler=stop,
            ),
            pyarrow.csv.ConvertOptions(
                include_columns=list(wanted),
                column_types={name: pa.string() for name in wanted},
                strings_can_be_null=False,
            ),
        ).read_all()
    except pa.ArrowInvalid as error:
        if not wrong:
            raise
        raise _misfit(wrong[0], names, read, path, before) from error
    if block.records is not None and table.num_rows != block.records:
        raise LogError(
            f"{path}: rows {before + 1:,} to {before + block.records:,}: expected {block.records:,} rows, as Python's csv "
            f"reads them. Received: {table.num_rows:,} from Arrow; write the file with its quotes doubled or escaped alike"
        )
    return table


def _misfit(row: Any, names: Sequence[str], read: ReadSettings, path: str, before: int) -> LogError:
    named = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    text = row.text if len(row.text) <= 200 else row.text[:200] + "…"
    return LogError(
        f"{path}: row {before + row.number:,}: expected {row.expected_columns} cells ({named}) separated by "
        f"{read.separator!r}. Received: {row.actual_columns} in {text!r}; quote cells that hold the separator, or say "
        "`separator`, `quote` or `trailing` in `read`"
    )


def _cell(column: pa.ChunkedArray, read: ReadSettings) -> pa.Array:
    array = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    if len(read.separator) > 1:
        array = pc.replace_substring(array, csv_records.delimiter(read), read.separator)
    return pc.utf8_trim_whitespace(array) if read.strip else array


def _header(records: Records, path: str, read: ReadSettings) -> list[str]:
    """Names of the columns; leaves ``records`` at the first row."""
    names = list(read.column_names or ())
    if read.header:
        first = _first_row(records, path, read)
        # Names given beside a header replace it.
        names = names or [name.strip() if read.strip else name for name in first]
    return distinct(names, path)


def distinct(names: Sequence[str], path: str) -> list[str]:
    """``names``.

    Raises:
      LogError: one stands twice, so that a column could not be told by its name.
    """
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice:
        raise LogError(
            f"{path}: expected each column once. Received twice: {', '.join(sorted(twice)[:5])}; rename one, or take it out"
        )
    return list(names)


def _first_row(records: Records, path: str, read: ReadSettings) -> list[str]:
    found: Optional[list[str]] = None
    try:
        found = csv_records.cells(records.first(), read)
    except csv.Error as error:
        raise LogError(f"{path}: expected a header. Received: {error}") from error
    if not found:
        raise LogError(
            f"{path}: expected a header after {read.skip_rows} skipped rows. Received: nothing; where the file has rows "
            "and no header, say `header: false` and `column_names` in `read`"
        )
    if len(read.separator) == 1:
        return found
    return [cell.replace(csv_records.delimiter(read), read.separator) for cell in found]
