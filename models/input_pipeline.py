"""Batches from transformed examples: TFRecord files in, dicts of tensors out."""

from __future__ import annotations

import dataclasses
import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import tensorflow as tf

from models.features import group_key, label_key, negative_key, weight_key
from models.settings import FeatureSettings

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
    """

    patterns: tuple[str, ...]
    feature_spec: Mapping[str, Any]
    features: FeatureSettings
    tasks: tuple[str, ...]
    groups: tuple[str, ...]
    split: str

    def files(self) -> list[str]:
        """The files in a fixed order.

        Raises:
          FileNotFoundError: No file matches.
        """
        files = sorted(name for pattern in self.patterns for name in tf.io.gfile.glob(pattern))
        if not files:
            raise FileNotFoundError(f"split `{self.split}`: no transformed examples match {list(self.patterns)}")
        return files

    def check_complete(self) -> None:
        """Decompresses every file to its end: TensorFlow takes a gzip file that was cut between two records for complete.

        Raises:
          DataLossError: A file is truncated or damaged; the message names it and the split.
        """
        for name in self.files():
            if not name.endswith(".gz"):
                continue
            try:
                with tf.io.gfile.GFile(name, "rb") as file, gzip.GzipFile(fileobj=file, mode="rb") as stream:
                    while stream.read(_CHECK_BUFFER):
                        pass
            except (EOFError, OSError, zlib.error) as error:
                message = f"split `{self.split}`: {name} should be a whole gzip file. Received: {error}"
                raise tf.errors.DataLossError(None, None, message) from error

    def outcome_spec(self) -> dict[str, Any]:
        """Spec of labels, weights, kinds and groups alone, for passes that need no feature."""
        keys = [f(task) for task in self.tasks for f in (label_key, weight_key, negative_key)]
        return {key: self.feature_spec[key] for key in keys + [group_key(name) for name in self.groups]}

    def parse(self, serialized: tf.Tensor) -> Batch:
        """Parses a batch at once.

        Args:
          serialized: Examples, string [n].

        Returns:
          ``features``: numeric float32 [n], categorical int64 [n], multi_categorical int64 [n, L] padded with −1;
          ``labels``, ``weights`` float32 [n] and ``kinds`` int64 [n] by task; ``groups`` int64 [n] by key.
        """
        spec = {feature.name: self.feature_spec[feature.name] for feature in self.features.inputs}
        parsed = tf.io.parse_example(serialized, {**spec, **self.outcome_spec()})
        features = {name: _padded(parsed[name]) for name in spec}
        return {"features": features, **self._outcomes(parsed)}

    def parse_outcomes(self, serialized: tf.Tensor) -> Batch:
        """As ``parse``, without ``features``."""
        return self._outcomes(tf.io.parse_example(serialized, self.outcome_spec()))

    def _outcomes(self, parsed: Mapping[str, tf.Tensor]) -> Batch:
        return {
            "labels": {task: tf.cast(parsed[label_key(task)], tf.float32) for task in self.tasks},
            "weights": {task: parsed[weight_key(task)] for task in self.tasks},
            "kinds": {task: parsed[negative_key(task)] for task in self.tasks},
            "groups": {name: parsed[group_key(name)] for name in self.groups},
        }


def _padded(value: Any) -> tf.Tensor:
    return tf.sparse.to_dense(value, default_value=-1) if isinstance(value, tf.SparseTensor) else value


def epoch_seed(seed: int, epoch: int, stream: int = 0) -> int:
    """Seed of the order of rows in an epoch (and in one of its streams): resuming needs nothing but the epoch's index."""
    # Distinct for all epochs below 2**16 and streams below 2**8; tf.data mixes the bits.
    return (seed * 1_000_003 + epoch * 257 + stream * 65_537 * 257) % (2**31 - 1)


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
    *,
    batch_size: int,
    shuffle_rows: int,
    seed: int,
    skip: int = 0,
    beside: Optional[tuple[tf.data.Dataset, Callable[[Any], Any]]] = None,
) -> tf.data.Dataset:
    """Batches of one epoch.

    Args:
      source: The train split.
      batch_size: Rows; the last batch may hold fewer.
      shuffle_rows: Size of the buffer that rows are drawn from.
      seed: Fixes the order; give each epoch its own (``epoch_seed``).
      skip: Number of batches to leave out at the start, for an epoch that goes on where it was interrupted. They are
        read, not parsed.
      beside: Serialized fairness batches, one for each batch, and the function that parses them; the result stands
        under ``fairness``.

    Returns:
      A dataset of what ``ExampleSource.parse`` returns.
    """
    records = read_records(source.files()).shuffle(shuffle_rows, seed=seed, reshuffle_each_iteration=False)
    records = records.batch(batch_size)
    if beside is None:
        return _parsed(records.skip(skip), source.parse)
    fairness, parse = beside
    pairs = tf.data.Dataset.zip((records, fairness)).skip(skip)
    return _parsed(pairs, lambda rows, drawn: {**source.parse(rows), "fairness": parse(drawn)})


def ordered_batches(source: ExampleSource, *, batch_size: int) -> tf.data.Dataset:
    """Batches of a split in the files' order, for evaluation."""
    return _parsed(read_records(source.files()).batch(batch_size), source.parse)


def outcome_batches(source: ExampleSource, *, batch_size: int) -> tf.data.Dataset:
    """As ``ordered_batches``, without features."""
    return _parsed(read_records(source.files()).batch(batch_size), source.parse_outcomes)


def _parsed(records: tf.data.Dataset, parse: Any) -> tf.data.Dataset:
    parse = tf.autograph.experimental.do_not_convert(parse)
    return records.map(parse, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(tf.data.AUTOTUNE)
