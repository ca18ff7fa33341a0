"""GroupDRO over the cells label × group of each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np
import tensorflow as tf

from models.robustness.reconstruction import Reduce, alone


class GroupDRO(tf.Module):
    """Weights q_c of each task's cells, and the loss Σ_c q_c L_c.

    L_c is the mean loss over the cell's rows of the global batch. At each step q_c ← q_c exp(η L_c), normalised over the
    cells of the task; then the loss is taken with the new q, through which no gradient flows. A cell that is absent from
    a batch has L_c = 0: before normalisation its q stays, and its share of the loss is missing from that step, as in the
    paper's code. The weights are kept as logarithms: a q that underflowed to 0 could never come back.

    Rows without a group are in no cell. They keep their share of the batch with the plain mean loss, and the cells get the
    rest: L = (1 − m) Σ_c q_c L_c + m L_none, m the share of such rows. So a task without any group trains as usual.

    Args:
      tasks: Their names.
      n_groups: Number of values of the group key; groups are 0 … n_groups − 1. Rows of any other group but −1 count in no
        cell.
      step: η.
      counts: Task → [n_groups, 2], train rows by group and label. Cells without rows get no weight, where they would
        otherwise keep some for a while. None: all cells start alike.

    Raises:
      ValueError: ``counts`` has another shape, or a task has no row in any cell.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        n_groups: int,
        step: float,
        counts: Optional[Mapping[str, np.ndarray]] = None,
        name: str = "group_dro",
    ) -> None:
        super().__init__(name=name)
        self._tasks = tuple(tasks)
        self._cells = 2 * n_groups
        self._step = step
        self._initial = [
            _uniform(task, n_groups, None if counts is None else np.asarray(counts[task])) for task in self._tasks
        ]
        self._log_weights = [
            tf.Variable(
                initial,
                trainable=False,
                name=f"log_weights_{index}",
                # All replicas compute the same from the global batch.
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            for index, initial in enumerate(self._initial)
        ]

    def task_loss(
        self,
        index: int,
        losses: tf.Tensor,
        labels: tf.Tensor,
        known: tf.Tensor,
        group: tf.Tensor,
        reduce: Reduce = alone,
        update: bool = True,
    ) -> tf.Tensor:
        """The loss of one task.

        Args:
          index: The task's position.
          losses: float32 [n], each row's.
          labels: float [n], 0 or 1.
          known: float32 [n], 1 where the label is known, else 0; weights in between count as parts of a row.
          group: int [n]; −1 = no group.
          reduce: Sums a tensor over replicas. It is called once.
          update: Whether q takes a step.

        Returns:
          float32 scalar: this replica's part, with means over the global batch, so that the replicas' values and gradients
          add up to those of one device. 0 where no label is known.
        """
        masses = self._masses(labels, known, group)
        sums, counts = tf.linalg.matvec(masses, losses), tf.reduce_sum(masses, axis=1)
        global_sums, global_counts = tf.unstack(reduce(tf.stop_gradient(tf.stack([sums, counts]))))
        means = tf.math.divide_no_nan(global_sums, global_counts)
        log_weights = tf.convert_to_tensor(self._log_weights[index])
        if update:
            log_weights = tf.nn.log_softmax(log_weights + self._step * means[:-1])
            self._log_weights[index].assign(log_weights)
        nowhere = tf.math.divide_no_nan(global_counts[-1], tf.reduce_sum(global_counts))
        weights = tf.concat([(1.0 - nowhere) * tf.exp(log_weights), nowhere[tf.newaxis]], axis=0)
        return tf.reduce_sum(weights * tf.math.divide_no_nan(sums, global_counts))

    def _masses(self, labels: tf.Tensor, known: tf.Tensor, group: tf.Tensor) -> tf.Tensor:
        """float32 [cells + 1, n]: what each row counts in each cell, and last outside of all."""
        group = tf.cast(group, tf.int32)
        cell = tf.where(group >= 0, 2 * group + tf.cast(labels > 0, tf.int32), -1)
        members = tf.cast(tf.equal(tf.range(self._cells)[:, tf.newaxis], cell[tf.newaxis, :]), tf.float32)
        outside = tf.cast(group < 0, tf.float32)[tf.newaxis, :]
        return tf.concat([members, outside], axis=0) * known[tf.newaxis, :]

    def weights(self) -> dict[str, np.ndarray]:
        """Task → q, float32 [n_groups, 2], by group and label; sums to 1."""
        return {
            task: np.exp(variable.numpy()).reshape(-1, 2)
            for task, variable in zip(self._tasks, self._log_weights, strict=True)
        }

    def reset(self) -> None:
        """Sets q to its initial value."""
        for variable, initial in zip(self._log_weights, self._initial, strict=True):
            variable.assign(initial)


def _uniform(task: str, n_groups: int, counts: Optional[np.ndarray]) -> np.ndarray:
    """Logarithms of equal weights over the cells that have rows."""
    if counts is None:
        counts = np.ones([n_groups, 2])
    if counts.shape != (n_groups, 2):
        raise ValueError(f"`counts` of task `{task}` should have the shape {(n_groups, 2)}. Received: {counts.shape}")
    there = counts.reshape(-1) > 0
    if not there.any():
        raise ValueError(f"task `{task}` has no train row with a known label and a group, so GroupDRO has no cell")
    return np.where(there, -np.log(there.sum()), -np.inf).astype(np.float32)
