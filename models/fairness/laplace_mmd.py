"""Maximum mean discrepancy with the Laplace kernel, exact in O(n log n)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from models.fairness.base import FairnessLoss
from models.fairness.kernels import LaplaceKernel
from models.fairness.mmd import signed_measures


class LaplaceMMDLoss(FairnessLoss):
    """Squared, biased MMD with k(a, b) = exp(−|a − b| / ℓ): ``MMDLoss(kernel="laplace")`` without its matrix.

    Args:
      n_groups: Number of groups.
      reduction: See ``FairnessLoss``.
      bandwidth: ℓ, in units of probability.

    Raises:
      ValueError: ``bandwidth`` is not positive.
    """

    def __init__(self, n_groups: int, reduction: str = "mean_pairs", bandwidth: float = 0.1) -> None:
        super().__init__(n_groups, reduction)
        self.bandwidth = LaplaceKernel(bandwidth).bandwidth

    def contrasts(self, scores: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """Squared MMD; see ``FairnessLoss.contrasts``."""
        scores, measures = signed_measures(scores, first, second)
        return laplace_energy(scores, measures, self.bandwidth)

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, as plain values."""
        return {**super().get_config(), "bandwidth": self.bandwidth}


def laplace_energy(scores: tf.Tensor, measures: tf.Tensor, bandwidth: float) -> tf.Tensor:
    """Σ_ij c_i c_j exp(−|a_i − a_j| / ℓ) for each of several signed measures c on the same scores a.

    With the scores sorted, the sums over one side of every i obey a recurrence. From the left,

      I_i = Σ_{j ≤ i} c_j exp(−(a_i − a_j)/ℓ) = c_i + exp(−(a_i − a_{i−1})/ℓ) I_{i−1},

    whose factors are at most 1, so nothing overflows however small ℓ is; and J_i likewise from the right. Then
    (K c)_i = I_i + J_i − c_i, the value is cᵀ K c, and the gradient is

      ∂/∂a_i = (2 c_i / ℓ) (R_i − L_i),

    L and R being the sums strictly left and right of a_i. Differentiating the sorted form automatically would count
    ties on one side; with strict sums tied scores push each other nowhere, as |a − b| has it at 0.

    Differentiable once, in ``scores`` and in ``measures``.

    Args:
      scores: float32 [n].
      measures: float32 [c, n].
      bandwidth: ℓ > 0.

    Returns:
      float32 [c].
    """

    @tf.custom_gradient
    def energy(scores: tf.Tensor, measures: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        value, pull, smoothed = _energy(scores, measures, tf.constant(bandwidth, tf.float32))

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            to_scores = tf.linalg.matvec(measures * pull, upstream, transpose_a=True) * (2.0 / bandwidth)
            return to_scores, 2.0 * upstream[:, tf.newaxis] * smoothed

        return value, gradient

    return energy(scores, measures)


# One graph for every task and contrast: tracing the loop anew for each loss would take longer than the first epoch of
# a small log.
@tf.function(
    input_signature=[
        tf.TensorSpec([None], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([], tf.float32),
    ],
    autograph=False,
)
def _energy(scores: tf.Tensor, measures: tf.Tensor, bandwidth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Value [c], R − L [c, n] and K c [c, n] of ``laplace_energy``, in the order of ``scores``."""
    order = tf.argsort(scores)
    line = tf.gather(scores, order)
    masses = tf.gather(measures, order, axis=1)
    left, right = _one_sided_sums(line, masses, bandwidth)
    pull = _strictly_right(line, right, bandwidth) - _strictly_left(line, left, bandwidth)
    smoothed = left + right - masses
    # On constant scores the measures cancel, up to a rounding that is left out.
    spread = tf.reduce_max(scores) - tf.reduce_min(scores)
    value = tf.where(spread > 0, tf.reduce_sum(masses * smoothed, axis=1), 0.0)
    back = tf.argsort(order)
    return value, tf.gather(pull, back, axis=1), tf.gather(smoothed, back, axis=1)


def _one_sided_sums(line: tf.Tensor, masses: tf.Tensor, bandwidth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """I and J of ``laplace_energy``, by doubling: after k rounds each sum covers 2^k rows, so log₂ n rounds do.

    A recurrence row by row would be n steps of a loop; this is log₂ n steps over whole rows, both sides at once.

    Args:
      line: [n], sorted scores.
      masses: [c, n].
      bandwidth: ℓ.

    Returns:
      I and J, [c, n] each.
    """
    count = tf.shape(line)[0]
    # The right side is the left side of the mirrored line.
    lines = tf.stack([line, -tf.reverse(line, [0])])[:, tf.newaxis, :]
    sums = tf.stack([masses, tf.reverse(masses, [1])])

    def double(reach: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Differences first: scores over a small ℓ are large numbers that have lost their last digits.
        decay = tf.exp((lines[:, :, : count - reach] - lines[:, :, reach:]) / bandwidth)
        added = decay * sums[:, :, : count - reach]
        return 2 * reach, sums + tf.pad(added, [[0, 0], [0, 0], [reach, 0]])

    _, sums = tf.while_loop(lambda reach, _: reach < count, double, [tf.constant(1), sums])
    return sums[0], tf.reverse(sums[1], [1])


def _strictly_left(line: tf.Tensor, left: tf.Tensor, bandwidth: tf.Tensor) -> tf.Tensor:
    """L: what the row before the first of each tie has gathered, carried here; [c, n]."""
    source = tf.searchsorted(line, line, side="left") - 1
    return _carried(line, left, source, source >= 0, bandwidth)


def _strictly_right(line: tf.Tensor, right: tf.Tensor, bandwidth: tf.Tensor) -> tf.Tensor:
    """R: what the row after the last of each tie has gathered from its right, carried here; [c, n]."""
    source = tf.searchsorted(line, line, side="right")
    return _carried(line, right, source, source < tf.shape(line)[0], bandwidth)


def _carried(line: tf.Tensor, sums: tf.Tensor, source: tf.Tensor, exists: tf.Tensor, bandwidth: tf.Tensor) -> tf.Tensor:
    source = tf.where(exists, source, tf.zeros_like(source))
    decay = tf.exp(-tf.abs(line - tf.gather(line, source)) / bandwidth)
    return tf.where(exists, decay * tf.gather(sums, source, axis=1), 0.0)
