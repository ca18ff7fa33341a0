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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Optional

import numpy as np

from components.tradeoff_metrics.figures.sides import AUCS, SUBGROUP
from components.tradeoff_metrics.figures.statistics import Estimate, Kind, TradeoffStatistics, once

# Sides of a group, as `Worst.side` has them.
CELLS: dict[Kind, str] = {"fpr": "negatives", "fnr": "positives"}


@dataclass(frozen=True)
class Worst:
    """The worst of a task's groups or cells.

    Attributes:
        estimate: Its error or AUC. Wilson's interval, or DeLong's.
        group: Position of the group; None where undefined.
        side: "" for the group whole, the cell's rows for errors ("negatives", "positives"), one of ``AUCS``.
        rows: What it was counted from: ``count`` wrong predictions ``of`` rows for an error, ``negatives`` and ``positives``
            for an AUC; zeros where undefined.
        left_out: (position of a group, side) of what has too few rows.
    """

    estimate: Estimate
    group: Optional[int] = None
    side: str = ""
    rows: Mapping[str, int] = field(kw_only=True)
    left_out: tuple[tuple[int, str], ...] = ()


@once
def worst_of(statistics: TradeoffStatistics, metric: str, model: int) -> list[Worst]:
    """The worst of each task.

    Args:
        statistics: Of one group key.
        metric: One of ``METRICS``.
        model: Candidate or baseline.
    """
    return [METRICS[metric](statistics, model, task) for task in range(len(statistics.tasks))]


def _worst_error(kinds: dict[Kind, str], statistics: TradeoffStatistics, model: int, task: int) -> Worst:
    """The highest rate of several kinds over the groups."""
    sides = list(kinds.values())
    counts = [[part[:, task] for part in statistics.counts(kind, model)] for kind in kinds]
    wrong, of = (np.stack(parts) for parts in zip(*counts, strict=True))
    usable = of >= statistics.min_count
    left_out = tuple((int(g), sides[s]) for g, s in np.argwhere(~usable.T))
    if not usable.any():
        what = " or ".join(f"{statistics.min_count} known {side or 'rows'}" for side in sides)
        reason = f"no group has {what} or more of task `{statistics.tasks[task]}`"
        return Worst(Estimate(reason=reason), rows={"count": 0, "of": 0}, left_out=left_out)
    rates = np.divide(wrong, of, out=np.full(of.shape, -1.0), where=usable)
    s, g = (int(i) for i in np.unravel_index(rates.argmax(), rates.shape))
    estimate = statistics.rate(list(kinds)[s], model, g, task)
    rows = {"count": int(wrong[s, g]), "of": int(of[s, g])}
    return Worst(estimate, g, sides[s], rows=rows, left_out=left_out)


def _worst_auc(sides: tuple[str, ...], statistics: TradeoffStatistics, model: int, task: int) -> Worst:
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
        return Worst(Estimate(reason=reason), rows={"negatives": 0, "positives": 0}, left_out=left_out)
    values = np.where(usable, np.stack([found[side].value for side in sides]), math.inf)
    s, g = (int(i) for i in np.unravel_index(values.argmin(), values.shape))
    estimate, _ = statistics.auc(model, task, g, sides[s])
    counts = {"negatives": int(rows[s, 0, g]), "positives": int(rows[s, 1, g])}
    return Worst(estimate, g, "" if len(sides) == 1 else sides[s], rows=counts, left_out=left_out)


METRICS: dict[str, Callable[[TradeoffStatistics, int, int], Worst]] = {
    "worst_group_error": partial(_worst_error, {"error": ""}),
    "worst_group_auc": partial(_worst_auc, (SUBGROUP,)),
    "worst_cell_error": partial(_worst_error, CELLS),
    "worst_cell_auc": partial(_worst_auc, AUCS),
}
