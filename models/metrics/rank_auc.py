"""The area under the ROC curve of an epoch, gathered step by step."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
import tensorflow as tf
import tf_keras as keras

# Of the bins: 1,024 for each power of 2.
LEVEL = 13
# Powers of 2 below 1/2 that are told apart: down to 9e-13, a logit of -27.7.
_POWERS = 40
_BINS = _POWERS << (23 - LEVEL)
_HALF_BITS = 126 << 23


class RankAUC(keras.metrics.Metric):
    """Probability that a positive has a higher logit than a negative, where equal ones count half.

    Keras' own AUC has 200 thresholds at equal distances in the probability. Where positives are rare, all scores lie below
    the first few of them: at 0.05 % positives it gives 0.56 for a ranking of 0.80. Here the bins are those of
    ``score_bins``, at a level that a graph can hold whole: between 1/2,048 and 1/1,024 of the score wide, or of its distance
    from 1, and so at most 0.001 in the logit, but for scores near 1/2, of twice that. Logits in one bin count as equal.

    NaN where a label has no row. Under several replicas the counts are added up when the value is read.
    """

    def __init__(self, name: str = "auc", **options: Any) -> None:
        super().__init__(name=name, **options)
        # Whole numbers up to 2^53, whatever the precision of the network; float32 would stand still at 2^24 rows.
        self._counts = self.add_weight("counts", shape=[2 * 2 * _BINS], initializer="zeros", dtype=tf.float64)

    def update_state(self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: Optional[tf.Tensor] = None) -> None:
        """Adds rows.

        Args:
          y_true: 0 or 1 [n] or [n, 1].
          y_pred: Logits, of the same shape.
          sample_weight: Weights of the rows [n], 0 where the label is unknown; None weighs all alike.
        """
        logits = tf.cast(tf.reshape(y_pred, [-1]), tf.float32)
        positive = tf.cast(tf.reshape(y_true, [-1]) > 0, tf.int32)
        weights = tf.ones_like(logits) if sample_weight is None else tf.reshape(sample_weight, [-1])
        # Only the rows that come are touched, where an addition of whole histograms would pass over all bins.
        tf.raw_ops.ResourceScatterAdd(
            resource=self._counts.handle,
            indices=_bins_of(logits) + positive * 2 * _BINS,
            updates=tf.cast(weights, tf.float64),
        )

    def reset_state(self) -> None:
        """Forgets all rows."""
        keras.backend.set_value(self._counts, np.zeros(self._counts.shape, np.float64))

    def result(self) -> tf.Tensor:
        """The AUC so far, float64."""
        negatives, positives = tf.unstack(tf.reshape(tf.convert_to_tensor(self._counts), [2, 2 * _BINS]))
        below = tf.cumsum(negatives) - negatives / 2
        pairs = tf.reduce_sum(negatives) * tf.reduce_sum(positives)
        return tf.where(pairs > 0, tf.reduce_sum(below * positives) / pairs, float("nan"))


def _bins_of(logits: tf.Tensor) -> tf.Tensor:
    """int32 [n], ascending with the logit."""
    # A sigmoid near 1 has lost the digits that its distance from 1 still has.
    bits = tf.bitcast(tf.sigmoid(-tf.abs(logits)), tf.int32)
    from_half = _HALF_BITS - bits
    below = tf.bitwise.right_shift(from_half, LEVEL)
    above = tf.bitwise.right_shift(from_half + (1 << LEVEL) - 1, LEVEL)
    return tf.clip_by_value(_BINS - 1 + tf.where(logits <= 0, -below, above), 0, 2 * _BINS - 1)
