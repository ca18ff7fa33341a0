"""AUCs and their intervals from counts by score bin (DeLong's variance, scores of one bin taken as tied).

References:
    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more correlated receiver
        operating characteristic curves", Biometrics 44 (1988).
    N. A. Obuchowski, "Nonparametric analysis of clustered ROC curve data", Biometrics 53 (1997).
"""

from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np

from components.tradeoff_metrics.figures.intervals import Bounds

# Bins that leave more of an AUC open than this are spoken of.
OPEN_TOLD = 1e-3


class AUCs(NamedTuple):
    """AUCs [R] with what their intervals need.

    Attributes:
        value: NaN where a label has no row.
        variance: That negatives and positives bring [2, R], NaN where a label has fewer than two rows.
        open: How far the value may be from that of the scores themselves, since the rows of a bin count as tied: half the
            share of the pairs that lie in one bin without being known to be equal.
        rows: Negatives and positives [2, R].
    """

    value: np.ndarray
    variance: np.ndarray
    open: np.ndarray
    rows: np.ndarray

    def at(self, index: int) -> AUCs:
        """One of them, as scalars."""
        return AUCs(*(part[..., index] for part in self))


def auc(negatives: np.ndarray, positives: np.ndarray, resolved: Optional[np.ndarray] = None) -> AUCs:
    """AUCs of dense histograms.

    Args:
        negatives: Counts of label 0 by bin, bins ascending [R, bins].
        positives: Counts of label 1 [R, bins].
        resolved: Whether the rows of a bin have all the same score [bins]; None where all have.
    """
    rows, bins = np.shape(negatives)
    segment = np.repeat(np.arange(rows), bins)
    known = np.tile(np.ones(bins, bool) if resolved is None else resolved, rows)
    return segmented_auc(segment, rows, np.ravel(negatives), np.ravel(positives), known)


def segmented_auc(
    segment: np.ndarray, segments: int, negatives: np.ndarray, positives: np.ndarray, resolved: np.ndarray
) -> AUCs:
    """An AUC of each segment of bins.

    With F the share of the other label below a row's bin plus half of its bin, AUC is the mean of F over positives, and
    Var = var(F over positives) / n₁ + var(F over negatives) / n₀.

    Args:
        segment: Of each bin, ascending [C]; bins ascend within a segment.
        segments: Their number R.
        negatives: Rows of label 0 by bin [C].
        positives: Rows of label 1 [C]. They need not be of the same rows otherwise: a group's positives may stand against
            another group's negatives.
        resolved: Whether the rows of a bin have all the same score [C].
    """
    n0, n1 = (np.asarray(counts, np.float64) for counts in (negatives, positives))

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(segment, weights=values, minlength=segments)

    totals = np.stack([total(n0), total(n1)])
    with np.errstate(invalid="ignore", divide="ignore"):
        below = _placed(n0, totals[0], segment)
        above = 1 - _placed(n1, totals[1], segment)
        value = total(below * n1) / totals[1]
        variance = np.stack(
            [
                total(weights * (placed - value[segment]) ** 2) / (of * (of - 1))
                for placed, weights, of in ((above, n0, totals[0]), (below, n1, totals[1]))
            ]
        )
        pairs = totals.prod(axis=0)
        unresolved = total(np.where(resolved, 0, n0 * n1)) / (2 * pairs)
    undefined = pairs == 0
    value = np.where(undefined, np.nan, value)
    few = totals.min(axis=0) < 2
    return AUCs(value, np.where(few, np.nan, variance), np.where(undefined, 0, unresolved), totals.astype(np.int64))


def _placed(counts: np.ndarray, totals: np.ndarray, segment: np.ndarray) -> np.ndarray:
    """Share of a segment's rows below each bin, half of the bin's own included [C]."""
    before = np.concatenate([[0], np.cumsum(totals)[:-1]])[segment] if len(totals) else np.zeros(0)
    return (np.cumsum(counts) - before - counts / 2) / totals[segment]


def auc_interval(value: float, variance: float, z: float, open_: float = 0.0) -> tuple[Bounds, str]:
    """Interval of an AUC, symmetric in log(AUC / (1 − AUC)) and so within [0, 1].

    Args:
        value: The AUC.
        variance: Of the AUC; NaN where there are too few rows for one.
        z: Quantile.
        open_: By how much the AUC itself is open, which is added to both sides.

    Returns:
        The interval, or NaN; and the reason why there is none, or, with an interval, what bins leave open, or "".
    """
    told = f"scores that share a bin leave {open_:.2g} of this AUC open, to either side" if open_ > OPEN_TOLD else ""
    if math.isnan(variance):
        return (math.nan, math.nan), "; ".join(filter(None, ["too few rows for an interval", told]))
    if not 0 < value < 1:
        return (math.nan, math.nan), f"an AUC of {value:g} shows no variance to make an interval of"
    if math.isinf(z):
        return (0.0, 1.0), told
    lower, upper = (_end(value + side * open_, variance, side * z) for side in (-1, 1))
    return (lower, upper), told


def _end(value: float, variance: float, z: float) -> float:
    if not 0 < value < 1:
        return float(np.clip(value, 0, 1))
    logit = math.log(value / (1 - value)) + z * math.sqrt(variance) / (value * (1 - value))
    return 1 / (1 + math.exp(-min(700.0, max(-700.0, logit))))
