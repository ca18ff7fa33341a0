"""What sharing does to single tasks: negative transfer, and the mean relative change Δp."""

from __future__ import annotations

import math
from typing import Any

from components.tradeoff_metrics.figures.estimate import Estimate


def delta_p(are: Estimate) -> Estimate:
    """Δp = 100 · mean_t (error_t(baseline) − error_t(candidate)) / error_t(baseline), in percent: higher is better.

    Error is better when it is lower, so the sign of each task's relative change is turned (Maninis et al., "Attentive
    single-tasking of multiple tasks", CVPR 2019). Δp = −100 (ARE − 1), and so its interval is that of ARE, which accounts
    for rows that models and tasks share, and it is undefined where ARE is.
    """
    value, lower, upper = (100 * (1 - end) for end in (are.value, are.upper, are.lower))
    return Estimate(value, lower, upper, are.reason)


def negative_transfer_count(differences: list[Estimate]) -> Estimate:
    """Number of tasks that are surely worse than single-task learning: the interval of the difference lies above 0.

    Each task is judged by itself: of T tasks without any difference, T / 40 are expected to be counted at 95 %. The ends are
    the count itself, and that of the tasks that may be worse (upper end above 0).

    Args:
        differences: error(candidate) − error(baseline) of each task.
    """
    reason = "; ".join(difference.reason for difference in differences if math.isnan(difference.value))
    if reason:
        return Estimate(reason=reason)
    surely = float(sum(difference.lower > 0 for difference in differences))
    return Estimate(surely, surely, float(sum(difference.upper > 0 for difference in differences)))


def harmed(details: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Tasks that are surely worse than the single-task baseline, and those that may be.

    Args:
        details: Of the primary group key (see `details.py`).
    """
    differences = {task: details["values"][f"error_difference/{task}"] for task in details["tasks"]}
    surely, perhaps = (
        [task for task, found in differences.items() if found[end] is not None and found[end] > 0]
        for end in ("lower", "upper")
    )
    return surely, [task for task in perhaps if task not in surely]
