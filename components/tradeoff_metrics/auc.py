"""AUCs and their intervals from score histograms (DeLong's variance, scores of one bin taken as tied).

References:
    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more correlated receiver
        operating characteristic curves", Biometrics 44 (1988).
    N. A. Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 53 (1997).
"""

from __future__ import annotations

import math

import numpy as np

from components.tradeoff_metrics.intervals import Bounds

# Non-empty bins, ascending, and their counts.
Sparse = list[list[int]]


def auc(negatives: np.ndarray, positives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AUCs and the two parts of their variances.

    With F the share of the other label below a row's bin plus half of its bin, AUC is the mean of F over positives, and
    Var = var(F over positives) / n₁ + var(F over negatives) / n₀.

    Args:
        negatives: Histograms of the scores of label 0 [..., bins].
        positives: Histograms of the scores of label 1 [..., bins]. They need not be of the same rows otherwise: a group's
            positives may stand against another group's negatives.

    Returns:
        AUC [...], NaN where a label has no row; and the variance that negatives and positives bring [2, ...], NaN where a
        label has fewer than two.
    """
    n0, n1 = (np.asarray(histogram, np.float64) for histogram in (negatives, positives))
    total0, total1 = (histogram.sum(axis=-1, keepdims=True) for histogram in (n0, n1))
    with np.errstate(invalid="ignore", divide="ignore"):
        below = (np.cumsum(n0, axis=-1) - n0 / 2) / total0
        above = 1 - (np.cumsum(n1, axis=-1) - n1 / 2) / total1
        value = (below * n1).sum(axis=-1, keepdims=True) / total1
        parts = [
            ((weights * (placed - value) ** 2).sum(axis=-1) / (total * (total - 1))[..., 0])
            for placed, weights, total in ((above, n0, total0), (below, n1, total1))
        ]
    return value[..., 0], np.where(np.minimum(total0, total1)[..., 0] < 2, np.nan, np.stack(parts))


def auc_interval(value: float, variance: float, z: float) -> tuple[Bounds, str]:
    """Interval of an AUC, symmetric in log(AUC / (1 − AUC)) and so within [0, 1].

    Args:
        value: The AUC.
        variance: Of the AUC; NaN where there are too few rows for one.
        z: Quantile.

    Returns:
        The interval, and "", or NaN and the reason why there is none.
    """
    if math.isnan(variance):
        return (math.nan, math.nan), "too few rows for an interval"
    if not 0 < value < 1:
        return (math.nan, math.nan), f"an AUC of {value:g} shows no variance to make an interval of"
    if math.isinf(z):
        return (0.0, 1.0), ""
    logit, half = math.log(value / (1 - value)), z * math.sqrt(variance) / (value * (1 - value))
    lower, upper = (1 / (1 + math.exp(-min(700.0, max(-700.0, logit + side * half)))) for side in (-1, 1))
    return (lower, upper), ""


def dense(histogram: Sparse, bins: int) -> np.ndarray:
    """Counts [bins] from the bins that hold rows."""
    result = np.zeros(bins)
    result[histogram[0]] = histogram[1]
    return result
