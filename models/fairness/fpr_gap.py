"""The gap between the groups' (soft) rates of positive predictions."""

from __future__ import annotations

from typing import Any, Optional

import tensorflow as tf

from models.fairness.base import FairnessLoss, normalized, shifted


class FPRGapLoss(FairnessLoss):
    """|rate₁ − rate₀|, on negatives a differentiable false positive rate gap, on positives a true positive rate gap.

    A rate counted at a hard threshold has no gradient. The soft rate of a group is

    * the mean score, where ``sharpness`` is absent. It pulls on every row alike, wherever the threshold lies;
    * the mean of sigmoid(sharpness · (score − threshold)) otherwise: the larger the sharpness, the closer to the hard
      rate, and the fewer the rows that feel a gradient (those within about 4 / sharpness of the threshold). A good
      first guess is 10 to 30.

    Args:
      n_groups: Number of groups.
      reduction: See ``FairnessLoss``.
      sharpness: Slope of the sigmoid, per unit of probability.
      threshold: The decision threshold, a probability; needed with ``sharpness``.

    Raises:
      ValueError: ``sharpness`` is not positive, or it is given without ``threshold``.
    """

    def __init__(
        self,
        n_groups: int,
        reduction: str = "mean_pairs",
        sharpness: Optional[float] = None,
        threshold: Optional[float] = None,
    ) -> None:
        super().__init__(n_groups, reduction)
        if sharpness is not None and sharpness <= 0:
            raise ValueError(f"`sharpness` should be positive. Received: {sharpness}")
        if sharpness is not None and threshold is None:
            raise ValueError(f"`sharpness` needs a `threshold`. Received: sharpness={sharpness}, threshold=None")
        self.sharpness = sharpness
        self.threshold = threshold

    def contrasts(self, scores: tf.Tensor, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """|difference of soft rates|; see ``FairnessLoss.contrasts``."""
        decisions = scores
        if self.sharpness is not None:
            decisions = tf.sigmoid(self.sharpness * (scores - self.threshold))
        measures = normalized(first) - normalized(second)
        return tf.abs(tf.reduce_sum(measures * shifted(decisions, first + second), axis=1))

    def get_config(self) -> dict[str, Any]:
        """Constructor arguments, as plain values."""
        return {**super().get_config(), "sharpness": self.sharpness, "threshold": self.threshold}
