"""Gaps of a task between groups: the highest minus the lowest false positive or true positive rate."""

from __future__ import annotations

from components.tradeoff_metrics.figures.statistics import Kind
from components.tradeoff_metrics.registry import Limit, Metric, register


def _register(kind: Kind) -> None:
    key, name = f"{kind}_gap", f"{kind.upper()} gap"
    register(
        Metric(
            key=key,
            title=name,
            unit="points",
            scope="group_task",
            better="lower",
            compute=lambda statistics, model: [gap.estimate for gap in statistics.gaps(kind, model)],
            has_baseline=True,
            limit=Limit(f"{key}_max"),
        )
    )
    register(
        Metric(
            key=f"{key}_ratio",
            title=f"{name} relative to the single-task model",
            unit="ratio",
            scope="group_task",
            better="lower",
            compute=lambda statistics, _: statistics.gap_ratios(kind)[0],
            limit=Limit(f"{key}_ratio_max"),
        )
    )


_register("fpr")
_register("tpr")
