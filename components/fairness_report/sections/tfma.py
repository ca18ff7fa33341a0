"""Data of TFMA's and Fairness Indicators' own web components, as compact tables per task."""

from __future__ import annotations

import math
from typing import Any, Optional

from tensorflow_model_analysis.slicer import slicer_lib as slicer

from components.fairness_report.inputs import RunInputs, double
from components.fairness_report.sections.rates import short
from components.fairness_report.summary import WHO

OVERALL = "Overall"


def tfma_data(task: str, run: RunInputs) -> dict[str, Any]:
    """What the components show of a task.

    Returns:
        {``names``: metrics, ``slices``: [[key, value, TFMA's name of the slice]], ``model`` and ``baseline``: rows of values
        in the order of ``slices`` and ``names``, None for NaN}. Differences between the models are left out: they stand
        side by side.
    """
    names = _names(task, run)
    tables = {
        who: {key: _row(outputs, task, names) for key, outputs in run.slices[model]} for who, model in WHO.items()
    }
    order = sorted(tables["model"], key=lambda key: (len(key), [(str(column), str(value)) for column, value in key]))
    return {
        "names": names,
        "slices": [[*_key(key), slicer.stringify_slice_key(key)] for key in order],
        **{who: [table.get(key, [None] * len(names)) for key in order] for who, table in tables.items()},
    }


def _names(task: str, run: RunInputs) -> list[str]:
    """Metrics of the task that are numbers, in TFMA's order."""
    found: dict[str, None] = {}
    for _, outputs in run.slices[WHO["model"]]:
        for name, value in outputs.get(task, {}).get("", {}).items():
            if "doubleValue" in value and not name.endswith("_diff"):
                found[name] = None
    return list(found)


def _row(outputs: dict[str, Any], task: str, names: list[str]) -> list[Optional[float]]:
    metrics = outputs.get(task, {}).get("", {})
    numbers = [double(metrics.get(name)) for name in names]
    return [short(number) if math.isfinite(number) else None for number in numbers]


def _key(slice_key: tuple[tuple[str, Any], ...]) -> tuple[str, str]:
    if not slice_key:
        return "", OVERALL
    return " × ".join(str(column) for column, _ in slice_key), " × ".join(str(value) for _, value in slice_key)
