"""The absolute correlation between score and group."""

from __future__ import annotations

import tensorflow as tf

from models.fairness.base import FairnessLoss, normalized, shifted

# As in the released code of the MTA-F paper.
_EPSILON = 1e-6


class CorrelationLoss(FairnessLoss):
    """|Pearson(p, 1[side])| over the rows of both sides.

    |cov(p, s)| / (sd(p) sd(s) + 1e-6), s = 1 on the first side and 0 on the second. Unlike the gap it does not shrink
    when all scores shrink; unlike MMD it sees the means only.

    The gradient grows as 1/sd(p) when the scores come close to constant, down to sd(p) sd(s) ≈ 1e-6. On exactly
    constant scores value and gradient are 0.
    """

    def contrasts(self, scores: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """|Pearson correlation|; see ``FairnessLoss.contrasts``."""
        total = first + second
        masses = normalized(total)
        side = tf.math.divide_no_nan(first, total)
        share = tf.reduce_sum(masses * side, axis=1, keepdims=True)
        above = shifted(scores, masses)
        centred = above - tf.reduce_sum(masses * above, axis=1, keepdims=True)
        covariance = tf.reduce_sum(masses * centred * (side - share), axis=1)
        variance = tf.reduce_sum(masses * tf.square(centred), axis=1)
        spread = _safe_sqrt(variance) * tf.sqrt(share * (1.0 - share))[:, 0]
        return tf.abs(covariance) / (spread + _EPSILON)


def _safe_sqrt(values: tf.Tensor) -> tf.Tensor:
    """√max(v, 0) with gradient 0 at 0, where the plain root's is infinite."""
    positive = values > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, values, 1.0)), 0.0)
