"""Dynamic weight average: tasks whose loss falls slowly gain weight from epoch to epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import tensorflow as tf

from models.weighting.base import Combination, TaskSignals, Weighting, state
from models.weighting.shares import uniform


class DynamicWeightAverage(Weighting):
    """w = softmax(r / temperature), r_t = the last epoch's mean train loss over that of the epoch before.

    Until two epochs are over, r_t is 1. Where an epoch has no positive, finite loss of a task (no known label), its r_t
    stays, and its next ratio is to the last loss that it had.

    Reference: Liu, Johns and Davison, "End-to-End Multi-Task Learning with Attention", CVPR 2019. Their weights sum to T.

    Args:
      tasks: Their names.
      temperature: Higher = closer to equal.
    """

    def __init__(self, tasks: Sequence[str], temperature: float) -> None:
        super().__init__(tasks)
        self._temperature = temperature

    def build(self, gradient_shapes: Optional[Sequence[tf.TensorShape]] = None) -> None:
        """Makes the state: ratios, the last losses (0 where there is none yet) and the weights."""
        count = len(self.tasks)
        self._ratios = state([1.0] * count, "ratios")
        self._previous = state([0.0] * count, "previous_losses")
        self._weights = state(uniform(count), "weights")

    def step(self, signals: TaskSignals) -> Combination:
        """The epoch's weights."""
        weights = self.weights()
        return Combination(weights, weights)

    def weights(self) -> tf.Tensor:
        """The epoch's weights."""
        return tf.convert_to_tensor(self._weights)

    def end_epoch(self, losses: Sequence[float]) -> None:
        """Moves the weights by the ratios of losses."""
        found, previous = tf.constant(losses, tf.float32), tf.convert_to_tensor(self._previous)
        known = tf.math.is_finite(found) & (found > 0)
        ratios = tf.math.divide_no_nan(found, previous)
        moves = known & (previous > 0) & tf.math.is_finite(ratios)
        ratios = tf.where(moves, ratios, self._ratios)
        self._ratios.assign(ratios)
        self._previous.assign(tf.where(known, found, previous))
        self._weights.assign(tf.nn.softmax(ratios / self._temperature))

    def reset(self) -> None:
        """As before the first epoch."""
        count = len(self.tasks)
        self._ratios.assign([1.0] * count)
        self._previous.assign([0.0] * count)
        self._weights.assign(uniform(count))
