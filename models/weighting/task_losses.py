"""L_t: the loss of each task on a batch, over the global batch's known labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras as keras

from models.data.input_pipeline import Batch
from models.metrics.rank_auc import RankAUC
from models.weighting.task_gradients import reduced


class TaskLoss(NamedTuple):
    """One task's loss.

    Attributes:
      value: This replica's share of the global mean; the replicas' shares add up to it.
      known: The global batch's sum of the rows' weights: 0 where no label is known.
    """

    value: tf.Tensor
    known: tf.Tensor


class TaskLosses:
    """Mean binary cross-entropy by task, and what an epoch shows of it.

    Args:
      tasks: Task names.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self.tasks = tuple(tasks)
        self.aucs = [RankAUC(name=f"auc/{task}") for task in tasks]
        self.means = [keras.metrics.Mean(name=f"loss/{task}") for task in tasks]
        self.ranking = [_ranking_task(auc) for auc in self.aucs]

    def rows(self, index: int, logits: tf.Tensor, inputs: Batch) -> tf.Tensor:
        """Loss of each row of a batch, [n], 0 where the label is unknown; counts in the epoch's figures.

        Args:
          index: Of the task.
          logits: [n].
          inputs: The batch.
        """
        task = self.tasks[index]
        labels, known = inputs["labels"][task], inputs["weights"][task]
        losses = self.ranking[index](
            labels=labels[:, tf.newaxis], predictions=logits[:, tf.newaxis], sample_weight=known
        )
        total = tf.reduce_sum(known)
        self.means[index].update_state(tf.math.divide_no_nan(tf.reduce_sum(losses), total), sample_weight=total)
        return losses

    def figures(self) -> Mapping[str, dict[str, float]]:
        """Task → ``loss`` and ``auc`` since the epoch began; the AUC is NaN where a label has no row."""
        return {
            task: {"loss": float(mean.result()), "auc": float(auc.result())}
            for task, mean, auc in zip(self.tasks, self.means, self.aucs, strict=True)
        }


def global_mean(losses: tf.Tensor, weights: tf.Tensor) -> TaskLoss:
    """The replica's share of Σ weight · loss / Σ weight over the global batch; 0 where the weights sum to 0.

    Args:
      losses: [n].
      weights: [n].
    """
    known = reduced(tf.reduce_sum(weights))
    return TaskLoss(tf.math.divide_no_nan(tf.reduce_sum(weights * losses), known), known)


def _ranking_task(auc: keras.metrics.Metric) -> tfrs.tasks.Ranking:
    # Other reductions are refused under tf.distribute, and would divide by rows rather than by known labels.
    loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction=keras.losses.Reduction.NONE)
    return tfrs.tasks.Ranking(loss=loss, metrics=[auc])
