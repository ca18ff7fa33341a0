"""Intervals of an AUC from score histograms (DeLong's variance, scores of one bin taken as tied)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from components.tradeoff_metrics.intervals import quantile

# Non-empty bins, ascending, and their counts.
Sparse = list[list[int]]


def auc_of_histograms(negatives: Sparse, positives: Sparse, bins: int) -> tuple[float, float]:
    """AUC and its standard error.

    With F the share of the other class below a row's bin plus half of its bin, AUC is the mean of F over positives, and
    Var = var(F over positives) / n₁ + var(F over negatives) / n₀ (DeLong, DeLong and Clarke-Pearson, 1988).

    Args:
        negatives: Histogram of the scores of label 0.
        positives: Histogram of the scores of label 1.
        bins: Number of bins.

    Returns:
        NaN for both where a label has no row, for the error where it has one row.
    """
    n0, n1 = (_dense(histogram, bins) for histogram in (negatives, positives))
    total0, total1 = n0.sum(), n1.sum()
    if not total0 or not total1:
        return math.nan, math.nan
    below = (np.cumsum(n0) - n0 / 2) / total0
    above = 1 - (np.cumsum(n1) - n1 / 2) / total1
    auc = float((below * n1).sum() / total1)
    if min(total0, total1) < 2:
        return auc, math.nan
    parts = [
        (weights * (placed - auc) ** 2).sum() / (total * (total - 1))
        for placed, weights, total in ((below, n1, total1), (above, n0, total0))
    ]
    return auc, math.sqrt(sum(parts))


def auc_estimate(value: float, negatives: Sparse, positives: Sparse, bins: int, confidence: float) -> dict[str, Any]:
    """An AUC with its interval, which is symmetric in log(AUC / (1 − AUC)) and so stays within [0, 1].

    Args:
        value: The AUC that TFMA computed; NaN where undefined.
        negatives: Histogram of the scores of label 0.
        positives: Histogram of the scores of label 1.
        bins: Number of bins.
        confidence: Of the interval.

    Returns:
        {value, interval, reason, of}: None for what is undefined, ``of`` the number of rows.
    """
    rows = [sum(histogram[1]) for histogram in (negatives, positives)]
    if math.isnan(value) or not all(rows):
        missing = "negatives" if not rows[0] else "positives"
        return {"value": None, "interval": None, "reason": f"no {missing}", "of": sum(rows)}
    _, error = auc_of_histograms(negatives, positives, bins)
    result = {"value": value, "interval": None, "reason": "", "of": sum(rows)}
    if math.isnan(error):
        return result | {"reason": "too few rows for an interval"}
    if not 0 < value < 1:
        return result | {"reason": f"an AUC of {value:g} shows no variance to make an interval of"}
    logit, half = math.log(value / (1 - value)), quantile(confidence) * error / (value * (1 - value))
    return result | {"interval": [1 / (1 + math.exp(-min(700.0, max(-700.0, logit + s * half)))) for s in (-1, 1)]}


def _dense(histogram: Sparse, bins: int) -> np.ndarray:
    result = np.zeros(bins)
    result[histogram[0]] = histogram[1]
    return result
