"""Reads TFRecords of tf.Example into Arrow, a batch of records at a time."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import tensorflow as tf
from tfx_bsl.coders import example_coder

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import files
from components.interaction_log_gen.rows import columns


def column_names(path: str, batch_rows: int) -> list[str]:
    """Names of all features that any record has; reads the whole file."""
    found: dict[str, None] = {}
    for batch in _record_batches(path, batch_rows):
        found.update(dict.fromkeys(_present(batch)))
    return list(found)


def read(
    path: str, wanted: Sequence[str], reserved: Mapping[str, str], batch_rows: int
) -> Iterator[dict[str, pa.Array]]:
    """Yields the ``wanted`` features, each a list of values a record, null where a record lacks it.

    Raises:
      LogError: a damaged or truncated file, a record that is not a tf.Example, a feature that no record of the file has
        or that a side table has too.
    """
    found: dict[str, None] = {}
    rows = 0
    for batch in _record_batches(path, batch_rows):
        present = _present(batch)
        columns.check_reserved(path, present, reserved)
        found.update(dict.fromkeys(present))
        rows += batch.num_rows
        yield {
            name: columns.column(batch, name, path) if name in present else pa.nulls(batch.num_rows) for name in wanted
        }
    if rows:
        columns.check_found(path, list(found), wanted, reserved)


def _present(batch: pa.RecordBatch) -> list[str]:
    # A feature without any value in the batch has the type null.
    return [field.name for field in batch.schema if not pa.types.is_null(field.type)]


def _record_batches(path: str, batch_rows: int) -> Iterator[pa.RecordBatch]:
    decoder = example_coder.ExamplesToRecordBatchDecoder()
    compression = "GZIP" if files.is_gzip(path) else ""
    rows = 0
    try:
        # Not tf.data: it would claim the memory of every GPU, and this process needs none.
        records = iter(tf.compat.v1.io.tf_record_iterator(path, tf.io.TFRecordOptions(compression_type=compression)))
        while serialized := list(itertools.islice(records, batch_rows)):
            yield decoder.DecodeBatch(serialized)
            rows += len(serialized)
        if compression:
            _check_end(path)
    # The decoder raises RuntimeError for bytes that are no tf.Example, and for a feature with values of two types.
    except (tf.errors.OpError, RuntimeError, pa.ArrowException, OSError, EOFError, zlib.error) as error:
        raise LogError(
            f"{path}: expected TFRecords of tf.Example{' in gzip' if compression else ''}. "
            f"Rows read before it failed: {rows}. Received: {error}"
        ) from error


def _check_end(path: str) -> None:
    """Reads a gzip file to its end: TensorFlow takes one that was cut between two records for complete."""
    with files.open_stream(path) as stream:
        while stream.read(1 << 20):
            pass
