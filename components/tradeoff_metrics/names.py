"""Names of our metrics' keys: built and parsed here only.

A key is ``metric[/task][@group][/lower|/upper]``. No ``@group`` means the primary group key, the first that is declared:
``arfg``, ``fpr_gap/click``, ``fpr_gap/click/upper``, ``arfg@age/lower``, ``fpr_gap/click@age``. Metrics are those of the
registry (`registry.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from components.tradeoff_metrics.registry import BASELINE_SUFFIX, Metric, emitted, metrics
from models.formats.listing import quoted
from models.formats.texts import inert_line

ENDS = ("lower", "upper")

DETAILS = "tradeoff_details"
MODELS = ("candidate", "baseline")


@dataclass(frozen=True)
class MetricName:
    """The parts of a key. ``group`` is None for the primary group key, ``end`` for the value itself."""

    metric: str
    task: Optional[str] = None
    group: Optional[str] = None
    end: Optional[str] = None

    def __str__(self) -> str:
        parts = (
            self.metric,
            f"/{self.task}" if self.task is not None else "",
            f"@{self.group}" if self.group is not None else "",
            f"/{self.end}" if self.end is not None else "",
        )
        return "".join(parts)

    @classmethod
    def parse(cls, key: str) -> MetricName:
        """Inverse of ``str``.

        Raises:
            ValueError: The key is none of ours.
        """
        head, at, tail = key.partition("@")
        metric, _, rest = head.partition("/")
        row = emitted().get(metric)
        of_task = row is not None and row.of_task
        group: Optional[str] = None
        if at:
            task = rest
            group, _, end = tail.partition("/")
        elif of_task:
            task, _, end = rest.partition("/")
        else:
            task, end = "", rest
        name = cls(metric, task or None, group, end or None)
        known = (row is not None or metric == DETAILS) and (task != "") == of_task and end in ("", *ENDS)
        if not known or str(name) != key or group == "":
            raise ValueError(f"`{key}` is not a key of the trade-off metrics")
        return name


def check_names(tasks: Sequence[str], groups: Sequence[str]) -> None:
    """Refuses names that keys cannot hold.

    Raises:
        ValueError: No task or group; a name stands twice, is empty or holds ``/`` or ``@``.
    """
    for what, names in (("task", tasks), ("group", groups)):
        if not names:
            raise ValueError(f"the trade-off metrics need one {what} or more. Received: none")
        for name in names:
            if not name or "/" in name or "@" in name:
                raise ValueError(f"the name of a {what} should be without `/` and `@`. Received: `{inert_line(name)}`")
            if list(names).count(name) > 1:
                raise ValueError(f"{what} `{name}` stands twice among {quoted(names)}")


def suffix(group: str, groups: Sequence[str]) -> Optional[str]:
    """The ``group`` part of the names of a group key: None for the primary one."""
    return None if group == groups[0] else group


def names_of(metric: Metric, tasks: Sequence[str], group: Optional[str], *, baseline: bool = False) -> list[MetricName]:
    """Names of a metric's values: one for each task, or one; ``group`` None is the primary group key."""
    key = metric.key + (BASELINE_SUFFIX if baseline else "")
    return [MetricName(key, task, group) for task in (tasks if metric.of_task else (None,))]


def value_names(tasks: Sequence[str], group: Optional[str]) -> list[MetricName]:
    """Names of all values (not interval ends) of one group key; ``group`` None is the primary one."""
    return [
        name
        for metric in metrics()
        if metric.of_group or group is None
        for baseline in (False, True)[: 1 + metric.has_baseline]
        for name in names_of(metric, tasks, group, baseline=baseline)
    ]


def interval_names(name: MetricName) -> list[MetricName]:
    """Names of the ends of a value's interval; none for counts."""
    if not emitted()[name.metric].has_interval:
        return []
    return [MetricName(name.metric, name.task, name.group, end) for end in ENDS]


def all_keys(tasks: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Every key that is emitted for ``groups``, the primary one first."""
    keys = []
    for group in groups:
        part = suffix(group, groups)
        for name in value_names(tasks, part):
            keys += [str(name), *map(str, interval_names(name))]
        keys.append(str(MetricName(DETAILS, None, part)))
    return keys
