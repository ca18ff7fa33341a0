"""The group, and the cell of label and group, that stands worst in a task (see `figures/worst.py`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from components.tradeoff_metrics import registry
from components.tradeoff_metrics.figures.sides import BNSP, BPSN, SUBGROUP
from components.tradeoff_metrics.registry import Limit, Metric, register
from components.tradeoff_metrics.telling.parts import CANDIDATE, ROWS, Details, Sentence, Told, what_is_open
from components.tradeoff_metrics.telling.units import with_unit
from models.formats.listing import listed

if TYPE_CHECKING:
    from components.tradeoff_metrics.figures.statistics import Estimate, TradeoffStatistics
    from components.tradeoff_metrics.judging.bounds import Bound

# What an AUC of `figures/worst.py` compares; but for the subgroup's, with those of the other groups.
_SIDES = {
    SUBGROUP: "its negatives against its positives",
    BPSN: "its negatives against the positives",
    BNSP: "its positives against the negatives",
}


def worst_parts(
    metric: str, worst: Details, limit: Optional[Sentence] = None, told_from: Optional[float] = None
) -> Sentence:
    """What stands behind a defined worst group or cell: "24.1 % wrong predictions, from 1,203 negatives".

    Args:
        metric: Key of the metric.
        worst: Details of what is worst.
        limit: Parts that come before the rows.
        told_from: The limit, as a number.
    """
    value = ("figure", with_unit(worst["value"], registry.metric(metric).unit, told_from))
    if "of" in worst:
        return [value, ("text", " wrong predictions"), *(limit or []), ("text", ", from "),
                ("figure", f"{worst['of']:,}"), ("text", f" {worst['side'] or 'rows'}")]  # fmt: skip
    side = f", {_SIDES[worst['side']]} of the others" if worst["side"] in (BPSN, BNSP) else ""
    side = f", {_SIDES[SUBGROUP]}" if worst["side"] == SUBGROUP else side
    found = what_is_open(worst)
    return [("text", "AUC "), value, ("text", side), *(limit or []), ("text", ", from "),
            ("figure", f"{worst['negatives']:,}"), ("text", " negatives and "), ("figure", f"{worst['positives']:,}"),
            ("text", " positives"), *([("text", found)] if found else [])]  # fmt: skip


def _found(key: str, bound: Bound, details: Details) -> Details:
    return details["tasks"][bound.name.task][CANDIDATE]["worst"][key]


def _who(key: str, bound: Bound, details: Details) -> Sentence:
    group = _found(key, bound, details)["group"]
    subject: Sentence = [("text", "Groups of "), ("group", str(bound.group))] if group is None else [("group", group)]
    return [*subject, ("text", " in "), ("task", str(bound.name.task))]


def _describe(key: str, told: Told) -> Sentence:
    worst = _found(key, told.bound, told.details)
    return [*told.who, ("text", ": "), *worst_parts(key, worst, told.limit, told.told_from)]


def _evidence(key: str, bound: Bound, details: Details) -> str:
    """The worst group or cell, its rows, and what has too few rows to be judged."""
    worst, rates = _found(key, bound, details), details["tasks"][bound.name.task][CANDIDATE]["rates"]
    evidence = f": `{worst['group']}` {worst['value']:.4g}"
    if "of" in worst:
        evidence += f" ({worst['count']} of {worst['of']} {worst['side'] or 'rows'})"
    else:
        if worst["side"]:
            others = "" if worst["side"] == SUBGROUP else f" of the other groups ({worst['side'].upper()})"
            evidence += f", {_SIDES[worst['side']]}{others}"
        evidence += f" ({worst['negatives']} negatives, {worst['positives']} positives){what_is_open(worst)}"
    left_out = listed(_too_few(group, side, rates) for group, side in worst["left_out"])
    return evidence + (f"; too few rows, left out: {left_out}" if left_out else "")


def _too_few(group: str, side: str, rates: Details) -> str:
    """A group or cell that is left out, with its rows; of what an AUC compares, with the group's own."""
    kinds = [kind for kind in ("fpr", "tpr") if side not in ("negatives", "positives") or ROWS[kind] == side]
    rows = " and ".join(f"{rates[kind][group]['of']:,} {ROWS[kind]}" for kind in kinds)
    return f"`{group}`" + (f" {side.upper()}" if side in (BPSN, BNSP) else "") + f" ({rows})"


def _compute(key: str, statistics: TradeoffStatistics, model: int) -> list[Estimate]:
    # Loads SciPy, for which the settings need not wait.
    from components.tradeoff_metrics.figures.worst import worst_of

    return [found.estimate for found in worst_of(statistics, key, model)]


def _register(key: str, title: str, subject: str, bound: str, *, is_auc: bool) -> None:
    setting = f"{key}_min" if is_auc else f"{key}_max"
    register(
        Metric(
            key=key,
            title=title,
            short=key.replace("_", " ").replace("auc", "AUC"),
            unit="ratio" if is_auc else "percent",
            scope="group_task",
            better="higher" if is_auc else "lower",
            compute=lambda statistics, model: _compute(key, statistics, model),
            has_baseline=True,
            limit=Limit(setting, highest=1 if is_auc else None, description=bound),
            subject=subject,
            evidence=lambda bound, details: _evidence(key, bound, details),
            who=lambda bound, details: _who(key, bound, details),
            describe=lambda told: _describe(key, told),
        )
    )


_register(
    "worst_group_error",
    "Error in the worst group",
    "the error of task `{task}` in the worst group of `{group}`",
    "largest share of wrong predictions in any group, from 0 to 1",
    is_auc=False,
)
_register(
    "worst_group_auc",
    "AUC in the worst group",
    "the AUC of task `{task}` in the worst group of `{group}`",
    "lowest AUC within any group, from 0 to 1",
    is_auc=True,
)
_register(
    "worst_cell_error",
    "Error in the worst cell of label and group",
    "the error of task `{task}` in the worst cell of label and group of `{group}`",
    "highest false positive or false negative rate of any group, from 0 to 1",
    is_auc=False,
)
_register(
    "worst_cell_auc",
    "Lowest subgroup, BPSN or BNSP AUC",
    "the lowest subgroup, BPSN or BNSP AUC of task `{task}` over the groups of `{group}`",
    "lowest subgroup, BPSN or BNSP AUC of any group, from 0 to 1",
    is_auc=True,
)
