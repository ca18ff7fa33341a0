"""Score histograms in the form and size that a page can hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.fairness_report.inputs import CANDIDATE, RunInputs
from components.fairness_report.summary import WHO

# Non-empty histogram cells that a page may hold; above, bins are joined. Each takes about six characters.
MAX_CELLS = 400_000


def histogram_data(run: RunInputs, max_cells: int = MAX_CELLS) -> dict[str, Any]:
    """Score histograms per group key, task and model, groups in the order of ``rates_data``.

    Returns:
        {key: {bins, tasks: {task: {who: [[bins of negatives, counts, bins of positives, counts] per group]}}}}. Bins are
        joined until all keys together have at most ``max_cells`` non-empty cells, or none can be joined any more.
    """
    result: dict[str, Any] = {}
    for step in (1, 2, 5, 10, 20, 50):
        result = {key: _histograms(run.details[key], step) for key in run.settings.groups}
        if sum(_cells(found) for found in result.values()) <= max_cells:
            break
    return result


def _histograms(details: dict[str, Any], step: int) -> dict[str, Any]:
    step = step if details["bins"] % step == 0 else 1
    tasks: dict[str, Any] = {}
    for task, models in details["tasks"].items():
        groups = list(models[CANDIDATE]["rates"]["fpr"])
        tasks[task] = {
            who: [
                [part for label in ("0", "1") for part in _joined(details["histograms"][g][task][model][label], step)]
                for g in groups
            ]
            for who, model in WHO.items()
        }
    return {"bins": details["bins"] // step, "tasks": tasks}


def _joined(histogram: list[list[int]], step: int) -> list[list[int]]:
    if step == 1 or not histogram[0]:
        return histogram
    cells, where = np.unique(np.asarray(histogram[0]) // step, return_inverse=True)
    return [cells.tolist(), np.bincount(where, weights=histogram[1]).astype(int).tolist()]


def _cells(found: dict[str, Any]) -> int:
    return sum(
        len(group[0]) + len(group[2])
        for models in found["tasks"].values()
        for groups in models.values()
        for group in groups
    )
