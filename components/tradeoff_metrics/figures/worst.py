"""Who stands worst: the group, and the cell of label and group, with the highest error or the lowest AUC.

A *cell* is a group's negatives or its positives. Within one, the error is the group's false positive or false negative
rate; the literature's worst-group error over label × attribute is the highest of them. A cell holds one label, so it has no
AUC of its own. What is defined are AUCs of two cells (Borkan et al.): of a group's negatives against its own positives
(subgroup), of its negatives against the positives of the other groups (BPSN: low where the group's negatives score too
high), and of the other groups' negatives against its positives (BNSP: low where its positives score too low).

Every interval is that of the worst one as if it had been chosen beforehand: with many groups that are truly alike the worst
looks worse than it is. Groups and cells with fewer rows than the minimum are left out, and named.

References:
    D. Borkan et al., "Nuanced metrics for measuring unintended bias with real data for text classification", WWW 2019.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

import numpy as np

from components.tradeoff_metrics.figures.group_aucs import AUCS, SUBGROUP
from components.tradeoff_metrics.figures.statistics import Estimate, Kind, TradeoffStatistics

# Sides of a group, as `Worst.side` has them.
CELLS: dict[Kind, str] = {"fpr": "negatives", "fnr": "positives"}
# Metric → whether the worst is the lowest.
METRICS = {"worst_group_error": False, "worst_group_auc": True, "worst_cell_error": False, "worst_cell_auc": True}


@dataclass(frozen=True)
class Worst:
    """The worst of a task's groups or cells.

    Attributes:
        estimate: Its error or AUC. Wilson's interval, or DeLong's.
        group: Position of the group; None where undefined.
        side: "" for the group whole, the cell's rows for errors ("negatives", "positives"), one of ``AUCS``.
        rows: (wrong predictions, rows) of an error, (negatives, positives) of an AUC.
        left_out: (position of a group, side) of what has too few rows.
    """

    estimate: Estimate
    group: Optional[int] = None
    side: str = ""
    rows: tuple[int, int] = (0, 0)
    left_out: tuple[tuple[int, str], ...] = ()


def worst_of(statistics: TradeoffStatistics, metric: str, model: int) -> list[Worst]:
    """The worst of each task.

    Args:
        statistics: Of one group key.
        metric: One of ``METRICS``.
        model: Candidate or baseline.
    """
    tasks = range(len(statistics.tasks))
    if metric == "worst_group_error":
        return [_worst_error(statistics, {"error": ""}, model, t) for t in tasks]
    if metric == "worst_cell_error":
        return [_worst_error(statistics, CELLS, model, t) for t in tasks]
    if metric == "worst_group_auc":
        return [_worst_auc(statistics, (SUBGROUP,), model, t) for t in tasks]
    return [_worst_auc(statistics, AUCS, model, t) for t in tasks]


def _worst_error(statistics: TradeoffStatistics, kinds: dict[Kind, str], model: int, task: int) -> Worst:
    """The highest rate of several kinds over the groups."""
    sides = list(kinds.values())
    counts = [[part[:, task] for part in statistics.counts(kind, model)] for kind in kinds]
    wrong, of = (np.stack(parts) for parts in zip(*counts, strict=True))
    usable = of >= statistics.min_count
    left_out = tuple((int(g), sides[s]) for g, s in np.argwhere(~usable.T))
    if not usable.any():
        what = " or ".join(f"{statistics.min_count} known {side or 'rows'}" for side in sides)
        reason = f"no group has {what} or more of task `{statistics.tasks[task]}`"
        return Worst(Estimate(reason=reason), left_out=left_out)
    rates = np.divide(wrong, of, out=np.full(of.shape, -1.0), where=usable)
    s, g = (int(i) for i in np.unravel_index(rates.argmax(), rates.shape))
    estimate = statistics.rate(list(kinds)[s], model, g, task)
    return Worst(estimate, g, sides[s], (int(wrong[s, g]), int(of[s, g])), left_out)


def _worst_auc(statistics: TradeoffStatistics, sides: tuple[str, ...], model: int, task: int) -> Worst:
    """The lowest AUC of several kinds over the groups; rows of the other groups are those of a known group."""
    found = statistics.aucs(model, task)
    rows = np.stack([found[side].rows for side in sides])
    usable = (rows >= statistics.min_count).all(axis=1)
    left_out = tuple((int(g), "" if len(sides) == 1 else sides[s]) for g, s in np.argwhere(~usable.T))
    if not usable.any():
        n, of = statistics.min_count, "" if len(sides) == 1 else ", its own or against those of the other groups,"
        reason = (
            f"no group has {n} known negatives and {n} known positives or more{of} of task `{statistics.tasks[task]}`"
        )
        return Worst(Estimate(reason=reason), left_out=left_out)
    values = np.where(usable, np.stack([found[side].value for side in sides]), math.inf)
    s, g = (int(i) for i in np.unravel_index(values.argmin(), values.shape))
    estimate, _ = statistics.auc(model, task, g, sides[s])
    counts = (int(rows[s, 0, g]), int(rows[s, 1, g]))
    return Worst(estimate, g, "" if len(sides) == 1 else sides[s], counts, left_out)
