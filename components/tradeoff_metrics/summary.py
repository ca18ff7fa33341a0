"""What an accumulator says: values under their metric names, and the details behind them."""

from __future__ import annotations

import math
from typing import Any, Optional

from components.tradeoff_metrics.counting.accumulator import BASELINE, CANDIDATE, MODELS, GroupAccumulator
from components.tradeoff_metrics.counting.shown_histogram import shown_scores
from components.tradeoff_metrics.figures.auc import AUCs
from components.tradeoff_metrics.figures.group_aucs import owner
from components.tradeoff_metrics.figures.statistics import Estimate, Kind, TradeoffStatistics
from components.tradeoff_metrics.figures.worst import METRICS, Worst, worst_of
from components.tradeoff_metrics.names import MetricName, names_of
from components.tradeoff_metrics.registry import metrics
from models.formats.features import UNKNOWN_GROUP

RATE_KINDS: tuple[Kind, ...] = ("fpr", "tpr", "error")
GAP_KINDS: tuple[Kind, ...] = ("fpr", "tpr")


def values(statistics: TradeoffStatistics, group: Optional[str]) -> dict[MetricName, Estimate]:
    """All values of one group key; ``group`` None is the primary one, which carries those over all rows too."""
    result: dict[MetricName, Estimate] = {}
    for metric in metrics():
        if metric.of_group or group is None:
            for model in (CANDIDATE, BASELINE)[: 1 + metric.has_baseline]:
                names = names_of(metric, statistics.tasks, group, baseline=model == BASELINE)
                result |= zip(names, metric.compute(statistics, model), strict=True)
    return result


def summarise(
    accumulator: GroupAccumulator,
    name: str,
    group: Optional[str],
    *,
    confidence: float = 0.95,
    min_count: int = 1,
    cluster: Optional[str] = None,
    bins: int = 1000,
) -> tuple[dict[MetricName, Estimate], dict[str, Any]]:
    """Values and details of one group key.

    Args:
        accumulator: Its counts.
        name: The group key's name.
        group: The name's part in metric names; None for the primary group key.
        confidence: Of intervals.
        min_count: Rows that a group or cell needs to enter a gap or to be the worst.
        cluster: Column that the accumulator's blocks are made of.
        bins: The most cells of a score histogram in the details.

    Returns:
        Estimates by metric name, and the details: JSON-able, None for NaN (keys: `details.py`).
    """
    statistics = TradeoffStatistics(accumulator, confidence=confidence, min_count=min_count)
    estimates = values(statistics, group)
    details = {
        "group": name,
        "primary": group is None,
        "confidence": confidence,
        "quantile": statistics.z if math.isfinite(statistics.z) else None,
        "min_count": min_count,
        "cluster": cluster,
        "lone_rows": accumulator.lone_rows,
        "rows": int(accumulator.rows.sum()),
        "group_rows": {
            accumulator.groups[g]: int(accumulator.rows[g]) for g in accumulator.ordered(last=UNKNOWN_GROUP)
        },
        "thresholds": {
            model: dict(zip(accumulator.tasks, accumulator.thresholds[m].tolist(), strict=True))
            for m, model in enumerate(MODELS)
        },
        "values": {str(key): _plain(estimate) for key, estimate in estimates.items()},
        "tasks": {task: _task_details(statistics, t) for t, task in enumerate(statistics.tasks)},
        "histograms": _histograms(accumulator, bins),
    }
    return estimates, details


def _plain(estimate: Estimate) -> dict[str, Any]:
    numbers = {"value": estimate.value, "lower": estimate.lower, "upper": estimate.upper}
    return {name: float(x) if math.isfinite(x) else None for name, x in numbers.items()} | {"reason": estimate.reason}


def _task_details(statistics: TradeoffStatistics, task: int) -> dict[str, Any]:
    return {
        model: {
            "rates": {kind: _rates(statistics, kind, m, task) for kind in RATE_KINDS},
            "gaps": {kind: _gap(statistics, kind, m, task) for kind in GAP_KINDS},
            "auc": _aucs(statistics, m, task),
            "worst": {metric: _worst(statistics, worst_of(statistics, metric, m)[task]) for metric in METRICS},
            "design_effects": {kind: _effects(statistics, kind, m, task) for kind in GAP_KINDS},
        }
        for m, model in enumerate(MODELS)
    }


def _rates(statistics: TradeoffStatistics, kind: Kind, model: int, task: int) -> dict[str, Any]:
    """Per group: the rate with its interval, what it counts and out of how many."""
    numerators, denominators = statistics.counts(kind, model)
    result = {}
    for g, group in enumerate(statistics.groups):
        counts = {"count": int(numerators[g, task]), "of": int(denominators[g, task])}
        result[group] = _plain(statistics.rate(kind, model, g, task)) | counts
    return result


def _gap(statistics: TradeoffStatistics, kind: Kind, model: int, task: int) -> dict[str, Any]:
    gap = statistics.gaps(kind, model)[task]
    return _plain(gap.estimate) | {
        "highest": None if gap.highest is None else statistics.groups[gap.highest],
        "lowest": None if gap.lowest is None else statistics.groups[gap.lowest],
        "left_out": [statistics.groups[g] for g in gap.left_out],
        "holds_zero": gap.holds_zero,
    }


def _worst(statistics: TradeoffStatistics, worst: Worst) -> dict[str, Any]:
    return _plain(worst.estimate) | {
        "group": None if worst.group is None else statistics.groups[worst.group],
        "side": worst.side,
        "left_out": [[statistics.groups[g], side] for g, side in worst.left_out],
        **worst.rows,
    }


def _effects(statistics: TradeoffStatistics, kind: Kind, model: int, task: int) -> dict[str, Any]:
    """Design effects of a rate, over all rows and of each group."""
    each, pooled = statistics.design_effects(kind, model)
    groups = {group: float(each[g, task]) for g, group in enumerate(statistics.groups)}
    return {"all": float(pooled[task]), "groups": groups}


def _aucs(statistics: TradeoffStatistics, model: int, task: int) -> dict[str, Any]:
    """The AUC over all rows and of each group, with the rows behind it."""
    groups = {group: _auc(*statistics.auc(model, task, g)) for g, group in enumerate(statistics.groups)}
    return {"all": _auc(*statistics.auc(model, task)), "groups": groups}


def _auc(estimate: Estimate, found: AUCs) -> dict[str, Any]:
    return _plain(estimate) | dict(zip(("negatives", "positives"), map(int, found.rows), strict=True))


def _histograms(accumulator: GroupAccumulator, bins: int) -> dict[str, Any]:
    """task → model → thresholds, and group → label "0"/"1" → [cells that hold rows, their counts]; "unknown" included."""
    order = accumulator.ordered(last=UNKNOWN_GROUP)
    result: dict[str, Any] = {task: {} for task in accumulator.tasks}
    for m, model in enumerate(MODELS):
        for t, task in enumerate(accumulator.tasks):
            shown = shown_scores(accumulator.histograms[m][t].scores(), bins)
            groups = {
                accumulator.groups[g]: {
                    str(label): list(shown.cells.get(int(owner(g, label)), ([], []))) for label in (0, 1)
                }
                for g in order
            }
            result[task][model] = {"thresholds": shown.thresholds, "groups": groups}
    return result
