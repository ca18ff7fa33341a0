"""Just Train Twice: the rows that a first model gets wrong weigh more in the second."""

from __future__ import annotations

import tensorflow as tf


def error_set(labels: tf.Tensor, first_logits: tf.Tensor) -> tf.Tensor:
    """bool [n]: the first model's prediction at probability 0.5 is not the label.

    Args:
      labels: float [n], 0 or 1.
      first_logits: float [n] of one task.
    """
    return tf.not_equal(first_logits > 0, labels > 0)


def upweighted(weights: tf.Tensor, labels: tf.Tensor, first_logits: tf.Tensor, upweight: float) -> tf.Tensor:
    """The second model's row weights for one task.

    The first model is frozen and is asked about each batch as it comes, so nothing is stored however large the log.

    The paper repeats the rows of the error set ``upweight`` times, so its loss is a mean over the larger set: divide the
    weighted sum by the global sum of these weights, not by the number of known labels.

    Args:
      weights: float [n], 1 where the label is known, else 0; a row of 0 stays 0.
      labels: float [n], 0 or 1.
      first_logits: float [n], the first model's for the same rows, without dropout.
      upweight: λ_up, at least 1.

    Returns:
      As ``weights``; no gradient reaches the first model.
    """
    wrong = error_set(labels, tf.stop_gradient(first_logits))
    return weights * tf.where(wrong, tf.cast(upweight, weights.dtype), tf.ones([], weights.dtype))
