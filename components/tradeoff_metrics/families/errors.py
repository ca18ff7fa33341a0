"""Errors of a task over all its rows, beside those of single-task learning."""

from __future__ import annotations

from components.tradeoff_metrics.registry import Limit, Metric, register

register(
    Metric(
        key="error",
        title="Error",
        unit="percent",
        scope="task",
        better="lower",
        compute=lambda statistics, model: statistics.errors(model),
        has_baseline=True,
    )
)
register(
    Metric(
        key="error_ratio",
        title="Error relative to the single-task model",
        unit="ratio",
        scope="task",
        better="lower",
        compute=lambda statistics, _: statistics.error_ratios()[0],
    )
)
register(
    Metric(
        key="error_difference",
        title="Error minus the single-task model's",
        unit="points",
        scope="task",
        better="lower",
        compute=lambda statistics, _: statistics.error_differences(),
        limit=Limit("error_difference_max", lowest=None),
    )
)
