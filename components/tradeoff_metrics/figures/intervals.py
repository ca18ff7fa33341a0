"""Confidence intervals in closed form (NumPy float64).

References:
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
    R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statist. Med. 17 (1998).
    E. C. Fieller, "Some problems in interval estimation", JRSS B 16 (1954).
    G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures", Statist. Med. 27 (2008).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Optional

import numpy as np
from scipy import stats

Bounds = tuple[float, float]


def quantile(confidence: float, blocks: Optional[int] = None) -> float:
    """z with P(|Z| <= z) = ``confidence``: 1.96 for 0.95.

    Args:
        confidence: In (0, 1).
        blocks: Independent blocks that a variance is estimated from: Z is then Student's, with one degree of freedom less
            than blocks; infinite for fewer than two, where there is no such estimate. None: Z is normal.
    """
    if blocks is None:
        return NormalDist().inv_cdf(0.5 + confidence / 2)
    return float(stats.t.ppf(0.5 + confidence / 2, blocks - 1)) if blocks > 1 else math.inf


def wilson(successes: float, trials: float, z: float) -> Bounds:
    """Wilson's score interval of a proportion; NaN without trials.

    Unlike p ± z √(p(1−p)/n) it has a width where no or every trial succeeded, as happens to false positives of small
    groups.
    """
    if trials <= 0:
        return math.nan, math.nan
    if math.isinf(z):
        return 0.0, 1.0
    p = successes / trials
    centre = p + z * z / (2 * trials)
    half = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def newcombe(p1: float, bounds1: Bounds, p2: float, bounds2: Bounds, correlation: float = 0.0) -> Bounds:
    """Newcombe's hybrid score interval of p1 − p2 from the two proportions' Wilson intervals.

    ``correlation`` is 0 for proportions of independent rows; Zou and Donner give the form for others.
    """

    def half(one: float, other: float) -> float:
        return math.sqrt(max(one**2 + other**2 - 2 * correlation * one * other, 0.0))

    difference = p1 - p2
    lower = difference - half(p1 - bounds1[0], bounds2[1] - p2)
    upper = difference + half(bounds1[1] - p1, p2 - bounds2[0])
    return max(-1.0, lower), min(1.0, upper)


def absolute(bounds: Bounds) -> Bounds:
    """The image of an interval of d under |d|."""
    lower, upper = bounds
    if lower <= 0 <= upper:
        return 0.0, max(-lower, upper)
    return min(abs(lower), abs(upper)), max(abs(lower), abs(upper))


def fieller(numerator: float, denominator: float, covariance: np.ndarray, z: float) -> Optional[Bounds]:
    """Fieller's interval of a ratio: all r with (a − r b)² <= z² Var(a − r b).

    Args:
        numerator: a.
        denominator: b.
        covariance: Of (a, b) [2, 2].
        z: Normal quantile.

    Returns:
        The interval, or None where it is unbounded: the interval b ± z √Var(b) of the denominator holds 0.
    """
    if math.isinf(z):
        return None
    # The solutions of A r² − 2 B r + C <= 0.
    a = denominator**2 - z * z * covariance[1, 1]
    if a <= 0:
        return None
    b = numerator * denominator - z * z * covariance[0, 1]
    c = numerator**2 - z * z * covariance[0, 0]
    root = math.sqrt(max(b * b - a * c, 0.0))
    return (b - root) / a, (b + root) / a


def ratio_covariance(candidate: np.ndarray, baseline: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Covariance of the ratios candidate/baseline by the delta method [T, T].

    Args:
        candidate: Values [T].
        baseline: Values, none of them 0 [T].
        covariance: Of (candidate, baseline), models one after the other [2T, 2T].
    """
    jacobian = np.concatenate([np.diag(1 / baseline), np.diag(-candidate / baseline**2)], axis=1)
    return jacobian @ covariance @ jacobian.T


def mean_of_ratios(values: np.ndarray, bounds: list[Bounds], covariance: np.ndarray) -> Bounds:
    """Interval of the mean of correlated ratios by variance estimates recovered from each ratio's own interval.

    l = r̄ − √(Σ_tu ρ_tu (r_t − l_t)(r_u − l_u)) / T and likewise above (Zou and Donner), so that the skewness of
    Fieller's intervals is kept; for one task it is Fieller's interval. Ratios whose interval begins at 0 were folded there
    from a sign that may be either: their distances to 0 are added as if they moved together, so that a mean of such ratios
    can be 0 too.

    Args:
        values: Ratios r_t [T].
        bounds: Interval of each.
        covariance: Of the ratios, for their correlations ρ [T, T].
    """
    # Rounding may leave a variance of 0 a hair below it, and a correlation a hair above 1.
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0))
    outer = np.outer(deviation, deviation)
    correlation = np.clip(np.divide(covariance, outer, out=np.eye(len(values)), where=outer > 0), -1, 1)
    below = np.array([value - lower for value, (lower, _) in zip(values, bounds, strict=True)])
    above = np.array([upper - value for value, (_, upper) in zip(values, bounds, strict=True)])
    folded = np.array([lower == 0 for lower, _ in bounds])
    together = np.where(np.outer(folded, folded), 1.0, correlation)
    mean = float(values.mean())
    half = [
        math.sqrt(max(float(side @ moved @ side), 0.0)) / len(values)
        for side, moved in ((below, together), (above, correlation))
    ]
    return mean - half[0], mean + half[1]


def squared_distance(values: np.ndarray, covariance: np.ndarray) -> float:
    """vᵀ C⁻¹ v: how far statistics v [K] lie from 0 in units of their covariance C [K, K], which may be singular.

    Infinite where a statistic without variance is not 0.
    """
    scale = np.sqrt(np.maximum(np.diag(covariance), 0))
    if (values[scale == 0] != 0).any():
        return math.inf
    moving = scale > 0
    outer = np.outer(scale[moving], scale[moving])
    return float(
        values[moving]
        / scale[moving]
        @ np.linalg.pinv(covariance[np.ix_(moving, moving)] / outer, hermitian=True)
        @ (values[moving] / scale[moving])
    )
