"""A judged bound in words: for the gate's verdict with figures as computed, for a reviewer with the units that one expects.

What is said of a metric stands in its row of the registry; what is said of every bound stands here.
"""

from __future__ import annotations

import math

from components.tradeoff_metrics.judging.bounds import Bound, BoundResult
from components.tradeoff_metrics.telling.digits import told_from
from components.tradeoff_metrics.telling.parts import Details, Sentence, Told
from components.tradeoff_metrics.telling.units import limit_text, with_unit


def verdict_sentence(result: BoundResult, details: Details) -> str:
    """What was measured, against which limit, from which groups and how many rows.

    Args:
        result: The judged bound; its own sentence is not read.
        details: Of its group key, of the primary one where it has none.
    """
    bound, value = result.bound, result.value
    what, limit = bound.metric.subject_of(bound), f"{bound.limit:g}"
    if math.isnan(value):
        return f"{what} is undefined, and so cannot be within the bound {limit}: {_reason(bound, details)}"
    if math.isnan(result.compared):
        return (
            f"{what} is {value:.4g} with an unbounded interval, where the gate bounds its {bound.end} end by {limit}: "
            f"{_reason(bound, details)}"
        )
    relation = "within" if result.ok else ("below" if bound.is_minimum else "above")
    lower, upper = (
        told_from(_form, end, bound.limit if bound.end == name and not result.ok else None)
        for name, end in (("lower", result.lower), ("upper", result.upper))
    )
    interval = "" if math.isnan(result.lower) else f" [{lower}, {upper}]"
    compares = f"; its {bound.end} end is" if bound.end else ","
    shown = told_from(_form, value, None if bound.end or result.ok else bound.limit)
    evidence = bound.metric.evidence(bound, details) if bound.metric.evidence else ""
    return f"{what} is {shown}{interval}{compares} {relation} the bound {limit}{evidence}"


def bound_sentence(result: BoundResult, details: Details) -> Sentence:
    """What a bound measured, for whom, in a reviewer's words.

    Args:
        result: The judged bound.
        details: Details of the bound's group key.
    """
    bound = result.bound
    row, limit = bound.metric, limit_text(bound.metric.unit, bound.limit)
    who = row.who(bound, details) if row.who else _who(bound)
    if math.isnan(result.value):
        reason = _reason(bound, details)
        reason = reason[:1].upper() + reason[1:] + ("" if reason.endswith(".") else ".")
        return [*who, ("text", ": undefined, so the limit "), ("figure", limit), ("text", f" cannot hold. {reason}")]
    limits: Sentence = [("text", ", at least " if bound.is_minimum else ", limit "), ("figure", limit)]
    # An end of the interval is what is held against the limit where the bound names one.
    told = Told(bound, result.value, details, who, limits, None if bound.end or result.ok else bound.limit)
    sentence = row.describe(told) if row.describe else [*who, ("text", ": "), told.figure, *limits]
    if bound.end and math.isnan(result.compared):
        sentence += [("text", f"; {bound.end} end unbounded")]
    elif bound.end:
        end = with_unit(result.compared, row.unit, None if result.ok else bound.limit)
        sentence += [("text", f"; {bound.end} end "), ("figure", end)]
    return sentence


def _form(value: float, more: int) -> str:
    return f"{value:.{4 + more}g}"


def _reason(bound: Bound, details: Details) -> str:
    return details["values"][str(bound.name)]["reason"]


def _who(bound: Bound) -> Sentence:
    """What a bound speaks of where its metric has no words of its own."""
    sentence: Sentence = [("text", bound.metric.title)]
    if bound.group is not None:
        sentence += [("text", " between the groups of "), ("group", bound.group)]
    return sentence + ([("text", " in "), ("task", bound.name.task)] if bound.name.task is not None else [])
