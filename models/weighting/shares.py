"""Arithmetic that the methods have in common: who takes part in a step, and how weight is shared out among them."""

from __future__ import annotations

import tensorflow as tf

from models.weighting.base import TaskSignals


def uniform(count: int) -> list[float]:
    """1/T for each of ``count`` tasks."""
    return [1.0 / count] * count


def finite_losses(signals: TaskSignals) -> tuple[tf.Tensor, tf.Tensor]:
    """The tasks whose loss is known and finite, bool [T], and the losses, float32 [T], 0 for the others."""
    present = signals.known & tf.math.is_finite(signals.losses)
    return present, tf.where(present, signals.losses, 0.0)


def shared_out(weights: tf.Tensor, relative: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """New weights: absent tasks keep theirs, the present ones share the rest in proportion to ``relative``.

    Args:
      weights: float32 [T], sums to 1.
      relative: float32 [T], at least 0 where present. All 0 = nothing to go by, and the weights stay.
      present: bool [T].

    Returns:
      float32 [T], sums to 1.
    """
    rest = tf.maximum(1.0 - tf.reduce_sum(tf.where(present, 0.0, weights)), 0.0)
    relative = tf.where(present, relative, 0.0)
    total = tf.reduce_sum(relative)
    return tf.where(present & (total > 0), rest * tf.math.divide_no_nan(relative, total), weights)


def multiplied(log_weights: tf.Tensor, gains: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Logarithms of w_t exp(gain_t), rescaled so that the present tasks have together what they had.

    Without that, each task's gain being positive, a task that is seldom in a batch would lose to the others by its absence.

    Args:
      log_weights: float32 [T], their exponentials sum to 1.
      gains: float32 [T], finite where present.
      present: bool [T].

    Returns:
      float32 [T]; the same where absent, up to rounding.
    """
    moved = log_weights + tf.where(present, gains, 0.0)
    before, after = (tf.reduce_logsumexp(tf.where(present, values, -float("inf"))) for values in (log_weights, moved))
    # A sum that is off by rounding would grow over many steps.
    return tf.nn.log_softmax(tf.where(present, moved + (before - after), log_weights))


def raised(weights: tf.Tensor, least: float, present: tf.Tensor) -> tf.Tensor:
    """The present tasks' weights raised to ``least`` where below, at the cost of what the other present ones have above it.

    Args:
      weights: float32 [T], sums to 1.
      least: At most 1/T.
      present: bool [T]; weights of the others stay.

    Returns:
      float32 [T], sums to 1.
    """
    held = tf.where(present, weights, 0.0)
    above = tf.where(present, tf.maximum(weights - least, 0.0), 0.0)
    spare = tf.maximum(tf.reduce_sum(held) - least * tf.reduce_sum(tf.cast(present, tf.float32)), 0.0)
    return tf.where(present, least + spare * tf.math.divide_no_nan(above, tf.reduce_sum(above)), weights)
