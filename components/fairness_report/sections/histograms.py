"""Score histograms in the form and size that a page can hold."""

from __future__ import annotations

from typing import Any

from components.fairness_report.inputs import CANDIDATE, RunInputs
from components.fairness_report.summary import WHO

# Non-empty histogram cells that a page may hold; above, cells are joined. Each takes about six characters.
MAX_CELLS = 400_000


def histogram_data(run: RunInputs, max_cells: int = MAX_CELLS) -> dict[str, Any]:
    """Score histograms per group key, task and model, groups in the order of ``rates_data``.

    Returns:
        {key: {task: {who: {thresholds, groups: [[cells of negatives, counts, cells of positives, counts] per group]}}}}. The
        rows above threshold i, which is one of those that the slider stops at, are those of the cells behind i. Cells are
        joined until all keys together have at most ``max_cells`` that hold rows, or none can be joined any more.
    """
    result: dict[str, Any] = {}
    for step in (1, 2, 5, 10, 20, 50):
        result = {key: _histograms(run.details[key], step) for key in run.settings.groups}
        if sum(_cells(found) for found in result.values()) <= max_cells:
            break
    return result


def _histograms(details: dict[str, Any], step: int) -> dict[str, Any]:
    tasks: dict[str, Any] = {}
    for task, models in details["tasks"].items():
        groups = list(models[CANDIDATE]["rates"]["fpr"])
        found = {who: details["histograms"][task][model] for who, model in WHO.items()}
        tasks[task] = {
            who: {
                "thresholds": _thresholds(histogram["thresholds"], step),
                "groups": [
                    [part for label in ("0", "1") for part in _joined(histogram["groups"][group][label], step)]
                    for group in groups
                ],
            }
            for who, histogram in found.items()
        }
    return tasks


def _thresholds(thresholds: list[float], step: int) -> list[float]:
    """The upper end of each joined cell; the first cell, of the score 0, stays."""
    kept = thresholds[:-1:step]
    return [*kept, thresholds[-1]]


def _joined(histogram: list[list[int]], step: int) -> list[list[int]]:
    joined: dict[int, int] = {}
    for cell, count in zip(*histogram, strict=True):
        position = -(-cell // step)
        joined[position] = joined.get(position, 0) + count
    return [list(joined), list(joined.values())]


def _cells(tasks: dict[str, Any]) -> int:
    return sum(
        len(group[0]) + len(group[2])
        for models in tasks.values()
        for found in models.values()
        for group in found["groups"]
    )
