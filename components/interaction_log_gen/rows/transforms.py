"""The Beam pipeline: files → rows → tf.Examples → one set of shards a split."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow as tf
from apache_beam.io.filebasedsink import FileBasedSink
from apache_beam.metrics import Metrics
from apache_beam.utils.shared import Shared

from components.interaction_log_gen.reading import batches as reading
from components.interaction_log_gen.rows import encoding, join, sampling
from components.interaction_log_gen.rows.batches import Rows, read_rows, sample_hash
from components.interaction_log_gen.rows.columns import Plan
from components.interaction_log_gen.settings import InteractionLogGenSettings
from components.interaction_log_gen.values.notices import Notices
from models.formats.features import SPLITS

METRICS = "InteractionLogGen"
NOTICES = "notices"
# About 200,000 rows.
_SHARD_BATCHES = 20


class _ReadRows(beam.DoFn):
    """Reads the rows of a unit. A worker process holds the side tables once."""

    def __init__(self, settings: InteractionLogGenSettings, plan: Plan, shared: Shared) -> None:
        self._settings, self._plan, self._shared = settings, plan, shared
        self._tables: Sequence[join.SideTable] = ()

    def setup(self) -> None:
        self._tables = self._shared.acquire(lambda: _Tables(join.load(self._settings, self._plan.tables)))

    def process(self, unit: reading.Unit) -> Iterator[Rows]:
        yield from read_rows(self._settings, self._plan, self._tables, unit)


class _Tables(list[join.SideTable]):
    """A list that can be referred to weakly, as ``Shared`` does."""


# Named, so that the key has a coder that is deterministic.
@beam.typehints.with_output_types(beam.typehints.KV[str, np.ndarray])
class _Bins(beam.DoFn):
    """Yields (split, bins of the rows' hashes) for the splits that have a cap."""

    def __init__(self, capped: Iterable[str]) -> None:
        self._capped = sorted(capped)

    def process(self, rows: Rows) -> Iterator[tuple[str, np.ndarray]]:
        bins = sampling.bins(sample_hash(rows.columns))
        for name in self._capped:
            yield name, bins[rows.splits == SPLITS.index(name)]


class _Encode(beam.DoFn):
    """Encodes rows as tf.Examples and yields each split's under its tag, a list a batch; counts them."""

    def process(self, rows: Rows, caps: Optional[Mapping[str, sampling.Cap]] = None) -> Iterator[Any]:
        kept = np.ones(len(rows.splits), bool)
        if caps:
            bins = sampling.bins(sample_hash(rows.columns))
            for name, cap in caps.items():
                kept &= (rows.splits != SPLITS.index(name)) | (bins < cap.bound)
        self._count(rows, kept)
        if rows.notices:
            yield beam.pvalue.TaggedOutput(NOTICES, rows.notices)
        examples = encoding.encode({need.column: array for need, array in rows.columns.items()})
        for index, name in enumerate(SPLITS):
            chosen = kept & (rows.splits == index)
            if chosen.any():
                yield beam.pvalue.TaggedOutput(name, examples.filter(pa.array(chosen)).to_pylist())

    def _count(self, rows: Rows, kept: np.ndarray) -> None:
        Metrics.counter(METRICS, "dropped").inc(rows.dropped)
        for index, name in enumerate(SPLITS):
            here = rows.splits == index
            Metrics.counter(METRICS, f"rows/{name}").inc(int((here & kept).sum()))
            Metrics.counter(METRICS, f"capped/{name}").inc(int((here & ~kept).sum()))
        for number, missed in enumerate(rows.misses):
            Metrics.counter(METRICS, f"misses/{number}").inc(missed)


class _MergeNotices(beam.CombineFn):
    """Sums notices."""

    def create_accumulator(self) -> Notices:
        return Notices()

    def add_input(self, accumulator: Notices, element: Notices) -> Notices:
        return accumulator.merge([element])

    def merge_accumulators(self, accumulators: Iterable[Notices]) -> Notices:
        return Notices().merge(accumulators)

    def extract_output(self, accumulator: Notices) -> Notices:
        return accumulator


class _ExampleSink(FileBasedSink):
    """Writes lists of serialized examples as TFRecords; shards are renamed into place when all are complete.

    TensorFlow's writer takes a microsecond for a record where Beam's takes twenty.
    """

    def __init__(self, prefix: str) -> None:
        super().__init__(prefix, beam.coders.BytesCoder(), file_name_suffix=".gz", max_records_per_shard=_SHARD_BATCHES)

    def open(self, temp_path: str) -> tf.io.TFRecordWriter:
        # The fastest level: the others take three times as long for a quarter less.
        return tf.io.TFRecordWriter(temp_path, tf.io.TFRecordOptions(compression_type="GZIP", compression_level=1))

    def write_record(self, file_handle: tf.io.TFRecordWriter, value: Sequence[bytes]) -> None:
        for example in value:
            file_handle.write(example)


def write_examples(
    pipeline: beam.Pipeline,
    settings: InteractionLogGenSettings,
    plan: Plan,
    paths: Sequence[Sequence[str]],
    split_folders: Mapping[str, str],
    notices: str,
) -> None:
    """Adds to ``pipeline`` what reads the log and writes ``<folder>/data_tfrecord-SSSSS-of-NNNNN.gz`` of each split.

    Which split a row falls into, and its bytes, depend on the row alone (and, with ``max_rows``, on the set of rows):
    not on the runner, the number of workers or the order of files.

    Args:
      pipeline: of any runner.
      settings: of the component.
      plan: where columns come from.
      paths: files of each source.
      split_folders: folder of each of ``models.formats.features.SPLITS``.
      notices: file for what a person should know of the log, the JSON of ``Notices``.
    """
    shared = Shared()
    work = [(source, path) for source, files in enumerate(paths) for path in files]
    units = (
        pipeline
        | "Files" >> beam.Create(work, reshuffle=False)
        | "Units"
        >> beam.FlatMapTuple(lambda source, path: reading.units(source, path, settings.log.sources[source].read))
        | "Spread" >> beam.Reshuffle()
    )
    encode = beam.ParDo(_Encode())
    if settings.log.max_rows:
        encode = beam.ParDo(_Encode(), caps=beam.pvalue.AsDict(_caps(units, settings, plan, shared)))
    rows = units | "Read" >> beam.ParDo(_ReadRows(settings, plan, shared))
    splits = rows | "Encode" >> encode.with_outputs(*SPLITS, NOTICES)
    for name in SPLITS:
        prefix = os.path.join(split_folders[name], "data_tfrecord")
        splits[name] | f"Write[{name}]" >> beam.io.Write(_ExampleSink(prefix))
    _ = (
        splits[NOTICES]
        | "SumNotices" >> beam.CombineGlobally(_MergeNotices())
        | "WriteNotices" >> beam.Map(_write, notices)
    )


def _write(found: Notices, path: str) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        json.dump(found.to_json(), file, allow_nan=False)


def _caps(units: beam.PCollection, settings: InteractionLogGenSettings, plan: Plan, shared: Shared) -> beam.PCollection:
    """(split, Cap) of each split with ``max_rows``. Reads the log a first time: nothing of it is kept for the second."""
    most = dict(settings.log.max_rows)
    return (
        units
        | "ReadToCount" >> beam.ParDo(_ReadRows(settings, plan, shared))
        | "Bins" >> beam.ParDo(_Bins(most))
        | "CountBins" >> beam.CombinePerKey(sampling.CountBins())
        | "Caps" >> beam.MapTuple(lambda name, counts: (name, sampling.cap(counts, most[name])))
    )
