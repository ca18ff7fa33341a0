"""What the figures mean, in a reviewer's words: who is hurt, in which task, by how much, from how many rows.

A sentence is a list of parts (kind, text): kinds are ``text``, ``task``, ``group`` and ``figure``, so that a page can set
names apart whatever characters they hold.
"""

from __future__ import annotations

import math
from typing import Any, Optional

from components.tradeoff_metrics.accumulator import MODELS
from components.tradeoff_metrics.gate import Bound, BoundResult

CANDIDATE, BASELINE = MODELS
Details = dict[str, Any]
Sentence = list[tuple[str, str]]

_HURT = {"fpr": "more false positives than", "tpr": "fewer of their positives found than"}
_ROWS = {"fpr": "negatives", "tpr": "positives", "error": "rows"}


def plain(sentence: Sentence) -> str:
    """The sentence as text; a task stands between asterisks."""
    return "".join(f"*{text}*" if kind == "task" else text for kind, text in sentence)


def points(difference: float) -> str:
    """A difference of rates in percentage points: 0.0412 → "4.1 points"."""
    return f"{100 * difference:.1f} points"


def percent(rate: float) -> str:
    """A rate in percent: 0.2503 → "25.0 %"."""
    return f"{100 * rate:.1f} %"


def bound_sentence(result: BoundResult, details: Details) -> Sentence:
    """What a bound measured, for whom.

    Args:
        result: The judged bound.
        details: Details of the bound's group key.
    """
    bound = result.bound
    if math.isnan(result.value):
        return [*_subject(bound, details), ("text", ": undefined, so the limit "), ("figure", _limit(bound)),
                ("text", f" cannot hold. {_reason(bound, details)}")]  # fmt: skip
    sentence = _measured(result, details)
    if bound.on_interval and math.isnan(result.upper):
        sentence += [("text", "; upper end unbounded")]
    elif bound.key != str(bound.name):
        sentence += [("text", "; upper end "), ("figure", _number(bound, result.upper))]
    return sentence


