"""IMTL-G: a combined gradient that all tasks see alike."""

from __future__ import annotations

import tensorflow as tf

from models.weighting.gram import RIDGE, GramWeighting


class IMTL(GramWeighting):
    """g = Σ_t α_t g_t with the same projection on every task's unit gradient u_t = g_t / |g_t|.

    With C the tasks' cosines, C_ij = u_i · u_j, the coefficients of the unit gradients solve C β = 1, and α_t ∝ β_t / |g_t|.
    This is the paper's solution but for the scale: the paper has Σ α = 1, where the sum of α with mixed signs may be
    close to 0 or negative, and then the step is huge or uphill for every task. Here the positive α sum to 1, so g always
    has a positive projection; without negative α both are the same. Among parallel or opposite gradients β is equal.

    Only the gradients are balanced (IMTL-G), not the losses' scales (IMTL-L): heads and fairness terms get the positive
    part of α.

    Reference: Liu et al., "Towards Impartial Multi-task Learning", ICLR 2021.
    """

    def coefficients(self, gram: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """α, float64 [T]."""
        norms = tf.sqrt(tf.linalg.diag_part(gram))
        cosines = gram / (norms[:, tf.newaxis] * norms[tf.newaxis, :])
        system = cosines + RIDGE * tf.eye(len(self.tasks), dtype=tf.float64)
        return tf.linalg.solve(system, tf.ones_like(norms)[:, tf.newaxis])[:, 0] / norms
