"""The registry of metrics: one row says all that the rest needs to know of a metric.

Names of keys, settings of the gate and their ranges, TFMA's thresholds, the direction of a bound, sentences, units and
titles are derived from it. A metric is added by one file in `families/`, which registers its row when it is imported.

Example:
    With this row the gate takes ``widest_fpr_gap_max``, and the report tells what became of it::

        register(
            Metric(
                key="widest_fpr_gap",
                title="Widest FPR gap of any task",
                unit="points",
                scope="group",
                better="lower",
                compute=lambda statistics, model: [
                    max((gap.estimate for gap in statistics.gaps("fpr", model)), key=lambda estimate: estimate.value)
                ],
                limit=Limit("widest_fpr_gap_max", description="largest FPR gap of any task, as a difference of rates"),
            )
        )
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Optional

if TYPE_CHECKING:
    from components.tradeoff_metrics.figures.statistics import Estimate, TradeoffStatistics
    from components.tradeoff_metrics.judging.bounds import Bound
    from components.tradeoff_metrics.telling.parts import Details, Sentence, Told

Scope = Literal["overall", "task", "group", "group_task"]
Unit = Literal["points", "percent", "change", "count", "ratio"]
# What stands after the key of a metric that the single-task baseline has too.
BASELINE_SUFFIX = "_baseline"


@dataclass(frozen=True)
class Limit:
    """The setting of the gate that bounds a metric, and the range that it may have.

    Attributes:
        setting: The key in the settings, such as ``arfg_max``.
        lowest: The smallest limit; None allows negative ones of any size.
        highest: The largest limit; None where there is none.
        above: What every limit must exceed.
        description: What the setting bounds, in which unit; settings without it have none.
    """

    setting: str
    lowest: Optional[float] = 0.0
    highest: Optional[float] = None
    above: Optional[float] = None
    description: Optional[str] = None

    def expected(self, number: float) -> Optional[str]:
        """What a limit should be where ``number`` is out of the range; None where it is within."""
        if not (math.isfinite(number) and (self.lowest is None or number >= self.lowest)):
            return "a finite number" if self.lowest is None else f"at least {self.lowest:g}"
        if self.above is not None and number <= self.above:
            return f"above {self.above:g}"
        return f"at most {self.highest:g}" if self.highest is not None and number > self.highest else None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A row of the registry.

    Attributes:
        key: Its name in keys: see `names.py`.
        title: Its name in tables.
        short: Its name where two runs are compared; the key in words where it is empty.
        card: Its name in the model card; the title where it is None, and left out of the card where it is empty.
        unit: How its values are shown; ``change`` is in percent already.
        scope: Over all rows (``overall``, ``task``) or between the groups of a key (``group``, ``group_task``), as one value
            or as one for each task.
        better: Whether lower or higher values are better. A bound is a maximum where lower is better, else a minimum.
        compute: (statistics of a group key, model) → an estimate for each task, or the one of a metric that has no task.
        has_interval: False for plain counts of rows.
        has_baseline: Whether it is emitted for the single-task baseline too.
        ratio_of: Key of the metric whose ratio to the baseline's it is: summaries show it beside that one.
        summarised: Whether `summary.json` lists it; counts of rows stand there with the groups.
        limit: The setting that bounds it; None where no gate may.
        subject: How a verdict's sentence begins, with ``{task}`` and ``{group}`` in the places of their names; made of the
            title where it is empty.
        evidence: (bound, details of its group key) → what stands behind a value, at the end of a verdict's sentence.
        who: (bound, details of its group key) → whom the bound speaks of, as a reviewer's sentence begins.
        describe: What a reviewer reads of a value. Without it: whom it speaks of, the figure and its limit.
    """

    key: str
    title: str
    unit: Unit
    scope: Scope
    better: Literal["lower", "higher"]
    compute: Callable[[TradeoffStatistics, int], Sequence[Estimate]]
    short: str = ""
    card: Optional[str] = None
    ratio_of: Optional[str] = None
    summarised: bool = True
    has_interval: bool = True
    has_baseline: bool = False
    limit: Optional[Limit] = None
    subject: str = ""
    evidence: Optional[Callable[[Bound, Details], str]] = None
    who: Optional[Callable[[Bound, Details], Sentence]] = None
    describe: Optional[Callable[[Told], Sentence]] = None

    @property
    def of_task(self) -> bool:
        """Whether each task has its own value."""
        return self.scope in ("task", "group_task")

    @property
    def of_group(self) -> bool:
        """Whether each group key has its own value."""
        return self.scope in ("group", "group_task")

    @property
    def name(self) -> str:
        """Its name where two runs are compared."""
        return self.short or self.key.replace("_", " ")

    @property
    def card_name(self) -> str:
        """Its name in the model card; empty where the card leaves it out."""
        if self.card is not None:
            return self.card
        is_word = self.title[1:2].islower()
        return self.title[:1].lower() + self.title[1:] if is_word else self.title

    def subject_of(self, bound: Bound) -> str:
        """How the sentence of a verdict begins."""
        subject = self.subject or "".join(
            (
                self.title,
                " of task `{task}`" if self.of_task else "",
                " between the groups of `{group}`" if self.of_group else "",
            )
        )
        return subject.format(task=bound.name.task, group=bound.group)


_METRICS: dict[str, Metric] = {}


def register(metric: Metric) -> Metric:
    """Adds a row.

    Raises:
        ValueError: The key or the setting is another metric's.
    """
    settings = [other.limit.setting for other in _METRICS.values() if other.limit]
    if {metric.key, metric.key + BASELINE_SUFFIX} & set(emitted()):
        raise ValueError(f"metric `{metric.key}` is already registered")
    if metric.limit and metric.limit.setting in settings:
        raise ValueError(f"metric `{metric.key}`: another metric is bounded by `{metric.limit.setting}`")
    _METRICS[metric.key] = metric
    return metric


def unregister(key: str) -> None:
    """Takes a row out again.

    Raises:
        KeyError: There is no such metric.
    """
    del _METRICS[key]


def metrics() -> list[Metric]:
    """All rows, in the order in which tables show them."""
    return list(_METRICS.values())


def metric(key: str) -> Metric:
    """The row of a key.

    Raises:
        KeyError: There is no such metric.
    """
    return _METRICS[key]


def emitted() -> dict[str, Metric]:
    """The metric of each name that an evaluation holds: its own, and that of the baseline where it has one."""
    return {
        key + end: found for key, found in _METRICS.items() for end in ("", BASELINE_SUFFIX)[: 1 + found.has_baseline]
    }


def summarised() -> list[Metric]:
    """The metrics that a summary lists under their keys."""
    return [found for found in metrics() if found.summarised and found.ratio_of is None]


def ratio_of(key: str) -> Optional[Metric]:
    """The metric that is the ratio of another one to the baseline's; None where there is none."""
    return next((found for found in metrics() if found.ratio_of == key), None)


def bounded(*, of_group: bool) -> dict[str, Metric]:
    """The metrics that a gate may bound by their setting: those between groups, or those over all rows."""
    return {found.limit.setting: found for found in metrics() if found.limit and found.of_group is of_group}
