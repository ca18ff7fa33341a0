"""Figures as a reader expects them: percent, percentage points, counts, ratios."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Optional

from components.tradeoff_metrics.telling.digits import told_from

# Unit → a value and how many digits it gets beyond the usual ones → text.
_FORMS: dict[str, Callable[[float, int], str]] = {
    "points": lambda value, more: f"{100 * value:.{1 + more}f} points",
    "percent": lambda value, more: f"{100 * value:.{1 + more}f} %",
    "change": lambda value, more: f"{value:.{1 + more}f} %",
    "count": lambda value, _: f"{value:,.0f}",
    "ratio": lambda value, more: f"{value:.{3 + more}f}",
}


def points(difference: float, limit: Optional[float] = None) -> str:
    """A difference of rates in percentage points: 0.0412 → "4.1 points"; ``limit`` as in ``with_unit``."""
    return with_unit(difference, "points", limit)


def percent(rate: float) -> str:
    """A rate in percent: 0.2503 → "25.0 %"."""
    return with_unit(rate, "percent")


def with_unit(value: float, name: str, limit: Optional[float] = None) -> str:
    """A value as a reader expects it: points, percent, a change in percent (``change``), a count or a ratio.

    Args:
        value: The figure.
        name: Name of the unit.
        limit: What the value is held against; it gets as many digits as tell it from that.
    """
    return told_from(_FORMS[name], value, limit).replace("-", "−")


def limit_text(unit: str, limit: float) -> str:
    """A limit in its metric's unit, with no more digits than it was given; points stand without their word."""
    if unit in ("points", "percent"):
        text = _hundredths(limit)
    else:
        text = f"{limit:,.0f}" if unit == "count" else f"{limit:g}"
    return (f"{text} %" if unit in ("percent", "change") else text).replace("-", "−")


def given_points(given: float) -> str:
    """A difference of rates that a person has set, with no more digits than it was given: 0.0125 → "1.25 points"."""
    return f"{_hundredths(given)} points"


def _hundredths(given: float) -> str:
    hundredths = 100 * given
    return f"{hundredths:.1f}" if math.isclose(hundredths, round(hundredths, 1)) else f"{hundredths:.3g}"
