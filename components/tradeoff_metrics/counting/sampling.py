"""How rows were drawn, which decides on variances: each by itself, or in clusters such as the impressions of one user.

Both forms give the covariance of statistics from their influences c on the rows' indicators x (see `statistics.py`), the
design effect of a rate (its variance over the one that it would have if rows were independent) and a quantile.

References:
    K. M. Wolter, "Introduction to Variance Estimation", 2nd ed., Springer (2007), ch. 2 and 4 (random groups, jackknife).
    E. L. Korn and B. I. Graubard, "Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data", Survey Methodology 24 (1998): rates at effective numbers of rows.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from scipy import stats

from components.tradeoff_metrics.counting.accumulator import INDICATORS
from components.tradeoff_metrics.figures import intervals


class Sampling(Protocol):
    """What statistics need to know of how rows were drawn."""

    def quantile(self, confidence: float) -> float:
        """z with P(|Z| <= z) = ``confidence``; infinite where no variance can be estimated."""

    def joint_quantile(self, confidence: float, statistics: int) -> float:
        """q with P(vᵀ C⁻¹ v <= q) = ``confidence`` for that many statistics v, C their covariance."""

    def covariance(self, influences: np.ndarray) -> np.ndarray:
        """Covariance of K statistics from their influences [K, G, 6T] → [K, K]."""

    def correlation(self, influences: np.ndarray) -> float:
        """Correlation of two statistics of different groups [2, G, 6T]."""

    def design_effects(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Design effects of the rate a·S / b·S, at least 1: of each group [G, T], and over all rows [T].

        Args:
            a: Numerator on a task's indicators [6].
            b: Denominator, likewise.
        """


class IndependentRows:
    """Every row is drawn by itself: Cov(θ, η) = Σ_g c_gᵀ M_g d_g.

    Args:
        moments: M_g = Σ x xᵀ over the rows of each group [G, 6T, 6T].
    """

    def __init__(self, moments: np.ndarray):
        self._moments = moments

    def quantile(self, confidence: float) -> float:
        """The normal one."""
        return intervals.quantile(confidence)

    def joint_quantile(self, confidence: float, statistics: int) -> float:
        """χ²'s."""
        return float(stats.chi2.ppf(confidence, statistics))

    def covariance(self, influences: np.ndarray) -> np.ndarray:
        """From the second moments."""
        return np.einsum("kgd,gde,lge->kl", influences, self._moments, influences, optimize=True)

    def correlation(self, influences: np.ndarray) -> float:
        """None: groups share no row."""
        return 0.0

    def design_effects(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ones."""
        groups, width = self._moments.shape[:2]
        return np.ones((groups, width // INDICATORS)), np.ones(width // INDICATORS)


class ClusteredRows:
    """Rows are drawn in clusters, each of which lies in one of B blocks: Cov(θ, η) = B/(B−1) Σ_b z_b w_b.

    z_b = Σ_g c_g·S_gb is what block b moves θ by: the linearised jackknife that deletes one block at a time.

    Args:
        sums: S_gb = Σ x over the rows of each group in each block [G, blocks, 6T].
    """

    def __init__(self, sums: np.ndarray):
        self._sums = sums
        #: B: blocks that hold rows.
        self.blocks = int(sums.any(axis=(0, 2)).sum())
        self._correction = self.blocks / max(1, self.blocks - 1)

    def quantile(self, confidence: float) -> float:
        """Student's with B − 1 degrees of freedom."""
        return intervals.quantile(confidence, self.blocks)

    def joint_quantile(self, confidence: float, statistics: int) -> float:
        """Hotelling's T² with B − 1 degrees of freedom; infinite for too few blocks."""
        free = self.blocks - statistics
        if free < 1:
            return math.inf
        return float(statistics * (self.blocks - 1) / free * stats.f.ppf(confidence, statistics, free))

    def covariance(self, influences: np.ndarray) -> np.ndarray:
        """From the blocks' sums. The influences of all rows sum to 0, and so does z."""
        moved = np.einsum("kgd,gbd->kb", influences, self._sums, optimize=True)
        return moved @ moved.T * self._correction

    def correlation(self, influences: np.ndarray) -> float:
        """Not 0 where clusters have rows in both groups."""
        covariance = self.covariance(influences)
        scale = math.sqrt(covariance[0, 0] * covariance[1, 1])
        return float(np.clip(covariance[0, 1] / scale, -1, 1)) if scale > 0 else 0.0

    def design_effects(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A group's rate of 0 or 1 shows no variance and takes the effect over all rows."""
        groups, blocks, width = self._sums.shape
        sums = self._sums.reshape(groups, blocks, width // INDICATORS, INDICATORS)
        numerators, denominators = sums @ a, sums @ b
        pooled = self._effects(numerators.sum(axis=0), denominators.sum(axis=0))
        pooled = np.maximum(1, np.nan_to_num(pooled, nan=1.0))
        each = self._effects(numerators, denominators)
        return np.maximum(1, np.where(np.isnan(each), pooled, each)), pooled

    def _effects(self, numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
        """From sums by block [..., blocks, T] → [..., T]; NaN where the rate is 0, 1 or undefined."""
        counts, totals = (part.sum(axis=-2, keepdims=True) for part in (numerators, denominators))
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = counts / totals
            residuals = numerators - rates * denominators
            variance = self._correction * (residuals**2).sum(axis=-2, keepdims=True) / totals**2
            binomial = rates * (1 - rates) / totals
            return np.where(binomial > 0, variance / binomial, np.nan)[..., 0, :]
