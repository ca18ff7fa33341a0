"""Errors of a task over all its rows, beside those of single-task learning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.tradeoff_metrics.registry import BASELINE_SUFFIX, Limit, Metric, register
from components.tradeoff_metrics.telling.parts import Details, Sentence, Told, value_of
from components.tradeoff_metrics.telling.units import points

if TYPE_CHECKING:
    from components.tradeoff_metrics.judging.bounds import Bound


def _evidence(bound: Bound, details: Details) -> str:
    """Both models' errors."""
    model, baseline = (value_of(details, f"error{end}", bound.name.task) for end in ("", BASELINE_SUFFIX))
    return f": {model:.4g} against {baseline:.4g}"


def _describe(told: Told) -> Sentence:
    more = "more" if told.value > 0 else "fewer"
    figure = points(told.value, told.told_from).removeprefix("−")
    against = f" {more} wrong predictions than the single-task model"
    return [*told.who, ("text", ": "), ("figure", figure), ("text", against), *told.limit]


register(
    Metric(
        key="error",
        title="Error",
        unit="percent",
        scope="task",
        better="lower",
        compute=lambda statistics, model: statistics.errors(model),
        has_baseline=True,
    )
)
register(
    Metric(
        key="error_ratio",
        title="Error relative to the single-task model",
        ratio_of="error",
        unit="ratio",
        scope="task",
        better="lower",
        compute=lambda statistics, _: statistics.error_ratios()[0],
    )
)
register(
    Metric(
        key="error_difference",
        title="Error minus the single-task model's",
        short="error minus single-task's",
        card="",
        unit="points",
        scope="task",
        better="lower",
        compute=lambda statistics, _: statistics.error_differences(),
        limit=Limit(
            "error_difference_max",
            lowest=None,
            description="largest error of the model minus that of the single-task model, as a difference of rates; 0 "
            "allows no task to be worse",
        ),
        subject="the error of task `{task}` minus that of the single-task baseline",
        evidence=_evidence,
        who=lambda bound, _: [("task", str(bound.name.task))],
        describe=_describe,
    )
)
