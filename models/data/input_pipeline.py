"""Batches from transformed examples: TFRecord files in, dicts of tensors out."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Optional

import tensorflow as tf

from models.config.settings import FeatureSettings
from models.data.label_noise import flip, row_draws
from models.formats.features import group_key, label_key, negative_key, weight_key

Batch = dict[str, Any]

_READERS = 4
_READ_BUFFER = 8 << 20
_CHECK_BUFFER = 1 << 20


@dataclasses.dataclass(frozen=True)
class ExampleSource:
    """Transformed examples of one split, and how to read them.

    Attributes:
      patterns: File patterns of TFRecord files, compressed by GZIP where their name ends in ``.gz``.
      feature_spec: Transform's, for every column that is read.
      features: The model's inputs.
      tasks: Task names.
      groups: Group keys.
      split: For messages.
      noise: Task → share of its labels that are flipped at random.
      seed: Of the noise and of the draws.
      draws: Whether a batch holds ``draw``, a uniform number for each row that is the same in every epoch.
    """

    patterns: tuple[str, ...]
    feature_spec: Mapping[str, Any]
    features: FeatureSettings
    tasks: tuple[str, ...]
    groups: tuple[str, ...]
    split: str
    noise: Mapping[str, float] = dataclasses.field(default_factory=dict)
    seed: int = 0
    draws: bool = False

    def files(self) -> list[str]:
        """The files in a fixed order.

        Raises:
          FileNotFoundError: No file matches.
        """
        return matching_files(self.patterns, self.split)

    def check_complete(self) -> None:
        """Reads every file to its end: TensorFlow takes a gzip file that was cut between two records for complete.

        Raises:
          DataLossError: A file is truncated or damaged; the message names it and the split.
        """
        check_whole(self.files(), self.split)

    @property
    def in_memory(self) -> bool:
        """Whether ``records`` are a few bytes each, and what they stand for is in memory."""
        return False

    def records(self) -> tf.data.Dataset:
        """The rows in the files' order, unparsed."""
        return read_records(self.files())

    def columns(self, rows: tf.Tensor, names: Sequence[str]) -> dict[str, tf.Tensor]:
        """Columns of ``rows`` (elements of ``records``, [n]): [n], or [n, L] padded with −1."""
        parsed = tf.io.parse_example(rows, {name: self.feature_spec[name] for name in names})
        return {name: _padded(parsed[name]) for name in names}

    def row_draws(self, rows: tf.Tensor, name: str) -> tf.Tensor:
        """A uniform number for each row, float32 [n]; see ``label_noise.row_draws``."""
        return row_draws(rows, self.seed, name)

    def outcome_keys(self) -> list[str]:
        """Columns of labels, weights, kinds and groups, for passes that need no feature."""
        keys = [f(task) for task in self.tasks for f in (label_key, weight_key, negative_key)]
        return keys + [group_key(name) for name in self.groups]

    def parse(self, rows: tf.Tensor) -> Batch:
        """Parses a batch at once.

        Args:
          rows: Elements of ``records``, [n].

        Returns:
          ``features``: numeric float32 [n], categorical int64 [n], multi_categorical int64 [n, L] padded with −1;
          ``labels``, ``weights`` float32 [n] and ``kinds`` int64 [n] by task; ``groups`` int64 [n] by key; ``draw``
          float32 [n] where asked for.
        """
        names = [feature.name for feature in self.features.inputs]
        columns = self.columns(rows, names + self.outcome_keys())
        draws = {"draw": self.row_draws(rows, "draw")} if self.draws else {}
        return {"features": {name: columns[name] for name in names}, **self._outcomes(columns, rows), **draws}

    def batches(self, batch_size: int) -> Iterable[Batch]:
        """What ``parse`` returns for the rows in the files' order."""
        return ordered_batches(self, batch_size=batch_size)

    def parse_outcomes(self, rows: tf.Tensor) -> Batch:
        """As ``parse``, without ``features``."""
        return self._outcomes(self.columns(rows, self.outcome_keys()), rows)

    def _outcomes(self, columns: Mapping[str, tf.Tensor], rows: tf.Tensor) -> Batch:
        outcomes = {
            "labels": {task: tf.cast(columns[label_key(task)], tf.float32) for task in self.tasks},
            "weights": {task: columns[weight_key(task)] for task in self.tasks},
            "kinds": {task: columns[negative_key(task)] for task in self.tasks},
            "groups": {name: columns[group_key(name)] for name in self.groups},
        }
        return flip(outcomes, functools.partial(self.row_draws, rows), self.noise) if self.noise else outcomes


def matching_files(patterns: Sequence[str], split: str) -> list[str]:
    """The files that match, in a fixed order.

    Raises:
      FileNotFoundError: No file matches.
    """
    files = sorted(name for pattern in patterns for name in tf.io.gfile.glob(pattern))
    if not files:
        raise FileNotFoundError(f"split `{split}`: no transformed examples match {list(patterns)}")
    return files


