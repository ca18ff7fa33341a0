"""PCGrad: conflicting gradients are projected on each other's normal planes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import tensorflow as tf

from models.weighting.base import Combination, Needs, TaskSignals, Weighting
from models.weighting.gram import usable_gram
from models.weighting.shares import uniform


class PCGrad(Weighting):
    """The mean of the tasks' gradients after projection.

    Each g_i goes through the other tasks j in a random order of its own; where g_i · g_j < 0, the part along g_j is taken
    out: g_i ← g_i − (g_i · g_j / |g_j|²) g_j, with g_j as it was. What is left is a combination of the original gradients
    whose coefficients follow from their inner products, so no gradient is changed: ``shared_weights`` hold the sums of the
    coefficients, over T. They are 1/T each where nothing conflicts, and at least 1/T always: a projection adds to a
    conflicting task's coefficient. Heads and fairness terms have the weight 1/T.

    A task that is absent, or whose gradient is 0 or not finite, projects nothing and is not projected.

    Reference: Yu et al., "Gradient Surgery for Multi-Task Learning", NeurIPS 2020. It sums the projected gradients; the
    mean is that divided by T.

    Args:
      tasks: Their names.
      seed: Of the orders.
      on: Where gradients are taken.
    """

    needs: ClassVar[Needs] = "gram"

    def __init__(
        self, tasks: Sequence[str], seed: int, on: Literal["parameters", "representation"] = "parameters"
    ) -> None:
        super().__init__(tasks)
        self._seed = seed
        self.on = on

    def step(self, signals: TaskSignals) -> Combination:
        """1/T for each head, and the coefficients of the projected gradients' mean."""
        count = len(self.tasks)
        _, gram = usable_gram(signals, count)
        orders = projection_orders(self._seed, signals.step, count)
        coefficients = projected(gram, orders)
        return Combination(self.weights(), tf.cast(tf.reduce_mean(coefficients, axis=0), tf.float32))

    def weights(self) -> tf.Tensor:
        """1/T for each task."""
        return tf.constant(uniform(len(self.tasks)), tf.float32)


def projection_orders(seed: int, step: tf.Tensor, count: int) -> tf.Tensor:
    """A random order of all tasks for each, int32 [T, T], the same on every replica and after a restart.

    Args:
      seed: Of the training.
      step: int64 scalar.
      count: T.
    """
    draws = tf.random.stateless_uniform(
        [count, count], tf.stack([tf.constant(seed, tf.int64), tf.cast(step, tf.int64)])
    )
    return tf.argsort(draws, axis=1)


def projected(gram: tf.Tensor, orders: tf.Tensor) -> tf.Tensor:
    """Coefficients of the projected gradients.

    Args:
      gram: float64 [T, T], inner products of the gradients, with a positive diagonal.
      orders: int32 [T, T]: row i holds the tasks in the order in which i meets them; its own place is passed over.

    Returns:
      float64 [T, T]: projected g_i = Σ_k out[i, k] g_k.
    """
    count = gram.shape[0]
    squares = tf.linalg.diag_part(gram)
    coefficients = tf.eye(count, dtype=tf.float64)
    for place in range(count):
        met = orders[:, place]
        products = tf.reduce_sum(coefficients * tf.gather(gram, met), axis=1)
        conflicts = (products < 0) & (met != tf.range(count))
        amounts = tf.where(conflicts, products / tf.gather(squares, met), 0.0)
        coefficients -= amounts[:, tf.newaxis] * tf.one_hot(met, count, dtype=tf.float64)
    return coefficients
