"""Reading, splitting and writing the files of a split, one at a time."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import tensorflow as tf

from components.negative_splitter.batches import BatchSplitter
from components.negative_splitter.counts import Counts, merge_counts
from components.negative_splitter.settings import NegativeSplitterSettings

BATCH_ROWS = 2048
# Writing takes longer than all else: level 1 writes 2.4 times as fast as the default and makes files 1.3 times as large.
COMPRESSION = tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1)


# What the TFRecord format puts around each record: its length (8 bytes) and two checksums (4 each).
_FRAME_BYTES = 16
# Header (10 bytes), an empty block (2) and trailer (8): a gzip file of nothing.
_SMALLEST_GZIP = 20


@dataclass(frozen=True)
class Shard:
    """A file of a split, and the file that is written for it."""

    split: str
    source: str
    target: str


def list_shards(split: str, pattern: str, folder: str) -> list[Shard]:
    """The files of a split in the order of their names, each with a target named as TFX's own examples are.

    Raises:
        FileNotFoundError: No file matches ``pattern``.
    """
    sources = sorted(tf.io.gfile.glob(pattern))
    if not sources:
        raise FileNotFoundError(f"split `{split}`: expected files of examples. Received: none at {pattern}")
    names = [f"data_tfrecord-{index:05d}-of-{len(sources):05d}.gz" for index in range(len(sources))]
    return [Shard(split, source, os.path.join(folder, name)) for source, name in zip(sources, names, strict=True)]


@beam.typehints.with_input_types(Shard)
@beam.typehints.with_output_types(Counts)
class SplitShard(beam.DoFn):
    """Adds the splitter's columns to every example of a file; yields the file's counts.

    A gzipped file cannot be read from its middle, so it is the unit of parallel work. Rows keep their order, and a batch
    of them is all that is held in memory.
    """

    def __init__(self, settings: NegativeSplitterSettings) -> None:
        super().__init__()
        self._settings_json = settings.model_dump_json()

    def setup(self) -> None:
        self._splitter = BatchSplitter(NegativeSplitterSettings.model_validate_json(self._settings_json))

    def process(self, shard: Shard) -> Iterator[Counts]:
        """Writes ``shard.target`` aside and renames it, so that a retried or doubled attempt leaves one whole file."""
        aside = f"{shard.target}.{uuid.uuid4().hex}.partial"
        total: Counts = {}
        tf.io.gfile.makedirs(os.path.dirname(shard.target))
        try:
            with tf.io.TFRecordWriter(aside, COMPRESSION) as writer:
                for records in _batches(shard):
                    added, counts = self._splitter.split(self._splitter.decode(records, shard.split), shard.split)
                    for record, columns in zip(records.numpy().tolist(), added, strict=True):
                        writer.write(record + columns)
                    total = merge_counts([total, {shard.split: counts}])
            tf.io.gfile.rename(aside, shard.target, overwrite=True)
        finally:
            if tf.io.gfile.exists(aside):
                tf.io.gfile.remove(aside)
        yield total


def _batches(shard: Shard) -> Iterator[tf.Tensor]:
    where = f"split `{shard.split}`, file {shard.source}: expected gzipped TFRecords. Received:"
    size = 0
    try:
        for records in tf.data.TFRecordDataset(shard.source, "GZIP").batch(BATCH_ROWS):
            size += int(tf.reduce_sum(tf.strings.length(records)) + _FRAME_BYTES * len(records))
            yield records
    except tf.errors.DataLossError as error:
        raise ValueError(f"{where} {error.message}") from error
    # TensorFlow takes a gzip stream that breaks off for one that ends; what was read has to be what was compressed.
    stated = _uncompressed_size(shard.source)
    if stated != size % 2**32:
        raise ValueError(f"{where} {size:,} readable bytes where its gzip trailer states {stated}; is it cut off?")


def _uncompressed_size(path: str) -> int | None:
    """The last four bytes of a gzip file: how many bytes it was before, modulo 2^32. None where it has no trailer."""
    with tf.io.gfile.GFile(path, "rb") as file:
        if file.size() < _SMALLEST_GZIP:
            return None
        file.seek(file.size() - 4)
        return int.from_bytes(file.read(), "little")


def columns_in(pattern: str, rows: int = BATCH_ROWS) -> list[str]:
    """Names of the columns in the first ``rows`` examples of the files that match ``pattern``, for error messages."""
    files = sorted(tf.io.gfile.glob(pattern))
    names: set[str] = set()
    for record in tf.data.TFRecordDataset(files, "GZIP").take(rows).as_numpy_iterator():
        names.update(tf.train.Example.FromString(record).features.feature)
    return sorted(names)
