"""Names of our metrics' keys: built and parsed here only.

A key is ``metric[/task][@group][/lower|/upper]``. No ``@group`` means the primary group key, the first that is declared:
``arfg``, ``fpr_gap/click``, ``fpr_gap/click/upper``, ``arfg@age/lower``, ``fpr_gap/click@age``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from models.formats.listing import quoted
from models.formats.texts import inert_line

ENDS = ("lower", "upper")

# Between groups, so there is one for each group key.
GROUP_METRICS = ("arfg",)
GROUP_TASK_METRICS = (
    "fpr_gap",
    "fpr_gap_baseline",
    "fpr_gap_ratio",
    "tpr_gap",
    "tpr_gap_baseline",
    "tpr_gap_ratio",
    "worst_group_error",
    "worst_group_error_baseline",
    "worst_group_auc",
    "worst_group_auc_baseline",
    "worst_cell_error",
    "worst_cell_error_baseline",
    "worst_cell_auc",
    "worst_cell_auc_baseline",
)
# Counts have no interval.
GROUP_TASK_COUNTS = ("min_negatives", "min_positives")
# Over all rows, whatever their group.
ROW_METRICS = ("are", "delta_p", "negative_transfer_count")
ROW_TASK_METRICS = ("error", "error_baseline", "error_ratio", "error_difference")
DETAILS = "tradeoff_details"

_METRICS = GROUP_METRICS + GROUP_TASK_METRICS + GROUP_TASK_COUNTS + ROW_METRICS + ROW_TASK_METRICS + (DETAILS,)
_WITH_TASK = GROUP_TASK_METRICS + GROUP_TASK_COUNTS + ROW_TASK_METRICS


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
        group: Optional[str] = None
        if at:
            task = rest
            group, _, end = tail.partition("/")
        elif metric in _WITH_TASK:
            task, _, end = rest.partition("/")
        else:
            task, end = "", rest
        name = cls(metric, task or None, group, end or None)
        known = metric in _METRICS and (task != "") == (metric in _WITH_TASK) and end in ("", *ENDS)
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


def value_names(tasks: Sequence[str], group: Optional[str]) -> list[MetricName]:
    """Names of all values (not interval ends) of one group key; ``group`` None is the primary one."""
    names = [MetricName(metric, None, group) for metric in GROUP_METRICS]
    names += [MetricName(m, task, group) for m in GROUP_TASK_METRICS + GROUP_TASK_COUNTS for task in tasks]
    if group is None:
        names += [MetricName(metric) for metric in ROW_METRICS]
        names += [MetricName(metric, task) for metric in ROW_TASK_METRICS for task in tasks]
    return names


def interval_names(name: MetricName) -> list[MetricName]:
    """Names of the ends of a value's interval; none for counts."""
    if name.metric in GROUP_TASK_COUNTS:
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
