"""One batch of serialized examples in, the same with the splitter's columns and its counts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.negative_splitter.columns import ColumnKind, single_values
from components.negative_splitter.counts import POSITIVE, SHARED, UNLABELLED, SplitCounts, count_batch, task_cells
from components.negative_splitter.groups import GroupValues, group_values
from components.negative_splitter.negatives import TaskRules, label_matrix, negative_kinds
from components.negative_splitter.settings import NegativeSplitterSettings
from components.negative_splitter.uses import column_kinds, number_cuts
from models.formats.cuts import NO_CUTS, Cuts
from models.formats.features import (
    NOT_A_NEGATIVE,
    SHARED_NEGATIVE,
    group_key,
    label_key,
    negative_key,
    weight_key,
)
from models.formats.listing import listed


class BatchSplitter:
    """Adds labels, weights, kinds of negatives and groups to batches of examples."""

    def __init__(self, settings: NegativeSplitterSettings) -> None:
        """Parses the rules.

        Raises:
            ValueError: A rule cannot be read, or two uses of a column need different kinds.
        """
        self._settings = settings
        self._tasks = [TaskRules.parse(task) for task in settings.tasks]
        self._kinds = column_kinds(settings)
        self._cuts = {name: Cuts(numbers) for name, numbers in number_cuts(settings).items()}
        self._features = {
            name: tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
            for name, dtype in {
                **{name: tf.float32 if kind == "number" else tf.string for name, kind in self._kinds.items()},
                **new_columns(settings),
            }.items()
        }

    def decode(self, records: Sequence[bytes] | tf.Tensor, split: str) -> pa.RecordBatch:
        """Reads the columns of tasks and groups, as lists.

        TensorFlow's batch parser skips the other columns unread and gives values and offsets, which Arrow takes as they
        are; decoding whole examples (``ExamplesToRecordBatchDecoder``) took ten times as long.

        Raises:
            ValueError: A record is no example, a column holds another type, or one that the splitter adds is there.
        """
        try:
            parsed = tf.io.parse_example(records, self._features)
        except tf.errors.InvalidArgumentError as error:
            raise ValueError(
                f"split `{split}`: expected examples with the columns {_describe(self._kinds)}. Received: {error.message}"
            ) from error
        for name in new_columns(self._settings):
            if len(parsed[name].values):
                raise ValueError(f"split `{split}`: the column `{name}` is in the input; the splitter adds it")
        arrays = []
        for name, kind in self._kinds.items():
            values = pa.array(parsed[name].values.numpy(), pa.float32() if kind == "number" else pa.large_binary())
            arrays.append(pa.LargeListArray.from_arrays(pa.array(parsed[name].row_splits.numpy()), values))
        return pa.RecordBatch.from_arrays(arrays, list(self._kinds))

    def split(self, batch: pa.RecordBatch, split: str) -> tuple[list[bytes], SplitCounts]:
        """Computes the new columns of a batch.

        Args:
            batch: Record batch with the columns of tasks and groups.
            split: Named in errors.

        Returns:
            Per row the new columns as a serialized example, to be appended to the row's own bytes: two serialized
            messages one after the other are the serialization of their merge. And the batch's counts.
        """
        columns = {
            name: single_values(batch, name, kind, split, self._cuts.get(name, NO_CUTS))
            for name, kind in self._kinds.items()
        }
        labels = label_matrix(self._tasks, columns, split)
        cells = task_cells(labels, negative_kinds(labels, self._settings.rule))
        groups = group_values(self._settings.groups, columns, split)
        return self._encode(cells, groups), count_batch(cells, groups, columns)

    def _encode(self, cells: np.ndarray, groups: Mapping[str, GroupValues]) -> list[bytes]:
        """Serializes the new columns: few combinations of values occur in a batch, and each is serialized once."""
        codes = np.stack([group.codes for group in groups.values()], axis=1)
        combinations, position = np.unique(np.concatenate([cells, codes], axis=1), axis=0, return_inverse=True)
        tasks = cells.shape[1]
        encoded = []
        for combination in combinations.tolist():
            features: dict[str, tf.train.Feature] = {}
            for task, cell in zip(self._tasks, combination[:tasks], strict=True):
                kind = cell - SHARED + SHARED_NEGATIVE if cell >= SHARED else NOT_A_NEGATIVE
                features[label_key(task.name)] = _integer(int(cell == POSITIVE))
                features[weight_key(task.name)] = _number(float(cell != UNLABELLED))
                features[negative_key(task.name)] = _integer(kind)
            for (name, group), code in zip(groups.items(), combination[tasks:], strict=True):
                features[group_key(name)] = _text(group.names[code])
            example = tf.train.Example(features=tf.train.Features(feature=features))
            # Map entries have no order of their own; sorted, equal inputs give equal bytes.
            encoded.append(example.SerializeToString(deterministic=True))
        return [encoded[index] for index in position.tolist()]


def new_columns(settings: NegativeSplitterSettings) -> dict[str, tf.DType]:
    """Columns that the splitter adds, which its input must not have, and their types."""
    columns: dict[str, tf.DType] = {}
    for task in settings.tasks:
        columns[label_key(task.name)] = tf.int64
        columns[weight_key(task.name)] = tf.float32
        columns[negative_key(task.name)] = tf.int64
    return columns | {group_key(group.name): tf.string for group in settings.groups}


def _describe(kinds: Mapping[str, ColumnKind]) -> str:
    return listed(f"`{name}` ({kind})" for name, kind in kinds.items())


def _integer(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _number(value: float) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))


def _text(value: str) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
