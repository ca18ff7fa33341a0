"""Data of the page's table of tasks × groups."""

from __future__ import annotations

import math
from typing import Any, Optional

from components.fairness_report.inputs import RunInputs
from components.fairness_report.summary import WHO
from components.tradeoff_metrics.figures.worst import METRICS

RATES = ("fpr", "tpr", "error", "auc")


def rates_data(run: RunInputs, summary: dict[str, Any]) -> dict[str, Any]:
    """Per group key: its groups, and per task and model each rate as columns over the groups.

    A column holds {v: values, lo, hi: interval ends, of: rows behind each}; ``n`` counts for rates out of rows.
    """
    return {key: _key_data(key, run, summary) for key in run.settings.groups}


def _key_data(key: str, run: RunInputs, summary: dict[str, Any]) -> dict[str, Any]:
    details = run.details[key]
    cells = {task: summary["tasks"][task]["groups"][key] for task in run.settings.task_names}
    groups = list(next(iter(cells.values()))) if cells else []
    return {
        "groups": groups,
        "rows": [details["group_rows"][group] for group in groups],
        "unknown": sum(rows for group, rows in details["group_rows"].items() if group not in groups),
        "cells": {
            task: {
                who: {rate: _column([values[group][who][rate] for group in groups]) for rate in RATES} for who in WHO
            }
            for task, values in cells.items()
        },
        "gaps": {task: _gaps(task, key, run) for task in cells},
        "worst": {task: _worst(task, details) for task in cells},
    }


def _worst(task: str, details: dict[str, Any]) -> dict[str, Any]:
    """Metric → who → the worst group or cell: value, ends, reason, ``group``, ``side`` and the rows behind it."""
    return {
        metric: {who: _worst_one(details["tasks"][task][model]["worst"][metric]) for who, model in WHO.items()}
        for metric in METRICS
    }


def _worst_one(worst: dict[str, Any]) -> dict[str, Any]:
    of = worst["of"] if "of" in worst else worst["negatives"] + worst["positives"]
    return _plain(worst) | {name: worst[name] for name in ("group", "side", "left_out")} | {"of": of}


def _column(estimates: list[dict[str, Any]]) -> dict[str, Any]:
    ends = [estimate["interval"] or [None, None] for estimate in estimates]
    column = {
        "v": [short(estimate["value"]) for estimate in estimates],
        "lo": [short(lower) for lower, _ in ends],
        "hi": [short(upper) for _, upper in ends],
        "of": [estimate["of"] for estimate in estimates],
    }
    if estimates and "count" in estimates[0]:
        column["n"] = [estimate["count"] for estimate in estimates]
    return column


def _gaps(task: str, key: str, run: RunInputs) -> dict[str, Any]:
    details = run.details[key]
    result: dict[str, Any] = {}
    for kind in ("fpr", "tpr"):
        ratio = details["values"][ratio_name(kind, task, key, run)]
        result[kind] = {
            who: _plain(details["tasks"][task][model]["gaps"][kind])
            | {side: details["tasks"][task][model]["gaps"][kind][side] for side in ("highest", "lowest")}
            for who, model in WHO.items()
        } | {"ratio": _plain(ratio)}
    return result


def _plain(detail: dict[str, Any]) -> dict[str, Any]:
    return {name: short(detail[name]) for name in ("value", "lower", "upper")} | {"reason": detail["reason"]}


def short(value: Optional[float]) -> Optional[float]:
    """A number with the digits that a page can show; None where it is undefined."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def ratio_name(kind: str, task: str, key: str, run: RunInputs) -> str:
    """Name of the ratio of the model's to the single-task model's gap, ``kind`` being ``fpr`` or ``tpr``."""
    return f"{kind}_gap_ratio/{task}" + ("" if key == run.settings.groups[0] else f"@{key}")
