"""The group, and the cell of label and group, that stands worst in a task (see `figures/worst.py`)."""

from __future__ import annotations

from typing import Literal

from components.tradeoff_metrics.figures.worst import worst_of
from components.tradeoff_metrics.registry import Limit, Metric, Unit, register


def _register(key: str, title: str, *, better: Literal["lower", "higher"], unit: Unit, limit: Limit) -> None:
    register(
        Metric(
            key=key,
            title=title,
            unit=unit,
            scope="group_task",
            better=better,
            compute=lambda statistics, model: [found.estimate for found in worst_of(statistics, key, model)],
            has_baseline=True,
            limit=limit,
        )
    )


def _register_error(key: str, title: str) -> None:
    _register(key, title, better="lower", unit="percent", limit=Limit(f"{key}_max"))


def _register_auc(key: str, title: str) -> None:
    _register(key, title, better="higher", unit="ratio", limit=Limit(f"{key}_min", highest=1))


_register_error("worst_group_error", "Error in the worst group")
_register_auc("worst_group_auc", "AUC in the worst group")
_register_error("worst_cell_error", "Error in the worst cell of label and group")
_register_auc("worst_cell_auc", "Lowest subgroup, BPSN or BNSP AUC")
