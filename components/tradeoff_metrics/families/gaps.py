"""Gaps of a task between groups: the highest minus the lowest false positive or true positive rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Optional

from components.tradeoff_metrics.names import MODELS
from components.tradeoff_metrics.registry import Limit, Metric, register
from components.tradeoff_metrics.telling.parts import BASELINE, CANDIDATE, ROWS, Details, Sentence, Told
from components.tradeoff_metrics.telling.units import points
from models.formats.listing import listed

if TYPE_CHECKING:
    from components.tradeoff_metrics.figures.statistics import Kind
    from components.tradeoff_metrics.judging.bounds import Bound

_RATES = {"fpr": "false positive rate", "tpr": "true positive rate"}
_HURT = {"fpr": "more false positives than", "tpr": "fewer of their positives found than"}


def gap_sentence(
    task: str, kind: str, details: Details, model: str = CANDIDATE, limit: Optional[float] = None
) -> Optional[Sentence]:
    """Who stands worst in a task: "women in *click*: 4.1 points more false positives than men, from 1,203 negatives".

    Args:
        task: Name of the task.
        kind: ``fpr`` or ``tpr``.
        details: Details of a group key.
        model: The model whose gap it is.
        limit: A limit that the gap is told from by its digits.

    Returns:
        The sentence without its limit and count; None where there is no gap to speak of.
    """
    gap = details["tasks"][task][model]["gaps"][kind]
    if gap["value"] is None:
        return None
    hurt, other = _sides(gap, kind)
    return [
        ("group", hurt),
        ("text", " in "),
        ("task", task),
        ("text", ": "),
        ("figure", points(gap["value"], limit)),
        ("text", f" {_HURT[kind]} "),
        ("group", other),
    ]


def gap_evidence(task: str, kind: str, details: Details, model: str = CANDIDATE) -> Sentence:
    """The counts of the group that a gap hurts and of the other one: ", from 1,203 negatives against 988"."""
    sides = _sides(details["tasks"][task][model]["gaps"][kind], kind)
    hurt, other = (f"{details['tasks'][task][model]['rates'][kind][side]['of']:,}" for side in sides)
    return [("text", ", from "), ("figure", hurt), ("text", f" {ROWS[kind]} against "), ("figure", other)]


def _sides(gap: dict[str, Any], kind: str) -> tuple[str, str]:
    """The group that is hurt and the one it is compared with: many false positives hurt, few true positives do."""
    return (gap["highest"], gap["lowest"]) if kind == "fpr" else (gap["lowest"], gap["highest"])


def _who(bound: Bound, _: Details) -> Sentence:
    return [("text", "Groups of "), ("group", str(bound.group)), ("text", " in "), ("task", str(bound.name.task))]


def _describe(kind: Kind, told: Told) -> Sentence:
    sentence = gap_sentence(told.task, kind, told.details, limit=told.told_from)
    assert sentence is not None
    return [*sentence, *told.limit, *gap_evidence(told.task, kind, told.details)]


def _describe_ratio(kind: Kind, told: Told) -> Sentence:
    sentence = gap_sentence(told.task, kind, told.details)
    assert sentence is not None
    base = told.details["tasks"][told.task][BASELINE]["gaps"][kind]["value"]
    return [*sentence, ("text", ", "), told.figure, ("text", " times the gap of the single-task model ("),
            ("figure", points(base)), ("text", ")"), *told.limit,
            *gap_evidence(told.task, kind, told.details)]  # fmt: skip


def _evidence(kind: Kind, shown: Sequence[str], bound: Bound, details: Details) -> str:
    """Each model's highest and lowest rate, and the groups that have too few rows."""
    models = details["tasks"][bound.name.task]
    sides = []
    for model in shown:
        gap = models[model]["gaps"][kind]
        pair = " against ".join(_rate(models[model], kind, gap[end]) for end in ("highest", "lowest"))
        sides.append(f"{model} {pair}" if len(shown) > 1 else pair)
    left_out = left_out_groups(models[CANDIDATE], kind)
    return f": {'; '.join(sides)}" + (f"; too few {ROWS[kind]}, left out: {left_out}" if left_out else "")


def left_out_groups(model: Details, kind: str) -> str:
    """The groups that have too few rows to enter a gap, each with their number; empty where there is none."""
    rates = model["rates"][kind]
    return listed(f"`{group}` {rates[group]['of']:,}" for group in model["gaps"][kind]["left_out"])


def _rate(model: Details, kind: str, group: str) -> str:
    rate = model["rates"][kind][group]
    return f"`{group}` {rate['value']:.4g} ({rate['count']} of {rate['of']} {ROWS[kind]})"


def _register(kind: Kind, card: Optional[str] = None) -> None:
    key, name = f"{kind}_gap", f"{kind.upper()} gap"
    subject = f"the {name} of task `{{task}}` between the groups of `{{group}}`"
    register(
        Metric(
            key=key,
            title=name,
            short=name,
            card=card,
            unit="points",
            scope="group_task",
            better="lower",
            compute=lambda statistics, model: [gap.estimate for gap in statistics.gaps(kind, model)],
            has_baseline=True,
            limit=Limit(f"{key}_max", description=f"largest difference of the groups' {_RATES[kind]}s, from 0 to 1"),
            subject=subject,
            evidence=lambda bound, details: _evidence(kind, (CANDIDATE,), bound, details),
            who=_who,
            describe=lambda told: _describe(kind, told),
        )
    )
    register(
        Metric(
            key=f"{key}_ratio",
            title=f"{name} relative to the single-task model",
            ratio_of=key,
            unit="ratio",
            scope="group_task",
            better="lower",
            compute=lambda statistics, _: statistics.gap_ratios(kind)[0],
            limit=Limit(
                f"{key}_ratio_max", description=f"largest {name} relative to the single-task model's; below 1 is fairer"
            ),
            subject=f"{subject}, relative to the baseline's,",
            evidence=lambda bound, details: _evidence(kind, MODELS, bound, details),
            who=_who,
            describe=lambda told: _describe_ratio(kind, told),
        )
    )


_register("fpr")
_register("tpr", card="")