def gap_sentence(task: str, kind: str, details: Details, model: str = CANDIDATE) -> Optional[Sentence]:
    """Who stands worst in a task: "women in *click*: 4.1 points more false positives than men, from 1,203 negatives".

    Args:
        task: Its name.
        kind: ``fpr`` or ``tpr``.
        details: Details of a group key.
        model: Whose gap.

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
        ("figure", points(gap["value"])),
        ("text", f" {_HURT[kind]} "),
        ("group", other),
    ]


def gap_evidence(task: str, kind: str, details: Details, model: str = CANDIDATE) -> Sentence:
    """The count of the group that a gap hurts: ", from 1,203 negatives"."""
    hurt, _ = _sides(details["tasks"][task][model]["gaps"][kind], kind)
    of = details["tasks"][task][model]["rates"][kind][hurt]["of"]
    return [("text", ", from "), ("figure", f"{of:,}"), ("text", f" {_ROWS[kind]}")]


def _sides(gap: dict[str, Any], kind: str) -> tuple[str, str]:
    """The group that is hurt and the one it is compared with: many false positives hurt, few true positives do."""
    return (gap["highest"], gap["lowest"]) if kind == "fpr" else (gap["lowest"], gap["highest"])


def _measured(result: BoundResult, details: Details) -> Sentence:
    bound, metric, task = result.bound, result.bound.name.metric, result.bound.name.task
    limit: Sentence = [("text", ", at least " if bound.is_minimum else ", limit "), ("figure", _limit(bound))]
    if task is None:
        return [*_subject(bound, details), ("text", ": "), ("figure", f"{result.value:.3f}"),
                ("text", " times those of single-task models"), *limit, *_worst_ratio(bound, details)]  # fmt: skip
    if metric in ("fpr_gap", "tpr_gap"):
        sentence = gap_sentence(task, metric[:3], details)
        assert sentence is not None
        return [*sentence, *limit, *gap_evidence(task, metric[:3], details)]
    if metric in ("fpr_gap_ratio", "tpr_gap_ratio"):
        sentence = gap_sentence(task, metric[:3], details)
        assert sentence is not None
        base = details["tasks"][task][BASELINE]["gaps"][metric[:3]]["value"]
        return [*sentence, ("text", ", "), ("figure", f"{result.value:.3f}"),
                ("text", " times the gap of the single-task model ("), ("figure", points(base)), ("text", ")"), *limit,
                *gap_evidence(task, metric[:3], details)]  # fmt: skip
    subject = _subject(bound, details)
    if metric == "worst_group_error":
        of = details["tasks"][task][CANDIDATE]["rates"]["error"][subject[0][1]]["of"]
        return [*subject, ("text", ": "), ("figure", percent(result.value)), ("text", " wrong predictions"), *limit,
                ("text", ", from "), ("figure", f"{of:,}"), ("text", " rows")]  # fmt: skip
    rows = "negatives" if metric == "min_negatives" else "positives"
    return [*subject, ("text", ": "), ("figure", f"{result.value:,.0f}"), ("text", f" known {rows}"), *limit]


def _subject(bound: Bound, details: Details) -> Sentence:
    metric, task = bound.name.metric, bound.name.task
    if metric == "are":
        return [("text", "Errors over all tasks (ARE)")]
    if metric == "arfg":
        return [("text", "Gaps between the groups of "), ("group", str(bound.group)), ("text", " (ARFG)")]
    assert task is not None
    models = details["tasks"][task][CANDIDATE]
    if metric == "worst_group_error" and models["worst_group"]["group"] is not None:
        return [("group", models["worst_group"]["group"]), ("text", " in "), ("task", task)]
    rates = models["rates"]["tpr" if metric == "min_positives" else "fpr"]
    if metric in ("min_negatives", "min_positives") and rates:
        smallest = min(rates, key=lambda name: rates[name]["of"])
        return [("group", smallest), ("text", " in "), ("task", task)]
    return [("text", "Groups of "), ("group", str(bound.group)), ("text", " in "), ("task", task)]


def _worst_ratio(bound: Bound, details: Details) -> Sentence:
    """The task that drives a mean of ratios."""
    prefix = "fpr_gap_ratio/" if bound.name.metric == "arfg" else "error_ratio/"
    end = f"@{bound.name.group}" if bound.name.group else ""
    ratios = {task: details["values"][f"{prefix}{task}{end}"]["value"] for task in details["tasks"]}
    known = {task: ratio for task, ratio in ratios.items() if ratio is not None}
    if len(known) < 2:
        return []
    worst = max(known, key=lambda task: known[task])
    return [("text", "; highest in "), ("task", worst), ("text", ", "), ("figure", f"{known[worst]:.3f}")]


def _reason(bound: Bound, details: Details) -> str:
    reason = details["values"][str(bound.name)]["reason"]
    return reason[:1].upper() + reason[1:] + ("" if reason.endswith(".") else ".")


def _number(bound: Bound, value: float) -> str:
    """A value in the unit that a reader expects of its metric."""
    metric = bound.name.metric
    if metric in ("fpr_gap", "tpr_gap"):
        return points(value)
    if metric == "worst_group_error":
        return percent(value)
    return f"{value:,.0f}" if bound.is_minimum else f"{value:.3f}"


def _limit(bound: Bound) -> str:
    metric, limit = bound.name.metric, bound.limit
    if metric in ("fpr_gap", "tpr_gap", "worst_group_error"):
        hundredths = 100 * limit
        text = f"{hundredths:.1f}" if math.isclose(hundredths, round(hundredths, 1)) else f"{hundredths:.3g}"
        return f"{text} %" if metric == "worst_group_error" else text
    return f"{limit:,.0f}" if bound.is_minimum else f"{limit:g}"
