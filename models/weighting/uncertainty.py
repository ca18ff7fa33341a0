"""Homoscedastic uncertainty: each task's weight is the precision that fits its loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import tensorflow as tf

from models.weighting.base import Combination, TaskSignals, Weighting, state
from models.weighting.shares import finite_losses

# A loss of 0 would let s fall for ever.
_BOUND = 10.0


class Uncertainty(Weighting):
    """w_t ∝ exp(−s_t), where s_t = log σ_t² descends the gradient of Σ_t exp(−s_t) L_t + s_t.

    The gradient of s_t is 1 − exp(−s_t) L_t, so s_t tends to log L_t, and w_t to 1/L_t over the sum of those. The paper has
    the factor ½ before s for classification, and before both terms for regression; the former moves the minimum to
    exp(−s_t) = 1/(2 L_t), the same for all tasks, so the weights, which sum to 1 here, tend to the same values. The sum's
    own size, which in the paper raises the learning rate as losses fall, is left to the optimiser. s stays within ±10.

    The weights used in a step are those before it moves them, as where s is a parameter among others. An absent task keeps
    its s.

    Reference: Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics", CVPR 2018.

    Args:
      tasks: Their names.
      learning_rate: Of s, for plain gradient steps.
    """

    def __init__(self, tasks: Sequence[str], learning_rate: float) -> None:
        super().__init__(tasks)
        self._learning_rate = learning_rate

    def build(self, gradient_shapes: Optional[Sequence[tf.TensorShape]] = None) -> None:
        """Makes the state: s, 0 at first."""
        self._log_variances = state([0.0] * len(self.tasks), "log_variances")

    def step(self, signals: TaskSignals) -> Combination:
        """The weights; then s moves."""
        present, losses = finite_losses(signals)
        log_variances = tf.convert_to_tensor(self._log_variances)
        gradients = 1.0 - tf.exp(-log_variances) * losses
        moved = tf.clip_by_value(log_variances - self._learning_rate * gradients, -_BOUND, _BOUND)
        self._log_variances.assign(tf.where(present, moved, log_variances))
        weights = tf.nn.softmax(-log_variances)
        return Combination(weights, weights)

    def weights(self) -> tf.Tensor:
        """Those of the next step."""
        return tf.nn.softmax(-tf.convert_to_tensor(self._log_variances))

    def reset(self) -> None:
        """s = 0 again."""
        self._log_variances.assign([0.0] * len(self.tasks))
