"""Data of the trade-off chart: this run, earlier ones, and a frontier where one is named."""

from __future__ import annotations

from typing import Any, Optional

from components.fairness_report.sections.earlier_runs import differences
from components.fairness_report.sections.rates import short


def tradeoff_data(
    summary: dict[str, Any],
    earlier: Optional[list[dict[str, Any]]],
    gone: int,
    frontier: list[dict[str, Any]],
) -> dict[str, Any]:
    """Points of ARFG against ARE.

    Args:
        summary: This run's.
        earlier: Those of earlier runs, oldest first; None where they cannot be known.
        gone: Number of earlier reports whose files are gone.
        frontier: Points of a frontier.

    Returns:
        {``points``: this run's last, each with ``run``, ``arfg`` and ``are`` as [value, lower, upper], ``blessed``,
        ``current`` and ``changes`` {dotted key: [there, here]}; ``frontier`` likewise with ``settings``; ``limits`` that the
        gate sets on the primary group key; ``known``: whether earlier runs could be looked up; ``gone``}.
    """
    points = [_point(other, summary) | {"current": False} for other in _distinct(earlier or [], summary)]
    points.append(_point(summary, summary) | {"current": True})
    limits = {
        bound["metric"]: bound["limit"]
        for bound in summary["bounds"]
        if bound["metric"] == "are" or (bound["metric"] == "arfg" and bound["group"] == summary["group"])
    }
    return {
        "points": points,
        "frontier": [{"arfg": point["arfg"], "are": point["are"], "settings": point["settings"]} for point in frontier],
        "limits": limits,
        "known": earlier is not None,
        "gone": gone,
    }


def _distinct(earlier: list[dict[str, Any]], summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Runs that are comparable: the same group key and tasks. A mean over other tasks is another figure."""
    return [
        other
        for other in earlier
        if other["group"] == summary["group"] and list(other["tasks"]) == list(summary["tasks"])
    ]


def _point(other: dict[str, Any], summary: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": other["run"],
        "arfg": _ends(other["arfg"]),
        "are": _ends(other["are"]),
        "blessed": other["blessed"],
        "changes": differences(other["settings"], summary["settings"]),
    }


def _ends(estimate: dict[str, Any]) -> list[Optional[float]]:
    return [short(estimate["value"]), *map(short, estimate["interval"] or [None, None])]
