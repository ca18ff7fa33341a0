"""Figures as a reader expects them: percent, percentage points, counts, ratios."""

from __future__ import annotations

import math
from typing import Optional

from components.tradeoff_metrics.bounds import Bound

_UNITS = {
    "fpr_gap": "points",
    "tpr_gap": "points",
    "error_difference": "points",
    "worst_group_error": "percent",
    "worst_cell_error": "percent",
    "delta_p": "change",
}


# Digits that are added at most to tell a value from its limit.
_MORE = 9


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
        limit: What the value is held against; it gets as many digits as tell it from that: 1.0502 is not 1.050 beside 1.05.
    """
    text = _with_digits(value, name, 0)
    if limit is not None and value != limit:
        more = next((n for n in range(_MORE) if _with_digits(value, name, n) != _with_digits(limit, name, n)), _MORE)
        text = _with_digits(value, name, more)
    return text.replace("-", "−")


def _with_digits(value: float, name: str, more: int) -> str:
    return {
        "points": f"{100 * value:.{1 + more}f} points",
        "percent": f"{100 * value:.{1 + more}f} %",
        "change": f"{value:.{1 + more}f} %",
        "count": f"{value:,.0f}",
        "ratio": f"{value:.{3 + more}f}",
    }[name]


def limit_text(bound: Bound) -> str:
    """A bound's limit in its metric's unit, with no more digits than it was given; points stand without their word."""
    name, limit = unit(bound.name.metric), bound.limit
    if name in ("points", "percent"):
        hundredths = 100 * limit
        text = f"{hundredths:.1f}" if math.isclose(hundredths, round(hundredths, 1)) else f"{hundredths:.3g}"
    else:
        text = f"{limit:,.0f}" if name == "count" else f"{limit:g}"
    return (f"{text} %" if name in ("percent", "change") else text).replace("-", "−")