def check_whole(files: Sequence[str], split: str) -> None:
    """Decompresses every gzip file to its end.

    Raises:
      DataLossError: A file is truncated or damaged; the message names it and the split.
    """
    for name in files:
        if not name.endswith(".gz"):
            continue
        try:
            with tf.io.gfile.GFile(name, "rb") as file, gzip.GzipFile(fileobj=file, mode="rb") as stream:
                while stream.read(_CHECK_BUFFER):
                    pass
        except (EOFError, OSError, zlib.error) as error:
            message = f"split `{split}`: {name} should be a whole gzip file. Received: {error}"
            raise tf.errors.DataLossError(None, None, message) from error


def element_spec(source: ExampleSource) -> dict[str, Any]:
    """Specs of what ``source.parse`` returns, by key."""
    return ordered_batches(source, batch_size=1).element_spec


def _padded(value: Any) -> tf.Tensor:
    return tf.sparse.to_dense(value, default_value=-1) if isinstance(value, tf.SparseTensor) else value


_SEEDS = 2**31 - 1


def epoch_seed(seed: int, epoch: Any, stream: int = 0) -> Any:
    """Seed of the order of rows in an epoch (and in one of its streams): resuming needs nothing but the epoch's index.

    Args:
      seed: The run's.
      epoch: An integer, or an int64 scalar.
      stream: An integer.

    Returns:
      Of the kind that ``epoch`` is.
    """
    # Distinct for all epochs below 2**16 and streams below 2**8; tf.data mixes the bits.
    return ((seed * 1_000_003 + stream * 65_537 * 257) % _SEEDS + epoch * 257) % _SEEDS


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """Serialized examples of ``files``, read in parallel, in a fixed order."""

    def read(name: tf.Tensor) -> tf.data.Dataset:
        compression = tf.where(tf.strings.regex_full_match(name, r".*\.gz"), "GZIP", "")
        return tf.data.TFRecordDataset(name, compression_type=compression, buffer_size=_READ_BUFFER)

    readers = min(_READERS, len(files))
    names = tf.data.Dataset.from_tensor_slices(list(files))
    return names.interleave(read, cycle_length=readers, block_length=64, num_parallel_calls=readers, deterministic=True)


def train_batches(
    source: ExampleSource,
    epochs: range,
    *,
    batch_size: int,
    shuffle_rows: int,
    seed: int,
    skip: int = 0,
    beside: Optional[tuple[Callable[[tf.Tensor], tf.data.Dataset], Callable[[Any], Any]]] = None,
) -> tf.data.Dataset:
    """Batches of ``epochs``, one after the other: to begin a dataset anew costs more than an epoch of a small log.

    Args:
      source: The train split.
      epochs: Their indices.
      batch_size: Rows; the last batch of an epoch may hold fewer.
      shuffle_rows: Size of the buffer that rows are drawn from.
      seed: The run's; with an epoch's index it fixes the epoch's order.
      skip: Number of batches to leave out of the first epoch, which then goes on where it was interrupted. They are read,
        not parsed.
      beside: From an epoch's index (int64 scalar) to its fairness batches, one for each batch, and the function that
        parses them; the result stands under ``fairness``.

    Returns:
      A dataset of what ``ExampleSource.parse`` returns.
    """

    @tf.autograph.experimental.do_not_convert
    def epoch_records(epoch: tf.Tensor) -> tf.data.Dataset:
        # Of this function's graph: the order would depend on the process's global seed too.
        tf.random.set_seed(1)
        records: Any = source.records().shuffle(shuffle_rows, epoch_seed(seed, epoch), reshuffle_each_iteration=False)
        records = records.batch(batch_size)
        if beside is not None:
            records = tf.data.Dataset.zip((records, beside[0](epoch)))
        return records.skip(tf.where(tf.equal(epoch, epochs.start), tf.constant(skip, tf.int64), 0))

    records = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(epoch_records)
    if beside is None:
        return _parsed(records, source.parse, source.in_memory)
    parse = beside[1]
    both = lambda rows, drawn: {**source.parse(rows), "fairness": parse(drawn)}  # noqa: E731
    return _parsed(records, both, source.in_memory)


def ordered_batches(source: ExampleSource, *, batch_size: int) -> tf.data.Dataset:
    """Batches of a split in the files' order, for evaluation."""
    return _parsed(source.records().batch(batch_size), source.parse, source.in_memory)


def outcome_batches(source: ExampleSource, *, batch_size: int) -> tf.data.Dataset:
    """As ``ordered_batches``, without features."""
    return _parsed(source.records().batch(batch_size), source.parse_outcomes, source.in_memory)


def _parsed(records: tf.data.Dataset, parse: Any, in_memory: bool) -> tf.data.Dataset:
    parse = tf.autograph.experimental.do_not_convert(parse)
    if in_memory:
        # A gather is over sooner than it is handed to another thread.
        options = tf.data.Options()
        options.autotune.enabled = False
        return records.map(parse).with_options(options)
    return records.map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
