"""Figures as a reader expects them: percent, percentage points, counts, ratios."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Optional

from components.tradeoff_metrics.judging.bounds import Bound
from components.tradeoff_metrics.judging.digits import told_from

# Unit → a value and how many digits it gets beyond the usual ones → text.
_FORMS: dict[str, Callable[[float, int], str]] = {
    "points": lambda value, more: f"{100 * value:.{1 + more}f} points",
    "percent": lambda value, more: f"{100 * value:.{1 + more}f} %",
    "change": lambda value, more: f"{value:.{1 + more}f} %",
    "count": lambda value, _: f"{value:,.0f}",
    "ratio": lambda value, more: f"{value:.{3 + more}f}",
}
_UNITS = {
    "fpr_gap": "points",
    "tpr_gap": "points",
    "error_difference": "points",
    "worst_group_error": "percent",
    "worst_cell_error": "percent",
    "delta_p": "change",
}


def points(difference: float, limit: Optional[float] = None) -> str:
    """A difference of rates in percentage points: 0.0412 → "4.1 points"; ``limit`` as in ``with_unit``."""
    return with_unit(difference, "points", limit)


def percent(rate: float) -> str:
    """A rate in percent: 0.2503 → "25.0 %"."""
    return with_unit(rate, "percent")


def unit(metric: str) -> str:
    """The unit that a reader expects of a metric: ``change`` is in percent already."""
    if metric in ("min_negatives", "min_positives", "negative_transfer_count"):
        return "count"
    return _UNITS.get(metric, "ratio")


def in_unit(metric: str, value: float, limit: Optional[float] = None) -> str:
    """A value in its metric's unit; ``limit`` as in ``with_unit``."""
    return with_unit(value, unit(metric), limit)


def with_unit(value: float, name: str, limit: Optional[float] = None) -> str:
    """A value as a reader expects it: points, percent, a change in percent, a count or a ratio.

    Args:
        value: The figure.
        name: Of the unit.
        limit: What the value is held against; it gets as many digits as tell it from that.
    """
    return told_from(_FORMS[name], value, limit).replace("-", "−")


def limit_text(bound: Bound) -> str:
    """A bound's limit in its metric's unit, with no more digits than it was given; points stand without their word."""
    name, limit = unit(bound.name.metric), bound.limit
    if name in ("points", "percent"):
        text = _hundredths(limit)
    else:
        text = f"{limit:,.0f}" if name == "count" else f"{limit:g}"
    return (f"{text} %" if name in ("percent", "change") else text).replace("-", "−")


def given_points(given: float) -> str:
    """A difference of rates that a person has set, with no more digits than it was given: 0.0125 → "1.25 points"."""
    return f"{_hundredths(given)} points"


def _hundredths(given: float) -> str:
    hundredths = 100 * given
    return f"{hundredths:.1f}" if math.isclose(hundredths, round(hundredths, 1)) else f"{hundredths:.3g}"
