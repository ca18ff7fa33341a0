"""Fairness batches with the groups in equal shares, drawn from streams of the splitter's partitions.

A batch of 1,024 rows may hold a dozen task-specific negatives of a small group, and a distance between groups is then
mostly noise. Here each task's fairness terms see rows drawn for them: one pass over train writes the serialized examples
of each (task, row set, group) into a file of its own, and training reads those files, shuffled, again and again.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
from collections.abc import Iterator
from typing import Optional, Union

import numpy as np
import tensorflow as tf

from models.data.input_pipeline import Batch, ExampleSource, epoch_seed
from models.data.row_sets import row_sets
from models.fairness.terms import FairnessTerms

_WRITE_BATCH = 4096
_MIN_BUFFER = 1000

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class _Stream:
    """The rows of one group: in a file, or as elements of the source's records in memory."""

    path: str
    rows: int
    kept: Optional[np.ndarray] = None

    def records(self) -> tf.data.Dataset:
        if self.kept is not None:
            return tf.data.Dataset.from_tensor_slices(self.kept)
        return tf.data.TFRecordDataset(self.path)


@dataclasses.dataclass(frozen=True)
class FairnessStreams:
    """Files to draw fairness batches from.

    Attributes:
      source: The split that the rows come from.
      streams: Task → for each of its row sets the groups' files.
      batch_size: Rows of a batch for one task and row set, over all groups and replicas.
      shuffle_rows: Rows in the shuffle buffers of all streams together.
    """

    source: ExampleSource
    streams: dict[str, list[list[_Stream]]]
    batch_size: int
    shuffle_rows: int

    def batches(self, seed: int, epoch: Union[int, tf.Tensor], replicas: int = 1) -> tf.data.Dataset:
        """Endless batches.

        Args:
          seed: The run's.
          epoch: Its index; each has an order of its own.
          replicas: A batch is one replica's share.

        Returns:
          A dataset of task → records of the source, [rows]; ``parse`` parses them.

        Raises:
          ValueError: ``batch_size`` leaves a group of a replica without rows.
        """
        n_groups = max(len(groups) for sets in self.streams.values() for groups in sets)
        if self.batch_size < n_groups * replicas:
            raise ValueError(
                f"`fairness.balanced_batch_size` should be at least {n_groups * replicas}: a row for each of {n_groups} "
                f"groups on each of {replicas} replicas. Received: {self.batch_size}"
            )
        total = sum(len(groups) for sets in self.streams.values() for groups in sets)
        buffer = max(_MIN_BUFFER, self.shuffle_rows // total)
        index = 0
        datasets = {}
        for task, sets in self.streams.items():
            parts = []
            for groups in sets:
                share = self.batch_size // (len(groups) * replicas)
                for stream in groups:
                    index += 1
                    rows = stream.records().shuffle(min(buffer, stream.rows), seed=epoch_seed(seed, epoch, index))
                    parts.append(rows.repeat().batch(share, drop_remainder=True))
            datasets[task] = tf.data.Dataset.zip(tuple(parts)).map(lambda *rows: tf.concat(rows, axis=0))
        return tf.data.Dataset.zip(datasets)

    def parse(self, drawn: dict[str, tf.Tensor]) -> dict[str, Batch]:
        """Task → what ``ExampleSource.parse`` returns."""
        return {task: self.source.parse(rows) for task, rows in drawn.items()}


def write_streams(source: ExampleSource, fairness: FairnessTerms, folder: str, *, shuffle_rows: int) -> FairnessStreams:
    """Writes the streams that the fairness terms need into ``folder``.

    A task whose rows lie in fewer than two groups has nothing to compare: it gets no fairness term, with a warning.

    Args:
      source: The train split.
      fairness: Says which row sets.
      folder: For scratch files, which a source in memory needs none of; the caller removes it.
      shuffle_rows: See ``FairnessStreams``.

    Raises:
      ValueError: No task has rows in two groups.
    """
    settings = fairness.settings
    names = {task: _row_sets(fairness, task) for task in source.tasks}
    writers: Union[_Kept, _Writers] = _Kept() if source.in_memory else _Writers(folder)
    with writers:
        for records, batch in _with_outcomes(source):
            group = batch["groups"][fairness.group]
            for task in source.tasks:
                sets = row_sets(settings.on, task, batch["labels"], batch["weights"], batch["kinds"])
                for (index, rows), name in itertools.product(enumerate(sets), names[task]):
                    mask = np.asarray(getattr(rows, name))
                    for value in range(fairness.n_groups):
                        writers.write((task, index, name), value, records[mask & (group == value)])
    streams: dict[str, list[list[_Stream]]] = {}
    for (task, _, name), groups in writers.streams().items():
        if len(groups) > 1:
            streams.setdefault(task, []).append(groups)
        else:
            _logger.warning(
                "fairness: the %s rows of task `%s` in split `%s` lie in %d of the values of group `%s`; two are needed "
                "for a fairness batch, so this term is left out",
                name, task, source.split, len(groups), fairness.group,
            )  # fmt: skip
    if not streams:
        raise ValueError(
            f"`fairness.batches: balanced`: no task has rows in two values of group `{fairness.group}` in split "
            f"`{source.split}`"
        )
    return FairnessStreams(source, streams, settings.balanced_batch_size, shuffle_rows)


def _row_sets(fairness: FairnessTerms, task: str) -> tuple[str, ...]:
    """Names of the row sets that the task's terms read, without overlap."""
    if fairness.settings.mode == "vanilla":
        return ("all",)
    if fairness.has_specific[task]:
        return ("specific", "shared")
    # All rows hold the shared ones, which the shared layers' term picks out by itself.
    return ("all",) if fairness.settings.empty_specific == "all_negatives" else ("shared",)


def _with_outcomes(source: ExampleSource) -> Iterator[tuple[np.ndarray, Batch]]:
    records = source.records().batch(_WRITE_BATCH)
    return records.map(lambda rows: (rows, source.parse_outcomes(rows))).prefetch(1).as_numpy_iterator()


class _Kept:
    """The records of each (row set, group value) that has rows, in memory."""

    def __init__(self) -> None:
        self._keys: list[tuple[str, int, str]] = []
        self._parts: dict[tuple[int, int], list[np.ndarray]] = {}

    def __enter__(self) -> _Kept:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def write(self, key: tuple[str, int, str], value: int, records: np.ndarray) -> None:
        if key not in self._keys:
            self._keys.append(key)
        if len(records):
            self._parts.setdefault((self._keys.index(key), value), []).append(records)

    def streams(self) -> dict[tuple[str, int, str], list[_Stream]]:
        """Row set → its groups' rows, without empty ones."""
        found: dict[tuple[str, int, str], list[_Stream]] = {key: [] for key in self._keys}
        for stream in sorted(self._parts):
            rows = np.concatenate(self._parts[stream])
            found[self._keys[stream[0]]].append(_Stream("", len(rows), rows))
        return found


class _Writers:
    """A TFRecord file for each (row set, group value) that has rows."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._keys: list[tuple[str, int, str]] = []
        self._writers: dict[tuple[int, int], tf.io.TFRecordWriter] = {}
        self._rows: dict[tuple[int, int], int] = {}

    def __enter__(self) -> _Writers:
        tf.io.gfile.makedirs(self._folder)
        return self

    def __exit__(self, *exception: object) -> None:
        for writer in self._writers.values():
            writer.close()

    def write(self, key: tuple[str, int, str], value: int, records: np.ndarray) -> None:
        if key not in self._keys:
            self._keys.append(key)
        stream = (self._keys.index(key), value)
        if len(records) and stream not in self._writers:
            self._writers[stream] = tf.io.TFRecordWriter(self._path(stream))
        for record in records:
            self._writers[stream].write(record)
        self._rows[stream] = self._rows.get(stream, 0) + len(records)

    def streams(self) -> dict[tuple[str, int, str], list[_Stream]]:
        """Row set → its groups' files, without empty ones."""
        found: dict[tuple[str, int, str], list[_Stream]] = {key: [] for key in self._keys}
        for stream in sorted(self._writers):
            found[self._keys[stream[0]]].append(_Stream(self._path(stream), self._rows[stream]))
        return found

    def _path(self, stream: tuple[int, int]) -> str:
        return os.path.join(self._folder, f"rows-{stream[0]}-group-{stream[1]}.tfrecord")
