"""Means over all tasks, relative to single-task learning: ARFG, ARE and Δp."""

from __future__ import annotations

from components.tradeoff_metrics.figures.transfer import delta_p
from components.tradeoff_metrics.registry import Limit, Metric, register

register(
    Metric(
        key="arfg",
        title="ARFG, gaps relative to single-task models",
        unit="ratio",
        scope="group",
        better="lower",
        compute=lambda statistics, _: [statistics.gap_ratios("fpr")[1]],
        limit=Limit("arfg_max", above=0),
    )
)
register(
    Metric(
        key="are",
        title="ARE, errors relative to single-task models",
        unit="ratio",
        scope="overall",
        better="lower",
        compute=lambda statistics, _: [statistics.error_ratios()[1]],
        limit=Limit("are_max", above=0),
    )
)
register(
    Metric(
        key="delta_p",
        title="Δp, mean relative change of the error",
        unit="change",
        scope="overall",
        better="higher",
        compute=lambda statistics, _: [delta_p(statistics.error_ratios()[1])],
        limit=Limit("delta_p_min", lowest=None),
    )
)
