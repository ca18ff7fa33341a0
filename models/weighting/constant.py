"""Weights that do not move."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from models.weighting.base import Combination, TaskSignals, Weighting


class Constant(Weighting):
    """The same weights in every step: `uniform` and `fixed`.

    Args:
      tasks: Their names.
      weights: Any positive numbers; divided by their sum.
    """

    def __init__(self, tasks: Sequence[str], weights: Sequence[float]) -> None:
        super().__init__(tasks)
        self._weights = [weight / sum(weights) for weight in weights]

    def step(self, signals: TaskSignals) -> Combination:
        """The weights."""
        weights = self.weights()
        return Combination(weights, weights)

    def weights(self) -> tf.Tensor:
        """The weights."""
        return tf.constant(self._weights, tf.float32)
