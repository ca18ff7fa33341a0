"""GroupDRO with the tasks as groups: the task with the highest loss gains weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Optional

import tensorflow as tf

from models.weighting.base import Combination, TaskSignals, Weighting, state
from models.weighting.shares import finite_losses, multiplied


class TaskDRO(Weighting):
    """w_t ← w_t exp(η L_t), rescaled; the step is taken with the new weights.

    The rescaling is among the tasks of the batch, which keep together what they had. Weights are kept as logarithms: one
    that underflowed to 0 could never come back.

    Reference: Sagawa et al., "Distributionally Robust Neural Networks for Group Shifts", ICLR 2020.

    Args:
      tasks: Their names.
      step_size: η.
    """

    def __init__(self, tasks: Sequence[str], step_size: float) -> None:
        super().__init__(tasks)
        self._step_size = step_size

    def build(self, gradient_shapes: Optional[Sequence[tf.TensorShape]] = None) -> None:
        """Makes the state: the weights' logarithms."""
        self._log_weights = state(self._start(), "log_weights")

    def step(self, signals: TaskSignals) -> Combination:
        """The weights after their move."""
        present, losses = finite_losses(signals)
        log_weights = multiplied(tf.convert_to_tensor(self._log_weights), self._step_size * losses, present)
        self._log_weights.assign(log_weights)
        weights = tf.exp(log_weights)
        return Combination(weights, weights)

    def weights(self) -> tf.Tensor:
        """Those of the last step."""
        return tf.exp(tf.convert_to_tensor(self._log_weights))

    def reset(self) -> None:
        """1/T again."""
        self._log_weights.assign(self._start())

    def _start(self) -> list[float]:
        return [-math.log(len(self.tasks))] * len(self.tasks)
