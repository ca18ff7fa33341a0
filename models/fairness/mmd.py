"""Maximum mean discrepancy between the groups' score distributions, dense form."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from models.fairness.base import FairnessLoss, normalized
from models.fairness.kernels import KERNELS


class MMDLoss(FairnessLoss):
    """Squared, biased MMD on scalar scores, with any kernel.

    MMD² = Σ_ij c_i c_j k(p_i, p_j), c = mass/total on the first side and −mass/total on the second: the diagonal is
    included (Gretton et al., "A Kernel Two-Sample Test", JMLR 13, 2012, eq. 5). No square root is taken: its
    derivative is unbounded at 0. On few rows the biased estimate is mostly noise, of the order 1/n₀ + 1/n₁.

    The kernel matrix takes 4 m² bytes for the m rows with mass. For the Laplace kernel ``LaplaceMMDLoss`` is the
    same function in O(m log m).

    Args:
      n_groups: Number of groups.
      reduction: See ``FairnessLoss``.
      kernel: ``gaussian`` or ``laplace``.
      bandwidth: ℓ, in units of probability.

    Raises:
      ValueError: The kernel is unknown or ``bandwidth`` not positive.
    """

    def __init__(
        self, n_groups: int, reduction: str = "mean_pairs", kernel: str = "gaussian", bandwidth: float = 0.1
    ) -> None:
        super().__init__(n_groups, reduction)
        if kernel not in KERNELS:
            raise ValueError(f"`kernel` should be one of {sorted(KERNELS)}. Received: {kernel!r}")
        self.kernel = kernel
        self.bandwidth = bandwidth
        self._kernel = KERNELS[kernel](bandwidth)

    def contrasts(self, scores: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """Squared MMD; see ``FairnessLoss.contrasts``."""
        scores, measures = signed_measures(scores, first, second)
        # k − 1 rather than k: Σ c = 0, so the value is the same, and exactly 0 on constant scores.
        matrix = self._kernel(scores[:, tf.newaxis], scores[tf.newaxis, :]) - 1.0
        return tf.reduce_sum(tf.matmul(measures, matrix) * measures, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, as plain values."""
        return {**super().get_config(), "kernel": self.kernel, "bandwidth": self.bandwidth}


def signed_measures(scores: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The difference of the two sides' distributions, on the rows that have mass.

    Task-specific negatives are a small share of a batch, so leaving the other rows out saves most of the work.

    Args:
      scores: [n].
      first: [c, n], masses.
      second: [c, n], masses.

    Returns:
      Scores [m] and c = first/Σ first − second/Σ second [c, m], m ≤ n.
    """
    rows = tf.where(tf.reduce_any((first > 0) | (second > 0), axis=0))[:, 0]
    measures = normalized(first) - normalized(second)
    return tf.gather(scores, rows), tf.gather(measures, rows, axis=1)
