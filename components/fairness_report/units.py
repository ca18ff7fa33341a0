"""Figures as a reader expects them: percent, percentage points, counts, ratios."""

from __future__ import annotations

import math

from components.tradeoff_metrics.bounds import Bound

_UNITS = {
    "fpr_gap": "points",
    "tpr_gap": "points",
    "error_difference": "points",
    "worst_group_error": "percent",
    "worst_cell_error": "percent",
    "delta_p": "change",
}


def points(difference: float) -> str:
    """A difference of rates in percentage points: 0.0412 → "4.1 points"."""
    return f"{100 * difference:.1f} points"


def percent(rate: float) -> str:
    """A rate in percent: 0.2503 → "25.0 %"."""
    return f"{100 * rate:.1f} %"


def unit(metric: str) -> str:
    """The unit that a reader expects of a metric: ``change`` is in percent already."""
    if metric in ("min_negatives", "min_positives", "negative_transfer_count"):
        return "count"
    return _UNITS.get(metric, "ratio")


def in_unit(metric: str, value: float) -> str:
    """A value in its metric's unit."""
    return with_unit(value, unit(metric))


def with_unit(value: float, name: str) -> str:
    """A value as a reader expects it: points, percent, a change in percent, a count or a ratio."""
    text = {
        "points": points(value),
        "percent": percent(value),
        "change": f"{value:.1f} %",
        "count": f"{value:,.0f}",
        "ratio": f"{value:.3f}",
    }[name]
    return text.replace("-", "−")


def limit_text(bound: Bound) -> str:
    """A bound's limit in its metric's unit, with no more digits than it was given; points stand without their word."""
    name, limit = unit(bound.name.metric), bound.limit
    if name in ("points", "percent"):
        hundredths = 100 * limit
        text = f"{hundredths:.1f}" if math.isclose(hundredths, round(hundredths, 1)) else f"{hundredths:.3g}"
    else:
        text = f"{limit:,.0f}" if name == "count" else f"{limit:g}"
    return (f"{text} %" if name in ("percent", "change") else text).replace("-", "−")
