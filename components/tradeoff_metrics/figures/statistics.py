"""Rates, gaps and their trade-off, with intervals, from an accumulator (NumPy float64).

Every statistic θ is a function of ratios of counts R = a·S / b·S within groups, S the sum of the rows' indicators x. A row
moves R by its influence (a − R b)·x / (b·S); the influences of a group sum to 0, so with c_g the influence of θ on group
g's indicators and M_g = Σ x xᵀ, Cov(θ, η) ≈ Σ_g c_gᵀ M_g d_g (delta method): rows shared by candidate, baseline and tasks
are accounted for. That takes rows as independent; where users have many rows the intervals are too narrow, and
`sampling.py` has the form for rows that come in clusters.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Optional, TypeVar

import numpy as np

from components.tradeoff_metrics.counting.accumulator import (
    BASELINE,
    CANDIDATE,
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    INDICATORS,
    MODELS,
    NEGATIVE,
    POSITIVE,
    GroupAccumulator,
)
from components.tradeoff_metrics.counting.sampling import ClusteredRows, IndependentRows, Sampling
from components.tradeoff_metrics.figures import intervals
from components.tradeoff_metrics.figures.auc import AUCs, auc_interval
from components.tradeoff_metrics.figures.estimate import Estimate as Estimate
from components.tradeoff_metrics.figures.group_aucs import BNSP, BPSN, SUBGROUP, group_aucs, overall_auc
from models.formats.features import UNKNOWN_GROUP
from models.formats.listing import listed

Figure = TypeVar("Figure", bound=Callable[..., Any])
Kind = Literal["fpr", "tpr", "fnr", "error"]
ROWS = {"fpr": "negatives", "tpr": "positives", "fnr": "positives", "error": "rows"}
# Rows below which a group's rate says next to nothing: with 30 negatives a rate of 0.1 is known to within 0.1.
FEW_ROWS = 30


@dataclass(frozen=True)
class Gap:
    """A gap: highest minus lowest rate over the groups that have rows for it.

    Attributes:
        estimate: Interval by Newcombe's method for the two groups that make the gap, as if chosen beforehand, mapped by
            |·|. Of groups that are truly alike it holds the gap 0 in 95 % of samples with two groups, but in 88 % with three
            and 51 % with eight: there it lies too high.
        highest: Position of the group with the highest rate; None where the gap is undefined.
        lowest: Position of the group with the lowest rate.
        left_out: Positions of groups without enough rows.
        holds_zero: Whether the interval of the signed difference holds 0.
        influence: On the indicators of each group's rows [G, 6T].
    """

    estimate: Estimate
    highest: Optional[int]
    lowest: Optional[int]
    left_out: tuple[int, ...]
    holds_zero: bool
    influence: np.ndarray


def _coefficients(kind: Kind, model: int) -> tuple[np.ndarray, np.ndarray]:
    """Numerator a and denominator b of a rate, on one task's six indicators."""
    a, b = np.zeros(INDICATORS), np.zeros(INDICATORS)
    if kind == "fpr":
        a[FALSE_POSITIVE[model]] = b[NEGATIVE] = 1
    elif kind == "tpr":
        a[POSITIVE] = b[POSITIVE] = 1
        a[FALSE_NEGATIVE[model]] = -1
    elif kind == "fnr":
        a[FALSE_NEGATIVE[model]] = b[POSITIVE] = 1
    else:
        a[[FALSE_POSITIVE[model], FALSE_NEGATIVE[model]]] = 1
        b[[NEGATIVE, POSITIVE]] = 1
    return a, b


def once(figure: Figure) -> Figure:
    """Computes a figure of a ``TradeoffStatistics``, the first argument, once for each of the other arguments."""

    @functools.wraps(figure)
    def found(statistics: TradeoffStatistics, *arguments: Any) -> Any:
        key = (figure.__qualname__, *arguments)
        if key not in statistics.found:
            statistics.found[key] = figure(statistics, *arguments)
        return statistics.found[key]

    return found  # type: ignore[return-value]


