"""Means over all tasks, relative to single-task learning: ARFG, ARE and Δp."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Optional

from components.tradeoff_metrics.figures.transfer import delta_p
from components.tradeoff_metrics.registry import Limit, Metric, register
from components.tradeoff_metrics.telling.parts import Details, Sentence, Told, value_of
from components.tradeoff_metrics.telling.units import with_unit
from models.formats.listing import listed

if TYPE_CHECKING:
    from components.tradeoff_metrics.judging.bounds import Bound


def _ratios(part: str, details: Details, group: Optional[str]) -> dict[str, float]:
    """The defined ratios that a mean is of, by task."""
    ratios = {task: value_of(details, part, task, group) for task in details["tasks"]}
    return {task: ratio for task, ratio in ratios.items() if ratio is not None}


def _same(ratio: float) -> float:
    return ratio


def _change(ratio: float) -> float:
    """The relative change of an error in percent, of which a lower one is better."""
    return 100 * (1 - ratio)


def _evidence(part: str, shown: Callable[[float], float] = _same) -> Callable[[Bound, Details], str]:
    """Each task's part of a mean."""

    def evidence(bound: Bound, details: Details) -> str:
        ratios = _ratios(part, details, bound.name.group)
        return ": " + listed(f"`{task}` {shown(ratio):.4g}" for task, ratio in ratios.items())

    return evidence


def _describe(
    part: str, against: str, extreme: str, unit: str, shown: Callable[[float], float] = _same
) -> Callable[[Told], Sentence]:
    """The mean, and the task that drives it where there are several."""

    def describe(told: Told) -> Sentence:
        sentence = [*told.who, ("text", ": "), told.figure, ("text", against), *told.limit]
        ratios = _ratios(part, told.details, told.bound.name.group)
        if len(ratios) < 2:
            return sentence
        worst = max(ratios, key=lambda task: ratios[task])
        driver = ("figure", with_unit(shown(ratios[worst]), unit))
        return [*sentence, ("text", f"; {extreme} in "), ("task", worst), ("text", ", "), driver]

    return describe


register(
    Metric(
        key="arfg",
        title="ARFG, gaps relative to single-task models",
        short="ARFG",
        card="ARFG",
        unit="ratio",
        scope="group",
        better="lower",
        compute=lambda statistics, _: [statistics.gap_ratios("fpr")[1]],
        limit=Limit(
            "arfg_max",
            above=0,
            description="largest ARFG, the mean over tasks of the FPR gap relative to the single-task model's; below "
            "1 is fairer",
        ),
        subject="ARFG between the groups of `{group}`",
        evidence=_evidence("fpr_gap_ratio"),
        who=lambda bound, _: [
            ("text", "Gaps between the groups of "),
            ("group", str(bound.group)),
            ("text", " (ARFG)"),
        ],
        describe=_describe("fpr_gap_ratio", " times those of single-task models", "highest", "ratio"),
    )
)
register(
    Metric(
        key="are",
        title="ARE, errors relative to single-task models",
        short="ARE",
        card="ARE",
        unit="ratio",
        scope="overall",
        better="lower",
        compute=lambda statistics, _: [statistics.error_ratios()[1]],
        limit=Limit(
            "are_max",
            above=0,
            description="largest ARE, the mean over tasks of the error relative to the single-task model's; 1.05 "
            "allows 5 % more errors",
        ),
        subject="ARE",
        evidence=_evidence("error_ratio"),
        who=lambda *_: [("text", "Errors over all tasks (ARE)")],
        describe=_describe("error_ratio", " times those of single-task models", "highest", "ratio"),
    )
)
register(
    Metric(
        key="delta_p",
        title="Δp, mean relative change of the error",
        short="Δp in percent",
        card="Δp in percent, higher is better",
        unit="change",
        scope="overall",
        better="higher",
        compute=lambda statistics, _: [delta_p(statistics.error_ratios()[1])],
        limit=Limit(
            "delta_p_min",
            lowest=None,
            description="least Δp = −100 · (ARE − 1), in percent; -2 allows errors that are 2 % higher on average",
        ),
        subject="Δp in percent (higher is better)",
        evidence=_evidence("error_ratio", _change),
        who=lambda *_: [("text", "Mean relative change of the error (Δp, higher is better)")],
        describe=_describe("error_ratio", " against single-task models", "lowest", "change", _change),
    )
)
