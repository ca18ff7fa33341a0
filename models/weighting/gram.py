"""Methods that read nothing but the inner products of the tasks' gradients, and remember the last weights."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar, Literal, Optional

import tensorflow as tf

from models.weighting.base import Combination, Needs, TaskSignals, Weighting, state
from models.weighting.shares import shared_out, uniform

# Inner products of float32 gradients are off by about 1e-7 of the product of the norms. So much added to the squared norms
# keeps the matrix positive definite where gradients are parallel or depend on each other.
RIDGE = 1e-6


def usable_gram(signals: TaskSignals, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The tasks whose gradient is known, finite and not 0, bool [T], and their inner products.

    A gradient of 0 says nothing about a direction, and there are no units to divide it by.

    Args:
      signals: With a Gram matrix.
      count: T.

    Returns:
      The mask, and float64 [T, T]: ``signals.gram`` between these tasks, elsewhere the identity matrix, so that a solution
      for all tasks holds that for the usable ones.
    """
    gram = tf.ensure_shape(tf.cast(signals.gram, tf.float64), [count, count])
    squares = tf.linalg.diag_part(gram)
    present = signals.known & tf.math.is_finite(squares) & (squares > 0)
    both = present[:, tf.newaxis] & present[tf.newaxis, :]
    return present, tf.where(both, gram, tf.eye(count, dtype=tf.float64))


class GramWeighting(Weighting):
    """Coefficients from the Gram matrix of one step.

    Absent tasks, and those whose gradient is 0 or not finite, keep their last weight; the others share the rest by the
    method's coefficients. With no usable gradient all weights stay. A method that gave one task all the weight trains
    nothing in a batch without that task.

    Args:
      tasks: Their names.
      on: Where gradients are taken.
    """

    needs: ClassVar[Needs] = "gram"

    def __init__(self, tasks: Sequence[str], on: Literal["parameters", "representation"] = "parameters") -> None:
        super().__init__(tasks)
        self.on = on

    def build(self, gradient_shapes: Optional[Sequence[tf.TensorShape]] = None) -> None:
        """Makes the state: the last weights, 1/T at first."""
        self._last = state(uniform(len(self.tasks)), "weights")

    @abc.abstractmethod
    def coefficients(self, gram: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """Coefficients of the tasks' gradients, float64 [T], at any scale above 0; at least one present one is above 0.

        Args:
          gram: float64 [T, T], as ``usable_gram`` gives it.
          present: bool [T]; coefficients of the others are not read.
        """

    def step(self, signals: TaskSignals) -> Combination:
        """The coefficients, scaled so that the positive ones sum to what the present tasks have together.

        ``shared_weights`` may be negative where a method's coefficients are. ``weights`` are their positive parts: a
        negative weight would train a head, and its fairness, for the worse.
        """
        present, gram = usable_gram(signals, len(self.tasks))
        found = tf.where(present, self.coefficients(gram, present), 0.0)
        total = tf.reduce_sum(tf.maximum(found, 0.0))
        relative = tf.cast(tf.math.divide_no_nan(found, total), tf.float32)
        weights = shared_out(tf.convert_to_tensor(self._last), tf.maximum(relative, 0.0), present)
        share = tf.reduce_sum(tf.where(present, weights, 0.0))
        self._last.assign(weights)
        return Combination(weights, tf.where(relative < 0, share * relative, weights))

    def weights(self) -> tf.Tensor:
        """Those of the last step."""
        return tf.convert_to_tensor(self._last)

    def reset(self) -> None:
        """1/T again."""
        self._last.assign(uniform(len(self.tasks)))
