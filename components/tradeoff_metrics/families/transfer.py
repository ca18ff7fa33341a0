"""Negative transfer: how many tasks are worse than single-task learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.tradeoff_metrics.figures.transfer import harmed, negative_transfer_count
from components.tradeoff_metrics.registry import Limit, Metric, register
from components.tradeoff_metrics.telling.parts import Details, Sentence, Told, value_of
from models.formats.listing import MOST_LISTED, listed

if TYPE_CHECKING:
    from components.tradeoff_metrics.judging.bounds import Bound


def _evidence(_: Bound, details: Details) -> str:
    """The tasks, each with the difference of its errors."""
    parts = [
        f"{how} " + listed(f"`{task}` {value_of(details, 'error_difference', task):+.4g}" for task in tasks)
        for how, tasks in zip(("surely", "possibly"), harmed(details), strict=True)
        if tasks
    ]
    return f": {'; '.join(parts)}" if parts else ""


def _describe(told: Told) -> Sentence:
    surely, perhaps = harmed(told.details)
    return [*told.who, ("text", ": "), told.figure, *told.limit,
            *_tasks(" (surely ", surely), *_tasks(" (possibly ", perhaps)]  # fmt: skip


def _tasks(before: str, tasks: list[str]) -> Sentence:
    """ " (surely *click*, *like*)", cut at five; nothing without tasks."""
    named = [part for task in tasks[:MOST_LISTED] for part in (("text", ", "), ("task", task))]
    more = len(tasks) - MOST_LISTED
    return [("text", before), *named[1:], ("text", f" and {more:,} more)" if more > 0 else ")")] if tasks else []


register(
    Metric(
        key="negative_transfer_count",
        title="Tasks surely worse than single-task",
        short="tasks surely worse than single-task",
        card="",
        unit="count",
        scope="overall",
        better="lower",
        compute=lambda statistics, _: [negative_transfer_count(statistics.error_differences())],
        limit=Limit(
            "negative_transfer_count_max",
            description="most tasks that may be surely worse than single-task learning; with `on: interval`, possibly "
            "worse",
        ),
        subject="the number of tasks that are surely worse than the single-task baseline",
        evidence=_evidence,
        who=lambda *_: [("text", "Tasks that are surely worse than their single-task model")],
        describe=_describe,
    )
)
