"""What the figures mean, in a reviewer's words: who is hurt, in which task, by how much, from how many rows.

A sentence is a list of parts (kind, text): kinds are ``text``, ``task``, ``group`` and ``figure``, so that a page can set
names apart whatever characters they hold.
"""

from __future__ import annotations

import math
from typing import Any, Optional

from components.fairness_report.words.units import in_unit, limit_text, points
from components.tradeoff_metrics.counting.accumulator import MODELS
from components.tradeoff_metrics.figures.transfer import harmed
from components.tradeoff_metrics.judging.bounds import Bound, BoundResult
from models.formats.listing import MOST_LISTED

CANDIDATE, BASELINE = MODELS
Details = dict[str, Any]
Sentence = list[tuple[str, str]]

_HURT = {"fpr": "more false positives than", "tpr": "fewer of their positives found than"}
_ROWS = {"fpr": "negatives", "tpr": "positives", "error": "rows"}
_OVER_ALL_ROWS = {
    "are": "Errors over all tasks (ARE)",
    "delta_p": "Mean relative change of the error (Δp, higher is better)",
    "negative_transfer_count": "Tasks that are surely worse than their single-task model",
}
_AUCS = {
    "": "",
    "subgroup": ", its negatives against its positives",
    "bpsn": ", its negatives against the positives of the others",
    "bnsp": ", its positives against the negatives of the others",
}


def plain(sentence: Sentence) -> str:
    """The sentence as text; a task stands between asterisks."""
    return "".join(f"*{text}*" if kind == "task" else text for kind, text in sentence)


def bound_sentence(result: BoundResult, details: Details) -> Sentence:
    """What a bound measured, for whom.

    Args:
        result: The judged bound.
        details: Details of the bound's group key.
    """
    bound = result.bound
    if math.isnan(result.value):
        return [*_subject(bound, details), ("text", ": undefined, so the limit "), ("figure", limit_text(bound)),
                ("text", f" cannot hold. {_reason(bound, details)}")]  # fmt: skip
    sentence = _measured(result, details)
    if bound.end and math.isnan(result.compared):
        sentence += [("text", f"; {bound.end} end unbounded")]
    elif bound.end:
        sentence += [
            ("text", f"; {bound.end} end "),
            ("figure", in_unit(bound.name.metric, result.compared, None if result.ok else bound.limit)),
        ]
    return sentence


