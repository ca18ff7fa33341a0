"""The bounds that a gate sets on the trade-off metrics, and what was measured against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional

from components.tradeoff_metrics.names import MetricName, interval_names, suffix
from components.tradeoff_metrics.registry import Metric, bounded, metric
from components.tradeoff_metrics.settings import GateSettings


@dataclass(frozen=True)
class Bound:
    """A bound on one metric of the candidate in the overall slice.

    Attributes:
        setting: Its key in the settings.
        name: The metric's name.
        group: The group key that it speaks of; None for what is over all rows.
        limit: The value itself is allowed.
        on_interval: Whether it bounds the interval's unfavourable end.
    """

    setting: str
    name: MetricName
    group: Optional[str]
    limit: float
    on_interval: bool

    @property
    def metric(self) -> Metric:
        """The metric's row in the registry."""
        return metric(self.name.metric)

    @property
    def is_minimum(self) -> bool:
        """Whether values below the limit fail, rather than those above."""
        return self.metric.better == "higher"

    @property
    def end(self) -> Optional[str]:
        """The end of the interval that is compared, ``lower`` for a minimum; None where the value is."""
        if not self.on_interval or not interval_names(self.name):
            return None
        return "lower" if self.is_minimum else "upper"

    @property
    def key(self) -> str:
        """Key of the metric that is compared."""
        return str(replace(self.name, end=self.end))


@dataclass(frozen=True)
class BoundResult:
    """A bound, what was measured, and a sentence that says so. NaN where undefined or unbounded."""

    bound: Bound
    value: float
    lower: float
    upper: float
    ok: bool
    sentence: str

    @property
    def compared(self) -> float:
        """What is held against the limit: the value, or the interval's unfavourable end."""
        return {None: self.value, "lower": self.lower, "upper": self.upper}[self.bound.end]


def bounds(gate: GateSettings, tasks: Sequence[str], groups: Sequence[str]) -> list[Bound]:
    """The bounds that a gate sets.

    Args:
        gate: Settings.
        tasks: Task names.
        groups: Group names, the primary one first.

    Raises:
        ValueError: The gate names a task or group that does not exist.
    """
    gate.check(tasks, groups)
    given = [(gate.overall(), None), (gate.given(), groups[0])]
    given += [(own.given(), group) for group, own in gate.per_group.items()]
    rows = bounded(of_group=False) | bounded(of_group=True)
    result = []
    for limits, group in given:
        part = suffix(group, groups) if group is not None else None
        for setting, limit in limits.items():
            by_task = (
                limit if isinstance(limit, dict) else dict.fromkeys(tasks if rows[setting].of_task else (None,), limit)
            )
            for task, number in by_task.items():
                name = MetricName(rows[setting].key, task, part)
                result.append(Bound(setting, name, group, number, gate.on == "interval"))
    return result
