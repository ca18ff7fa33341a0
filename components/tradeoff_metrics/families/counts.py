"""How many known labels of a task its smallest group has."""

from __future__ import annotations

from typing import Optional

from components.tradeoff_metrics.figures.statistics import ROWS, Kind
from components.tradeoff_metrics.registry import Limit, Metric, register


def _register(kind: Kind, description: Optional[str] = None) -> None:
    rows = ROWS[kind]
    register(
        Metric(
            key=f"min_{rows}",
            title=f"{rows.capitalize()} in the smallest group",
            unit="count",
            scope="group_task",
            better="higher",
            compute=lambda statistics, _: statistics.smallest_count(kind),
            has_interval=False,
            limit=Limit(f"min_{rows}", description=description),
        )
    )


_register("fpr", "known negatives of a task in its smallest group")
_register("tpr")
