"""How many known labels of a task its smallest group has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from components.tradeoff_metrics.registry import Limit, Metric, register
from components.tradeoff_metrics.telling.parts import CANDIDATE, ROWS, Details, Sentence

if TYPE_CHECKING:
    from components.tradeoff_metrics.figures.statistics import Kind
    from components.tradeoff_metrics.judging.bounds import Bound


def _smallest(kind: Kind, bound: Bound, details: Details) -> Optional[str]:
    """The group with the fewest rows; None where there is no group."""
    rates = details["tasks"][bound.name.task][CANDIDATE]["rates"][kind]
    return min(rates, key=lambda group: rates[group]["of"], default=None)


def _who(kind: Kind, bound: Bound, details: Details) -> Sentence:
    group = _smallest(kind, bound, details)
    subject: Sentence = [("group", group)] if group else [("text", "Groups of "), ("group", str(bound.group))]
    return [*subject, ("text", " in "), ("task", str(bound.name.task))]


def _register(kind: Kind) -> None:
    rows = ROWS[kind]
    register(
        Metric(
            key=f"min_{rows}",
            title=f"{rows.capitalize()} in the smallest group",
            unit="count",
            scope="group_task",
            better="higher",
            compute=lambda statistics, _: statistics.smallest_count(kind),
            has_interval=False,
            summarised=False,
            limit=Limit(f"min_{rows}", description=f"least number of known {rows} of a task in its smallest group"),
            subject=f"the number of known {rows} of task `{{task}}` in the smallest group of `{{group}}`",
            evidence=lambda bound, details: f": `{_smallest(kind, bound, details)}`",
            who=lambda bound, details: _who(kind, bound, details),
            describe=lambda told: [*told.who, ("text", ": "), told.figure, ("text", f" known {rows}"), *told.limit],
        )
    )


_register("fpr")
_register("tpr")
