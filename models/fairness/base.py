"""What every fairness loss does alike: masks, weights, pairs of groups, and the reduction over them."""

from __future__ import annotations

import abc
from typing import Any, Optional, get_args

import tensorflow as tf

from models.config.choices import Reduction

REDUCTIONS: tuple[str, ...] = get_args(Reduction)


class FairnessLoss(abc.ABC):
    """A differentiable distance between the scores of groups, over the rows that a mask selects.

    The loss is computed for each *contrast* of two sides, and reduced:

    * ``mean_pairs``, ``max_pairs``: a contrast for each pair of groups. The maximum follows the worst pair.
    * ``mean_rest``, ``max_rest``: a contrast for each group against all others together; with many groups there are
      fewer of them, each with more rows.

    With two groups there is one contrast, and all reductions agree. A contrast with an empty side contributes nothing
    and does not count in the mean. Where no contrast is left (one group in the batch, empty mask) the value is 0 and
    the gradient exactly 0. The result is finite for finite scores. It is a mean: repeating every row changes nothing.

    Args:
      n_groups: Number of groups; groups are 0 … n_groups − 1.
      reduction: See above.

    Raises:
      ValueError: ``n_groups`` is below 1 or ``reduction`` has no such name.
    """

    def __init__(self, n_groups: int, reduction: str = "mean_pairs") -> None:
        if n_groups < 1:
            raise ValueError(f"`n_groups` should be at least 1. Received: {n_groups}")
        if reduction not in REDUCTIONS:
            raise ValueError(f"`reduction` should be one of {list(REDUCTIONS)}. Received: {reduction!r}")
        self.n_groups = n_groups
        self.reduction = reduction

    # Autograph has nothing to convert here, and takes seconds of the first trace to find that out.
    @tf.autograph.experimental.do_not_convert
    def __call__(
        self, scores: tf.Tensor, group: tf.Tensor, mask: tf.Tensor, weight: Optional[tf.Tensor] = None
    ) -> tf.Tensor:
        """The loss on one batch.

        Args:
          scores: float [n], probabilities. Rows outside the mask may hold anything, NaN included.
          group: int [n]; −1 where a row belongs to no group: such rows are ignored.
          mask: bool [n], the rows that count.
          weight: float [n], at least 0, or None for 1 each; multiplies a row's mass. 0 = the row is absent. It gets
            no gradient.

        Returns:
          float32 scalar.
        """
        scores = tf.cast(scores, tf.float32)
        masses = self._group_masses(group, mask, weight)
        # A row without mass gets score 0: it has no influence, and a NaN in it none on the gradient.
        scores = tf.where(tf.reduce_any(masses > 0, axis=0), scores, tf.zeros_like(scores))
        first, second = self._sides(masses)
        valid = _has_mass(first) & _has_mass(second)
        keep = tf.cast(valid, tf.float32)[:, tf.newaxis]
        values = self.contrasts(scores, first * keep, second * keep)
        # Zero times the scores, so that the gradient is 0 rather than missing where nothing is compared.
        return self._reduce(values, valid) + tf.reduce_sum(0.0 * scores)

    @abc.abstractmethod
    def contrasts(self, scores: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """The distance between the two sides of each contrast.

        Args:
          scores: float32 [n].
          first: float32 [c, n], the rows' masses on the first side; all 0 where the contrast is void.
          second: float32 [c, n], likewise.

        Returns:
          float32 [c], at least 0 up to rounding; 0 with gradient 0 where the contrast is void.
        """

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, as plain values."""
        return {"n_groups": self.n_groups, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FairnessLoss:
        """The inverse of ``get_config``."""
        return cls(**config)

    def _group_masses(self, group: tf.Tensor, mask: tf.Tensor, weight: Optional[tf.Tensor]) -> tf.Tensor:
        """float32 [g, n]: the mass of each row in each group."""
        members = tf.equal(tf.range(self.n_groups)[:, tf.newaxis], tf.cast(group, tf.int32)[tf.newaxis, :])
        masses = tf.cast(members & tf.cast(mask, tf.bool)[tf.newaxis, :], tf.float32)
        if weight is not None:
            masses = masses * tf.cast(weight, tf.float32)[tf.newaxis, :]
        return tf.stop_gradient(masses)

    def _sides(self, masses: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The two sides of each contrast, [c, n] each."""
        if self.n_groups > 2 and self.reduction.endswith("rest"):
            return masses, tf.reduce_sum(masses, axis=0, keepdims=True) - masses
        pairs = [(a, b) for a in range(self.n_groups) for b in range(a + 1, self.n_groups)]
        first, second = (tf.constant([pair[side] for pair in pairs], tf.int32) for side in (0, 1))
        return tf.gather(masses, first), tf.gather(masses, second)

    def _reduce(self, values: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
        if self.n_groups == 1:
            return tf.zeros([], tf.float32)
        values = tf.where(valid, values, tf.zeros_like(values))
        if self.reduction.startswith("max"):
            return tf.reduce_max(values)
        return tf.math.divide_no_nan(tf.reduce_sum(values), tf.reduce_sum(tf.cast(valid, tf.float32)))


def normalized(masses: tf.Tensor) -> tf.Tensor:
    """``masses`` [c, n] divided by their row sums; 0 where a row is empty."""
    return tf.math.divide_no_nan(masses, tf.reduce_sum(masses, axis=1, keepdims=True))


def shifted(scores: tf.Tensor, masses: tf.Tensor) -> tf.Tensor:
    """``scores`` [n] less the smallest of each contrast, [c, n]; 0 for rows without mass.

    Constant scores become exactly 0. A difference of their means would be a rounding error instead, whose sign an
    absolute value turns into a gradient.
    """
    inside = masses > 0
    lowest = tf.reduce_min(tf.where(inside, scores, float("inf")), axis=1, keepdims=True)
    return tf.where(inside, scores - tf.stop_gradient(lowest), 0.0)


def _has_mass(masses: tf.Tensor) -> tf.Tensor:
    return tf.reduce_any(masses > 0, axis=1)
