"""The table of all trainings: a row each, with its settings, its figures and, where it failed, why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import pandas as pd

from components.tradeoff_metrics.names import ENDS, MetricName, names_of, suffix
from components.tradeoff_metrics.registry import metric
from pipeline.frontier.grid import Point

# Metrics that the table holds, of those that the Evaluator computes; a column is called as the Evaluator's key.
METRICS = (
    "arfg", "are", "delta_p", "negative_transfer_count", "error", "error_ratio", "error_difference", "fpr_gap",
    "fpr_gap_ratio", "worst_group_error",
)  # fmt: skip
TRAINED, FAILED, REFUSED = "trained", "failed", "refused"
Figures = Mapping[str, Mapping[str, Any]]


def columns_of(tasks: Sequence[str], groups: Sequence[str]) -> list[MetricName]:
    """The metrics of the table, in its order: the primary group key's, then those of the others."""
    return [
        name
        for group in groups
        for key in METRICS
        if metric(key).of_group or group == groups[0]
        for name in names_of(metric(key), tasks, suffix(group, groups))
    ]


def row(
    point: Point,
    names: Sequence[MetricName],
    *,
    status: str,
    failure: str = "",
    figures: Optional[Figures] = None,
    seconds: Optional[float] = None,
    parameters: Optional[int] = None,
    kept_epoch: Optional[int] = None,
) -> dict[str, Any]:
    """One training as a row.

    Args:
      point: What was trained.
      names: Columns of figures.
      status: ``trained``, ``failed`` or ``refused`` (settings that contradict each other, not trained).
      failure: Why there are no figures.
      figures: Metric name → value, lower, upper and reason; None where there are none.
      seconds: Of the training.
      parameters: Trainable numbers of the network.
      kept_epoch: Whose weights were measured, from 1.
    """
    found: dict[str, Any] = {
        "case": point.name,
        **point.setting.columns(),
        "seed": point.seed,
        "settings": point.key,
        "status": status,
        "failure": failure,
        "seconds": seconds,
        "parameters": parameters,
        "kept_epoch": kept_epoch,
    }
    for name in names:
        estimate = {} if figures is None else figures[str(name)]
        found[str(name)] = _number(estimate.get("value"))
        for end in ENDS:
            found[f"{name}/{end}"] = _number(estimate.get(end))
        if name.metric in ("arfg", "are"):
            found[f"{name}/reason"] = estimate.get("reason") or ""
    return found


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def table(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """All rows, with one type a column: text, whole numbers that may be missing, or numbers."""
    frame = pd.DataFrame(list(rows))
    for column in ("strength", "seconds"):
        frame[column] = frame[column].astype(float)
    for column in ("seed", "parameters", "kept_epoch"):
        frame[column] = frame[column].astype("Int64")
    # Text: a head ratio may have a number for each task.
    frame["head_ratio"] = frame["head_ratio"].astype(str)
    return frame


def write(frame: pd.DataFrame, folder: Path) -> None:
    """Writes ``table.parquet`` and ``table.csv``."""
    frame.to_parquet(folder / "table.parquet", index=False)
    frame.to_csv(folder / "table.csv", index=False)
