"""Negative transfer: how many tasks are worse than single-task learning."""

from __future__ import annotations

from components.tradeoff_metrics.figures.transfer import negative_transfer_count
from components.tradeoff_metrics.registry import Limit, Metric, register

register(
    Metric(
        key="negative_transfer_count",
        title="Tasks surely worse than single-task",
        unit="count",
        scope="overall",
        better="lower",
        compute=lambda statistics, _: [negative_transfer_count(statistics.error_differences())],
        limit=Limit("negative_transfer_count_max"),
    )
)
