"""Settings and figures of a frontier, made up."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Optional

import pandas as pd

from components.tradeoff_metrics.names import MetricName
from pipeline.frontier import table
from pipeline.frontier.grid import Point, points
from pipeline.frontier.table import FAILED, TRAINED
from pipeline.settings.config import RunSettings

TASKS = ["click", "buy"]
GROUPS = ["gender", "age"]
NAMES = table.columns_of(TASKS, GROUPS)
# (ARE, ARFG) of a training, or why there is none.
Outcome = Callable[[Point], Any]


def run_settings(frontier: Optional[dict[str, Any]] = None, **blocks: Any) -> RunSettings:
    content: dict[str, Any] = {
        "dataset": "mini",
        "log": {
            "root": "/log",
            "sources": [{"files": [f"{s}.csv"], "split": s} for s in ("train", "validation", "test")],
        },
        "features": {"inputs": [{"type": "numeric", "name": "x"}, {"type": "categorical", "name": "c"}]},
        "tasks": [
            {"name": "click", "column": "clicked", "positive": "== 1"},
            {"name": "buy", "column": "spent", "positive": "> 0"},
        ],
        "groups": [{"name": "gender", "column": "sex"}, {"name": "age", "column": "years", "buckets": [30]}],
        "gate": {"are_max": 1.1},
        **blocks,
    }
    return RunSettings.model_validate(content if frontier is None else {**content, "frontier": frontier})


def figures(are: float, arfg: float, reason: str = "") -> dict[str, dict[str, Any]]:
    """Figures as `measure` gives them; the interval is ± 0.05, and none where a value is NaN."""

    def estimate(value: float, why: str = "") -> dict[str, Any]:
        if math.isnan(value):
            return {"value": None, "lower": None, "upper": None, "reason": why}
        return {"value": value, "lower": value - 0.05, "upper": value + 0.05, "reason": ""}

    def of(name: MetricName) -> dict[str, Any]:
        if name.metric == "arfg":
            return estimate(arfg, reason)
        return (
            estimate(are, reason) if name.metric == "are" else estimate(0.1 * are if "error" in str(name) else arfg / 9)
        )

    return {str(name): of(name) for name in NAMES}


def made_table(run: RunSettings, outcome: Outcome) -> tuple[list[Point], pd.DataFrame]:
    """All trainings of a run and their table; the baseline is at (1, 1)."""
    found, rows = points(run), []
    for point in found:
        result = (1.0, 1.0) if point.is_baseline else outcome(point)
        if isinstance(result, str):
            rows.append(table.row(point, NAMES, status=FAILED, failure=result))
        else:
            measured = figures(*result)
            rows.append(
                table.row(point, NAMES, status=TRAINED, figures=measured, seconds=1.5, parameters=10, kept_epoch=2)
            )
    return found, table.table(rows)


def curve(point: Point) -> tuple[float, float]:
    """More strength, less gap and more error; MTA-F pays half of vanilla's price, and seeds differ a little."""
    strength = point.setting.strength or 0.0
    price = {"vanilla": 0.02, "mtaf": 0.01}.get(point.setting.mode, 0.0)
    return 1 + price * strength + 0.001 * point.seed, 1 / (1 + strength) + 0.01 * point.seed
