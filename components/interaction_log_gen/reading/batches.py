"""Reads a file as a stream of Arrow columns, whatever its format."""

from __future__ import annotations

import errno
import lzma
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Optional

import pyarrow as pa
import pyarrow.parquet as pq

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import csv_reading, files, looks
from components.interaction_log_gen.rows import columns
from components.interaction_log_gen.settings import ReadSettings
from components.interaction_log_gen.values.notices import Notices

BATCH_ROWS = 10_000


class Unit(NamedTuple):
    """What one worker reads at a time: a file, or one row group of a Parquet file. ``first_row`` rows lie before it."""

    source: int
    path: str
    row_group: Optional[int] = None
    first_row: int = 0


class Batch(NamedTuple):
    """At most ``BATCH_ROWS`` consecutive rows of a file: ``rows`` of them, after ``first_row`` others."""

    first_row: int
    rows: int
    columns: dict[str, pa.Array]


def units(source: int, path: str, read: ReadSettings) -> list[Unit]:
    """Parts of a file that can be read apart."""
    if read.format != "parquet":
        return [Unit(source, path)]
    with _told(path, read, 0), files.open_file(path) as stream:
        metadata = pq.ParquetFile(stream).metadata
    found, first_row = [], 0
    for group in range(metadata.num_row_groups):
        found.append(Unit(source, path, group, first_row))
        first_row += metadata.row_group(group).num_rows
    # A file without rows is read too, for its columns to be checked.
    return found or [Unit(source, path)]


def column_names(path: str, read: ReadSettings) -> list[str]:
    """Columns of a file. Those of TFRecords are known only after reading them all.

    Raises:
      LogError: the file cannot be read, or a name stands twice.
    """
    with _told(path, read, 0):
        if read.format == "csv":
            return csv_reading.column_names(path, read)
        if read.format == "parquet":
            with files.open_file(path) as stream:
                return csv_reading.distinct(pq.ParquetFile(stream).schema_arrow.names, path)
    from components.interaction_log_gen.reading import (
        tfrecord_reading,  # imports TensorFlow, which other formats need not
    )

    return tfrecord_reading.column_names(path, BATCH_ROWS)


def read_batches(
    unit: Unit,
    read: ReadSettings,
    wanted: Sequence[str],
    reserved: Mapping[str, str],
    notices: Optional[Notices] = None,
) -> Iterator[Batch]:
    """Yields the ``wanted`` columns of a file batch by batch; what has been yielded is not kept.

    Args:
      unit: the file, or a part of it.
      read: how to read it.
      wanted: names of columns.
      reserved: names that the file must not have → the side table that has them.
      notices: is told of what a person should know though nothing is wrong.

    Raises:
      LogError: the file cannot be read, is damaged or truncated, lacks a wanted column or has a reserved one.
    """
    rows = 0
    told = _told(unit.path, read, unit.first_row)
    with told:
        notices = Notices() if notices is None else notices
        for arrays in _arrays(unit, read, list(dict.fromkeys(wanted)), reserved, notices):
            count = len(next(iter(arrays.values())))
            for start in range(0, count, BATCH_ROWS):
                part = {name: array.slice(start, BATCH_ROWS) for name, array in arrays.items()}
                length = min(BATCH_ROWS, count - start)
                yield Batch(unit.first_row + rows, length, part)
                rows += length
                told.rows = unit.first_row + rows


def _arrays(
    unit: Unit, read: ReadSettings, wanted: Sequence[str], reserved: Mapping[str, str], notices: Notices
) -> Iterator[dict[str, pa.Array]]:
    if read.format == "tfrecord":
        from components.interaction_log_gen.reading import tfrecord_reading

        yield from tfrecord_reading.read(unit.path, wanted, reserved, BATCH_ROWS)
        return
    columns.check_found(unit.path, column_names(unit.path, read), wanted, reserved)
    if read.format == "csv":
        yield from csv_reading.read(unit.path, read, wanted, notices)
    else:
        yield from _parquet(unit, wanted)


def _parquet(unit: Unit, wanted: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
    with files.open_file(unit.path) as stream:
        file = pq.ParquetFile(stream)
        groups = range(file.num_row_groups) if unit.row_group is None else [unit.row_group]
        for batch in file.iter_batches(BATCH_ROWS, row_groups=list(groups), columns=list(wanted)):
            yield {name: columns.column(batch, name, unit.path) for name in wanted}


def check_records(path: str) -> None:
    """Refuses a file that does not begin with a TFRecord, without TensorFlow, which takes seconds to import.

    Raises:
      LogError: It begins with something else, or cannot be read.
    """
    with _told(path, ReadSettings(format="tfrecord"), 0), files.open_stream(path) as stream:
        looks.refuse_other_than_records(stream.read(looks.FIRST_BYTES), path)


class _told:  # noqa: N801  read as a verb
    """Turns what Arrow and the disk raise into our error, with the file and how far it was read."""

    def __init__(self, path: str, read: ReadSettings, rows: int) -> None:
        self.path, self.read, self.rows = path, read, rows

    def __enter__(self) -> _told:
        return self

    def __exit__(self, kind: object, error: Optional[BaseException], trace: object) -> None:
        # A file that breaks off, and damaged blocks of gzip, xz and bzip2.
        if isinstance(error, (pa.ArrowException, OSError, EOFError, zlib.error, lzma.LZMAError)):
            raise LogError(
                f"{self.path}: expected {self.read.format}. Rows read before it failed: {self.rows}. "
                f"Received: {self._received(error)}"
            ) from error

    def _received(self, error: BaseException) -> str:
        """What the file is instead, or what is wrong with it, and what to do."""
        reason = " ".join(str(error).split())
        number = getattr(error, "errno", None)
        if number in (errno.EACCES, errno.EPERM):
            return "a file that this user may not read; give it the right to"
        # The machine's affair, and not the file's.
        if number in (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOMEM) or isinstance(error, pa.ArrowMemoryError):
            return reason
        other = looks.instead_of_parquet(self._first()) if self.read.format == "parquet" else None
        return other or f"a file that breaks off or is damaged ({reason}); copy or write it again"

    def _first(self) -> bytes:
        with files.open_file(self.path) as stream:
            return bytes(stream.read(looks.FIRST_BYTES))
