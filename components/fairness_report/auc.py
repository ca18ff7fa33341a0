"""An AUC that TFMA computed, with its interval from the score histograms of the details."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from components.tradeoff_metrics.auc import Sparse, auc, auc_interval, dense


def auc_estimate(
    value: float, negatives: Sparse, positives: Sparse, bins: int, z: float, effects: tuple[float, float] = (1.0, 1.0)
) -> dict[str, Any]:
    """An AUC with its interval.

    Args:
        value: The AUC that TFMA computed; NaN where undefined.
        negatives: Histogram of the scores of label 0.
        positives: Histogram of the scores of label 1.
        bins: Number of bins.
        z: Quantile of the interval.
        effects: Design effects of negatives and positives, by which clusters of rows widen it.

    Returns:
        {value, interval, reason, of}: None for what is undefined, ``of`` the number of rows.
    """
    rows = [sum(histogram[1]) for histogram in (negatives, positives)]
    if math.isnan(value) or not all(rows):
        missing = "negatives" if not rows[0] else "positives"
        return {"value": None, "interval": None, "reason": f"no {missing}", "of": sum(rows)}
    _, parts = auc(dense(negatives, bins), dense(positives, bins))
    ends, reason = auc_interval(value, float(np.dot(effects, parts)), z)
    return {"value": value, "interval": None if reason else list(ends), "reason": reason, "of": sum(rows)}
