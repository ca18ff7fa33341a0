"""Confusion matrices at the many thresholds of a curve, from a score histogram."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import binary_confusion_matrices as stock
from tensorflow_model_analysis.metrics import metric_types

from components.batched_evaluation.histogram import SparseHistogram

_BUCKETS = stock.calibration_histogram.DEFAULT_NUM_BUCKETS


def matrices_of_histogram(
    histogram_key: Any, matrices_key: metric_types.MetricKey, num_thresholds: int
) -> metric_types.DerivedMetricComputation:
    """The array form of the derived computation in ``tfma``'s ``binary_confusion_matrices``."""
    thresholds = np.array(stock._interpolated_thresholds(num_thresholds))

    def result(metrics: dict[Any, Any]) -> dict[metric_types.MetricKey, stock.Matrices]:
        return {matrices_key: matrices_at(metrics[histogram_key], thresholds)}

    return metric_types.DerivedMetricComputation(keys=[matrices_key], result=result)


def matrices_at(histogram: SparseHistogram, thresholds: np.ndarray) -> stock.Matrices:
    """Weights above and below each threshold.

    Args:
        histogram: Weighted labels, predictions and rows by bucket of TFMA's calibration histogram over [0, 1].
        thresholds: Ascending [t], from just below 0 to just above 1.
    """
    index, (labels, _, rows) = histogram.sums()
    # A bucket lies where its left edge does; the outer two hold all scores below 0 and from 1 on.
    edges = np.where(index > _BUCKETS, np.inf, np.where(index == 0, -np.inf, (index - 1) / _BUCKETS))
    # As in TFMA, whose buckets hold their left edge where a threshold must be passed.
    starts = np.where(thresholds == 0, 0, thresholds + stock._EPSILON)
    cell = np.maximum(np.searchsorted(starts, edges, side="right") - 1, 0)
    positives, negatives = (
        np.bincount(cell, weights=part, minlength=len(thresholds)) for part in (labels, rows - labels)
    )
    tp, fp = (np.cumsum(part[::-1])[::-1] for part in (positives, negatives))
    # Nothing passes a threshold above 1.
    beyond = thresholds >= 1 + stock._EPSILON
    tp, fp = (np.where(beyond, 0, part) for part in (tp, fp))
    return stock.Matrices(thresholds, tp, negatives.sum() - fp, fp, positives.sum() - tp)