class TradeoffStatistics:
    """Statistics of candidate and baseline over the groups of one key.

    Rows of the group "unknown" count in errors over all rows and in nothing between groups.

    Attributes:
        tasks: Task names.
        groups: Group values in alphabetical order, without "unknown".
    """

    def __init__(self, accumulator: GroupAccumulator, *, confidence: float = 0.95, min_count: int = 1):
        """Reads the accumulator.

        Args:
            accumulator: Counts and second moments.
            confidence: Of all intervals.
            min_count: Known negatives (FPR), positives (TPR) or rows (error) below which a group enters no gap and is not
                the worst; of an AUC, negatives and positives each.
        """
        self._accumulator = accumulator
        self._order = order = accumulator.ordered(last=UNKNOWN_GROUP)
        self.tasks = accumulator.tasks
        self.groups = [accumulator.groups[g] for g in order if accumulator.groups[g] != UNKNOWN_GROUP]
        self.rows = accumulator.rows[order]
        self.min_count = max(1, min_count)
        # All groups, "unknown" last.
        self._moments = accumulator.moments[order].astype(np.float64)
        self._sums = np.einsum("gdd->gd", self._moments).reshape(len(order), len(self.tasks), INDICATORS)
        self._sampling: Sampling = (
            ClusteredRows(accumulator.block_sums[order].astype(np.float64))
            if accumulator.blocks
            else IndependentRows(self._moments)
        )
        self.z = self._sampling.quantile(confidence)
        self._joint_quantile = self._sampling.joint_quantile(confidence, len(self.tasks))
        # What `once` keeps.
        self.found: dict[tuple[Any, ...], Any] = {}

    def counts(self, kind: Kind, model: int) -> tuple[np.ndarray, np.ndarray]:
        """Numerators and denominators of a rate per group and task [G, T], "unknown" left out."""
        a, b = _coefficients(kind, model)
        sums = self._sums[: len(self.groups)]
        return sums @ a, sums @ b

    @once
    def aucs(self, model: int, task: int) -> dict[str, AUCs]:
        """Side → the AUC of each group, "unknown" left out; sides are those of ``group_aucs``."""
        named = np.array(self._order[: len(self.groups)], np.int64)
        return group_aucs(self._accumulator.histograms[model][task].scores(), named)

    def auc(self, model: int, task: int, group: Optional[int] = None, side: str = SUBGROUP) -> tuple[Estimate, AUCs]:
        """An AUC with DeLong's interval, and the rows behind it.

        Design effects of the false positive and true positive rate stand in for those of the variance that negatives and
        positives bring: like an AUC, they are means over a label's rows of a function that rises with the score. A rate
        shows less of what a cluster's scores share than the scores themselves do, so the interval stays somewhat narrow:
        where clusters share half of their scores' variance and all rows of one have one label, 95 % intervals held the truth
        in 87 % of samples, and in 59 % without the effects. Rows of other groups take the effect over all rows.

        Args:
            model: Candidate or baseline.
            task: Its position.
            group: Position of the group; None takes all rows, "unknown" included.
            side: What of the group.
        """
        if group is None:
            found = overall_auc(self._accumulator.histograms[model][task].scores()).at(0)
        else:
            found = self.aucs(model, task)[side].at(group)
        if math.isnan(found.value):
            return Estimate(reason="no negatives" if not found.rows[0] else "no positives"), found
        effects = []
        for kind, outside in (("fpr", side == BNSP), ("tpr", side == BPSN)):
            each, pooled = self.design_effects(kind, model)  # type: ignore[arg-type]
            effects.append(pooled[task] if outside or group is None else each[group, task])
        variance = float(np.dot(effects, found.variance))
        ends, reason = auc_interval(float(found.value), variance, self.z, float(found.open))
        return Estimate(float(found.value), *ends, reason), found

    @once
    def gaps(self, kind: Kind, model: int) -> list[Gap]:
        """The gap of each task."""
        return [self._gap(kind, model, t) for t in range(len(self.tasks))]

    def rate(self, kind: Kind, model: int, group: int, task: int) -> Estimate:
        """A group's rate with Wilson's interval at its effective number of rows."""
        numerators, denominators = self.counts(kind, model)
        return self._rate(
            numerators[group, task], denominators[group, task], self.design_effects(kind, model)[0][group, task]
        )

    def _rate(self, numerator: float, denominator: float, effect: float) -> Estimate:
        if not denominator:
            return Estimate(reason="no rows")
        bounds = intervals.wilson(numerator / effect, denominator / effect, self.z)
        return Estimate(float(numerator / denominator), *bounds)

    @once
    def design_effects(self, kind: Kind, model: int) -> tuple[np.ndarray, np.ndarray]:
        """Design effects of a rate, of each group, "unknown" last, [G, T] and over all rows [T]."""
        return self._sampling.design_effects(*_coefficients(kind, model))

    def _gap(self, kind: Kind, model: int, task: int) -> Gap:
        numerators, denominators = self.counts(kind, model)
        numerator, denominator = numerators[:, task], denominators[:, task]
        usable = np.flatnonzero(denominator >= self.min_count)
        left_out = tuple(int(g) for g in np.flatnonzero(denominator < self.min_count))
        influence = np.zeros((len(self._moments), self._moments.shape[-1]))
        if len(usable) < 2:
            reason = self._no_gap(kind, task, denominator)
            return Gap(Estimate(reason=reason), None, None, left_out, True, influence)
        rates = numerator[usable] / denominator[usable]
        high, low = int(usable[rates.argmax()]), int(usable[rates.argmin()])
        signed, influence = self._difference(kind, model, high, low, task)
        estimate = Estimate(signed.value, *intervals.absolute((signed.lower, signed.upper)))
        return Gap(estimate, high, low, left_out, bool(signed.lower <= 0), influence)

    def _no_gap(self, kind: Kind, task: int, rows: np.ndarray) -> str:
        """Why there is no gap between groups of which fewer than two have the rows for it."""
        order = np.argsort(-rows, kind="stable")
        named = listed(f"`{self.groups[g]}` has {int(rows[g]):,}" for g in order) or "there is no group"
        return (
            f"a gap needs two groups with {self.min_count} known {ROWS[kind]} or more of task `{self.tasks[task]}` in the "
            f"test split; {named}"
        )

    def difference(self, kind: Kind, model: int, one: int, other: int, task: int) -> Estimate:
        """Rate of the group ``other`` minus that of ``one``, two groups that were chosen beforehand."""
        if not self.counts(kind, model)[1][[one, other], task].all():
            return Estimate(reason="no rows")
        return self._difference(kind, model, other, one, task)[0]

    def _difference(self, kind: Kind, model: int, high: int, low: int, task: int) -> tuple[Estimate, np.ndarray]:
        """Rate of ``high`` minus rate of ``low`` with Newcombe's interval, and its influence [G, 6T]."""
        numerators, denominators = self.counts(kind, model)
        a, b = _coefficients(kind, model)
        own = slice(task * INDICATORS, (task + 1) * INDICATORS)
        parts = np.zeros((2, len(self._moments), self._moments.shape[-1]))
        rates = [self.rate(kind, model, g, task) for g in (high, low)]
        for part, g in zip(parts, (high, low), strict=True):
            part[g, own] = (a - numerators[g, task] / denominators[g, task] * b) / denominators[g, task]
        bounds = [(rate.lower, rate.upper) for rate in rates]
        signed = intervals.newcombe(
            rates[0].value, bounds[0], rates[1].value, bounds[1], self._sampling.correlation(parts)
        )
        return Estimate(rates[0].value - rates[1].value, *signed), parts[0] - parts[1]

    @once
    def gap_ratios(self, kind: Kind) -> tuple[list[Estimate], Estimate]:
        """|gap(candidate)| / |gap(baseline)| per task, and their mean over tasks: ARFG where ``kind`` is "fpr"."""
        candidate, baseline = self.gaps(kind, CANDIDATE), self.gaps(kind, BASELINE)
        what = f"{kind.upper()} gap"
        undefined = ["" for _ in self.tasks]
        unbounded = ["" for _ in self.tasks]
        for t, task in enumerate(self.tasks):
            if candidate[t].estimate.reason or baseline[t].estimate.reason:
                undefined[t] = baseline[t].estimate.reason or candidate[t].estimate.reason
            elif baseline[t].estimate.value == 0:
                undefined[t] = f"the baseline's {what} of task `{task}` is 0"
            elif baseline[t].holds_zero:
                unbounded[t] = self._like_zero(kind, t, baseline[t])
        values = [np.array([gap.estimate.value for gap in gaps]) for gaps in (candidate, baseline)]
        covariance = self._sampling.covariance(np.stack([gap.influence for gap in candidate + baseline]))
        return self._ratios(values, covariance, undefined, unbounded)

    def _like_zero(self, kind: Kind, task: int, gap: Gap) -> str:
        """What to make of a baseline's gap whose interval holds 0: fair, or measured on too few rows."""
        rows = self.counts(kind, BASELINE)[1][:, task]
        ends = sorted((g for g in (gap.highest, gap.lowest) if g is not None), key=lambda g: rows[g])
        named = " and ".join(f"`{self.groups[g]}` {int(rows[g]):,}" for g in ends)
        said = f"the interval of the baseline's {kind.upper()} gap of task `{self.tasks[task]}` holds 0"
        if rows[ends[0]] < FEW_ROWS:
            return f"{said}: too few {ROWS[kind]} in the test split to say whether the baseline is fair ({named})"
        return f"{said}: the baseline is already fair here, read the absolute gap ({ROWS[kind]} in the test split: {named})"

    @once
    def errors(self, model: int) -> list[Estimate]:
        """Error per task over all rows with a known label (Wilson)."""
        numerator, denominator = self._pooled(model)
        effects = self.design_effects("error", model)[1]
        return [
            self._rate(numerator[t], denominator[t], effects[t])
            if denominator[t]
            else Estimate(reason=f"no label of task `{task}` is known")
            for t, task in enumerate(self.tasks)
        ]

    @once
    def error_ratios(self) -> tuple[list[Estimate], Estimate]:
        """error(candidate) / error(baseline) per task, and their mean over tasks: ARE."""
        undefined = ["" for _ in self.tasks]
        values = [np.array([error.value for error in self.errors(model)]) for model in (CANDIDATE, BASELINE)]
        for t, (task, error) in enumerate(zip(self.tasks, self.errors(BASELINE), strict=True)):
            undefined[t] = error.reason or ("" if error.value else f"the baseline makes no error on task `{task}`")
        return self._ratios(values, self._error_covariance(), undefined, ["" for _ in self.tasks])

    @once
    def error_differences(self) -> list[Estimate]:
        """error(candidate) − error(baseline) per task on the same rows: surely above 0 is negative transfer."""
        covariance, tasks = self._error_covariance(), len(self.tasks)
        result = []
        for t, (candidate, baseline) in enumerate(zip(self.errors(CANDIDATE), self.errors(BASELINE), strict=True)):
            if candidate.reason:
                result.append(Estimate(reason=candidate.reason))
                continue
            pair = covariance[np.ix_([t, tasks + t], [t, tasks + t])]
            deviation = math.sqrt(max(pair[0, 0] + pair[1, 1] - 2 * pair[0, 1], 0.0))
            half = self.z * deviation if math.isfinite(self.z) else 2.0
            value = candidate.value - baseline.value
            result.append(Estimate(value, max(-1.0, value - half), min(1.0, value + half)))
        return result

    def smallest_count(self, kind: Kind) -> list[Estimate]:
        """The smallest number of known negatives ("fpr") or positives ("tpr") in any group, per task."""
        if not self.groups:
            return [Estimate(reason="no row has a group") for _ in self.tasks]
        return [Estimate(float(count)) for count in self.counts(kind, CANDIDATE)[1].min(axis=0)]

    def _pooled(self, model: int) -> tuple[np.ndarray, np.ndarray]:
        a, b = _coefficients("error", model)
        return (self._sums @ a).sum(axis=0), (self._sums @ b).sum(axis=0)

    def _error_covariance(self) -> np.ndarray:
        """Covariance of the errors (candidate's tasks, then the baseline's) [2T, 2T]."""
        groups, width = self._moments.shape[:2]
        influence = np.zeros((2, len(self.tasks), len(self.tasks), INDICATORS))
        for model in range(len(MODELS)):
            a, b = _coefficients("error", model)
            numerator, denominator = self._pooled(model)
            for t in np.flatnonzero(denominator):
                influence[model, t, t] = (a - numerator[t] / denominator[t] * b) / denominator[t]
        # Groups are not fixed strata of an error over all rows; the same influence holds in each.
        flat = influence.reshape(-1, 1, width)
        return self._sampling.covariance(np.broadcast_to(flat, (len(flat), groups, width)))

    def _ratios(
        self, values: list[np.ndarray], covariance: np.ndarray, undefined: Sequence[str], unbounded: Sequence[str]
    ) -> tuple[list[Estimate], Estimate]:
        tasks = len(self.tasks)
        ratios: list[Estimate] = []
        for t in range(tasks):
            if undefined[t]:
                ratios.append(Estimate(reason=undefined[t]))
                continue
            candidate, baseline = float(values[CANDIDATE][t]), float(values[BASELINE][t])
            pair = covariance[np.ix_([t, tasks + t], [t, tasks + t])]
            bounds = None if unbounded[t] else intervals.fieller(candidate, baseline, pair, self.z)
            if bounds is None:
                reason = unbounded[t] or f"the interval of the baseline's value of task `{self.tasks[t]}` holds 0"
                if math.isinf(self.z):
                    reason = "all rows lie in one cluster, which tells nothing of how clusters differ"
                ratios.append(Estimate(candidate / baseline, reason=reason))
            else:
                ratios.append(Estimate(candidate / baseline, *intervals.absolute(bounds)))
        reasons = "; ".join(dict.fromkeys(ratio.reason for ratio in ratios if math.isnan(ratio.value)))
        if reasons:
            return ratios, Estimate(reason=reasons)
        mean = float(np.mean([ratio.value for ratio in ratios]))
        reasons = "; ".join(dict.fromkeys(ratio.reason for ratio in ratios if ratio.reason))
        if reasons:
            return ratios, Estimate(mean, reason=reasons)
        together = intervals.ratio_covariance(values[CANDIDATE], values[BASELINE], covariance)
        each = np.array([ratio.value for ratio in ratios])
        lower, upper = intervals.mean_of_ratios(each, [(ratio.lower, ratio.upper) for ratio in ratios], together)
        # A mean of absolute values is 0 only where all are, which is for a test of all of them together to say.
        if intervals.squared_distance(values[CANDIDATE], covariance[:tasks, :tasks]) <= self._joint_quantile:
            lower = 0.0
        return ratios, Estimate(mean, max(0.0, lower), upper)