def gap_sentence(
    task: str, kind: str, details: Details, model: str = CANDIDATE, limit: Optional[float] = None
) -> Optional[Sentence]:
    """Who stands worst in a task: "women in *click*: 4.1 points more false positives than men, from 1,203 negatives".

    Args:
        task: Its name.
        kind: ``fpr`` or ``tpr``.
        details: Details of a group key.
        model: Whose gap.
        limit: That the gap is told from.

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
    return [("text", ", from "), ("figure", hurt), ("text", f" {_ROWS[kind]} against "), ("figure", other)]


def _sides(gap: dict[str, Any], kind: str) -> tuple[str, str]:
    """The group that is hurt and the one it is compared with: many false positives hurt, few true positives do."""
    return (gap["highest"], gap["lowest"]) if kind == "fpr" else (gap["lowest"], gap["highest"])


def _measured(result: BoundResult, details: Details) -> Sentence:
    bound, metric, task = result.bound, result.bound.name.metric, result.bound.name.task
    limit: Sentence = [("text", ", at least " if bound.is_minimum else ", limit "), ("figure", limit_text(bound))]
    # An end of the interval is what is held against the limit where the bound names one.
    told_from = None if bound.end or result.ok else bound.limit
    if metric == "negative_transfer_count":
        return [*_subject(bound, details), ("text", ": "), ("figure", f"{result.value:,.0f}"), *limit,
                *_tasks(" (surely ", harmed(details)[0]), *_tasks(" (possibly ", harmed(details)[1])]  # fmt: skip
    if task is None:
        figure = in_unit(metric, result.value, told_from)
        against = " against single-task models" if metric == "delta_p" else " times those of single-task models"
        return [*_subject(bound, details), ("text", ": "), ("figure", figure), ("text", against), *limit,
                *_worst_ratio(bound, details)]  # fmt: skip
    if metric == "error_difference":
        more = "more" if result.value > 0 else "fewer"
        return [*_subject(bound, details), ("text", ": "), ("figure", points(result.value, told_from).removeprefix("−")),
                ("text", f" {more} wrong predictions than the single-task model"), *limit]  # fmt: skip
    if metric in ("fpr_gap", "tpr_gap"):
        sentence = gap_sentence(task, metric[:3], details, limit=told_from)
        assert sentence is not None
        return [*sentence, *limit, *gap_evidence(task, metric[:3], details)]
    if metric in ("fpr_gap_ratio", "tpr_gap_ratio"):
        sentence = gap_sentence(task, metric[:3], details)
        assert sentence is not None
        base = details["tasks"][task][BASELINE]["gaps"][metric[:3]]["value"]
        return [*sentence, ("text", ", "), ("figure", in_unit(metric, result.value, told_from)),
                ("text", " times the gap of the single-task model ("), ("figure", points(base)), ("text", ")"), *limit,
                *gap_evidence(task, metric[:3], details)]  # fmt: skip
    subject: Sentence = [*_subject(bound, details), ("text", ": ")]
    if metric.startswith("worst_"):
        return [*subject, *worst_parts(metric, details["tasks"][task][CANDIDATE]["worst"][metric], limit, told_from)]
    rows = "negatives" if metric == "min_negatives" else "positives"
    return [*subject, ("figure", f"{result.value:,.0f}"), ("text", f" known {rows}"), *limit]


def worst_parts(
    metric: str, worst: dict[str, Any], limit: Optional[Sentence] = None, told_from: Optional[float] = None
) -> Sentence:
    """What stands behind a defined worst group or cell: "24.1 % wrong predictions, from 1,203 negatives".

    Args:
        metric: Its name.
        worst: Its details.
        limit: Parts that come before the rows.
        told_from: The limit, as a number.
    """
    value = ("figure", in_unit(metric, worst["value"], told_from))
    if "of" in worst:
        return [value, ("text", " wrong predictions"), *(limit or []), ("text", ", from "),
                ("figure", f"{worst['of']:,}"), ("text", f" {worst['side'] or 'rows'}")]  # fmt: skip
    return [("text", "AUC "), value, ("text", _AUCS[worst["side"]]), *(limit or []), ("text", ", from "),
            ("figure", f"{worst['negatives']:,}"), ("text", " negatives and "), ("figure", f"{worst['positives']:,}"),
            ("text", " positives"), *_open(worst)]  # fmt: skip


def _open(worst: Details) -> Sentence:
    """What the bins of its scores leave open of an AUC that has an interval."""
    return [("text", f"; {worst['reason']}")] if worst["reason"] and worst["lower"] is not None else []


def _tasks(before: str, tasks: list[str]) -> Sentence:
    """ " (surely *click*, *like*)", cut at five; nothing without tasks."""
    named = [part for task in tasks[:MOST_LISTED] for part in (("text", ", "), ("task", task))]
    more = len(tasks) - MOST_LISTED
    return [("text", before), *named[1:], ("text", f" and {more:,} more)" if more > 0 else ")")] if tasks else []


def _subject(bound: Bound, details: Details) -> Sentence:
    metric, task = bound.name.metric, bound.name.task
    if metric in _OVER_ALL_ROWS:
        return [("text", _OVER_ALL_ROWS[metric])]
    if metric == "arfg":
        return [("text", "Gaps between the groups of "), ("group", str(bound.group)), ("text", " (ARFG)")]
    assert task is not None
    if metric == "error_difference":
        return [("task", task)]
    models = details["tasks"][task][CANDIDATE]
    if metric.startswith("worst_") and models["worst"][metric]["group"] is not None:
        return [("group", models["worst"][metric]["group"]), ("text", " in "), ("task", task)]
    rates = models["rates"]["tpr" if metric == "min_positives" else "fpr"]
    if metric in ("min_negatives", "min_positives") and rates:
        smallest = min(rates, key=lambda name: rates[name]["of"])
        return [("group", smallest), ("text", " in "), ("task", task)]
    return [("text", "Groups of "), ("group", str(bound.group)), ("text", " in "), ("task", task)]


def _worst_ratio(bound: Bound, details: Details) -> Sentence:
    """The task that drives a mean of ratios, or of relative changes."""
    prefix = "fpr_gap_ratio/" if bound.name.metric == "arfg" else "error_ratio/"
    end = f"@{bound.name.group}" if bound.name.group else ""
    ratios = {task: details["values"][f"{prefix}{task}{end}"]["value"] for task in details["tasks"]}
    known = {task: ratio for task, ratio in ratios.items() if ratio is not None}
    if len(known) < 2:
        return []
    worst = max(known, key=lambda task: known[task])
    if bound.name.metric == "delta_p":
        return [("text", "; lowest in "), ("task", worst), ("text", ", "),
                ("figure", in_unit("delta_p", 100 * (1 - known[worst])))]  # fmt: skip
    return [("text", "; highest in "), ("task", worst), ("text", ", "), ("figure", f"{known[worst]:.3f}")]


def _reason(bound: Bound, details: Details) -> str:
    reason = details["values"][str(bound.name)]["reason"]
    return reason[:1].upper() + reason[1:] + ("" if reason.endswith(".") else ".")
