"""GradNorm: weights that bring the tasks' gradient norms to targets set by how fast each task learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, Optional

import tensorflow as tf

from models.weighting.base import Combination, Needs, TaskSignals, Weighting, state
from models.weighting.gram import usable_gram
from models.weighting.shares import shared_out, uniform

# Of weights that sum to T. A step may overshoot 0; the task then comes back, since its norm lies below the target.
_LEAST = 1e-3


class GradNorm(Weighting):
    """Gradient steps of the weights on Σ_t | G_t − mean(G) · r_t^α |, G_t = w_t |g_t|, Σ w = T.

    r_t is the task's inverse training rate L_t / L_t(0) over the tasks' mean of it, and the target is taken as constant, so
    the gradient of w_t is |g_t| sign(G_t − target_t). After each step w is at least 0.001 and rescaled. As in the paper's
    algorithm, the weights used in a step are those before it moves them. L_t(0) is the loss in the first batch that has the
    task. Means are over the tasks whose loss and gradient are finite and whose gradient is not 0; only their weights move.

    Reference: Chen et al., "GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask Networks", ICML
    2018.

    Args:
      tasks: Their names.
      alpha: How strongly tasks that learn slowly are favoured; 0 = equal gradient norms.
      learning_rate: Of the weights, for plain gradient steps.
      on: Where gradients are taken.
    """

    needs: ClassVar[Needs] = "gram"

    def __init__(
        self,
        tasks: Sequence[str],
        alpha: float,
        learning_rate: float,
        on: Literal["parameters", "representation"] = "parameters",
    ) -> None:
        super().__init__(tasks)
        self._alpha = alpha
        self._learning_rate = learning_rate
        self.on = on

    def build(self, gradient_shapes: Optional[Sequence[tf.TensorShape]] = None) -> None:
        """Makes the state: weights (sum 1) and initial losses, 0 where there is none yet."""
        self._weights = state(uniform(len(self.tasks)), "weights")
        self._initial = state([0.0] * len(self.tasks), "initial_losses")

    def step(self, signals: TaskSignals) -> Combination:
        """The weights, which then move."""
        usable, gram = usable_gram(signals, len(self.tasks))
        present = usable & tf.math.is_finite(signals.losses)
        losses = tf.where(present, signals.losses, 0.0)
        norms = tf.where(present, tf.cast(tf.sqrt(tf.linalg.diag_part(gram)), tf.float32), 0.0)
        weights, initial = tf.convert_to_tensor(self._weights), tf.convert_to_tensor(self._initial)
        initial = tf.where(initial > 0, initial, losses)
        self._initial.assign(initial)
        scaled = len(self.tasks) * weights
        gradients = norms * tf.sign(scaled * norms - self._targets(losses, initial, scaled * norms, present))
        moved = tf.maximum(scaled - self._learning_rate * gradients, _LEAST)
        self._weights.assign(shared_out(weights, moved, present))
        return Combination(weights, weights)

    def _targets(self, losses: tf.Tensor, initial: tf.Tensor, norms: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """mean(G) · r_t^α, float32 [T]."""
        count = tf.reduce_sum(tf.cast(present, tf.float32))
        ratios = tf.math.divide_no_nan(losses, initial)
        rates = tf.math.divide_no_nan(ratios * count, tf.reduce_sum(ratios))
        return tf.math.divide_no_nan(tf.reduce_sum(norms), count) * rates**self._alpha

    def weights(self) -> tf.Tensor:
        """Those of the next step."""
        return tf.convert_to_tensor(self._weights)

    def reset(self) -> None:
        """1/T again, without initial losses."""
        self._weights.assign(uniform(len(self.tasks)))
        self._initial.assign([0.0] * len(self.tasks))
