"""Settings of the evaluation and of the gate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, Optional

from pydantic import Field, model_validator
from typing_extensions import Self

from components.tradeoff_metrics.names import check_names
from models.config.settings import PerTask, Settings
from models.formats.listing import quoted


class EvaluationSettings(Settings):
    """What TFMA computes beside the trade-off metrics, and over which slices.

    ``fairness_thresholds`` are those of Fairness Indicators; a task's own number is added to them. ``min_count`` is the
    number of known negatives (FPR), positives (TPR) or rows (error) below which a group enters no gap, no worst group and no
    worst cell (AUC: negatives and positives each): a rate of a handful of rows is 0 or 1 by chance, and so is what a bound
    makes of it.
    Each of ``slices`` is a list of columns that are crossed, such as ``[group/gender, country]``. ``cluster`` is the column
    whose equal values mark rows that are not independent, such as a user's id: intervals then come from resampling its
    values and not rows; a row without a value is a cluster of its own. ``histogram_bins`` is how many steps the report's
    threshold slider has at most, for each task and model; AUCs do not depend on it. ``batched`` sums arrays of rows where
    TFMA walks them one by one; the figures are the same.
    """

    fairness_thresholds: tuple[float, ...] = Field((0.25, 0.5, 0.75), min_length=1)
    slice_negative_kinds: bool = True
    slices: tuple[tuple[str, ...], ...] = ()
    min_count: int = Field(10, ge=1)
    confidence: float = Field(0.95, gt=0, lt=1)
    cluster: Optional[str] = None
    histogram_bins: int = Field(1000, ge=1)
    batched: bool = True

    @model_validator(mode="after")
    def _check(self) -> EvaluationSettings:
        for threshold in self.fairness_thresholds:
            check_threshold(threshold)
        for columns in self.slices:
            if not columns:
                raise ValueError(
                    "each of `slices` should be a column or more. Received: []; the overall slice is always there"
                )
        return self

    def check(self, tasks: Sequence[str], groups: Sequence[str]) -> None:
        """Checks the run's names against what metric keys can hold.

        Raises:
            ValueError: A name holds ``/`` or ``@``, stands twice, or there is none.
        """
        check_names(tasks, groups)


def check_threshold(threshold: float) -> None:
    """Refuses a threshold that Fairness Indicators could not name: its keys print decimals.

    Raises:
        ValueError: Not in (0, 1), or so small that Python prints an exponent.
    """
    if not 0 < threshold < 1 or "e" in str(threshold):
        raise ValueError(
            f"each of `fairness_thresholds`, which a task's `threshold` joins, should be in (0, 1), 0.0001 or above. Received: {threshold}"
        )


class _Bounds(Settings):
    """Limits by key; a mapping holds for the tasks that it names. Those of ``signed`` may be negative."""

    signed: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        for key in type(self).model_fields:
            limit = getattr(self, key)
            for task, number in limit.items() if isinstance(limit, dict) else [("", limit)]:
                if not isinstance(number, float):
                    continue
                of = f" of task `{task}`" if task else ""
                lowest = -math.inf if key in self.signed else 0.0
                if not (math.isfinite(number) and number >= lowest):
                    expected = "a finite number" if key in self.signed else "at least 0"
                    raise ValueError(f"`{key}`{of} should be {expected}. Received: {number}")
                if "_auc_" in key and number > 1:
                    raise ValueError(f"`{key}`{of} should be at most 1. Received: {number}")
        return self


class GateBounds(_Bounds):
    """Bounds on values between the groups of one key. A number holds for every task, a mapping for the tasks it names.

    A *cell* is a group's negatives or its positives. ``worst_cell_error_max`` bounds the highest false positive or false
    negative rate of any group, ``worst_cell_auc_min`` the lowest of its subgroup, BPSN and BNSP AUC.
    """

    arfg_max: Optional[float] = Field(None, gt=0)
    fpr_gap_max: Optional[PerTask] = None
    fpr_gap_ratio_max: Optional[PerTask] = None
    tpr_gap_max: Optional[PerTask] = None
    tpr_gap_ratio_max: Optional[PerTask] = None
    worst_group_error_max: Optional[PerTask] = None
    worst_group_auc_min: Optional[PerTask] = None
    worst_cell_error_max: Optional[PerTask] = None
    worst_cell_auc_min: Optional[PerTask] = None
    min_negatives: Optional[PerTask] = Field(None, description="known negatives of a task in its smallest group")
    min_positives: Optional[PerTask] = None

    def given(self) -> dict[str, PerTask]:
        """The bounds between groups that are set, by key."""
        return _given(self, GateBounds)


class OverallBounds(_Bounds):
    """Bounds on values over all rows, against single-task learning.

    ``delta_p_min`` is in percent, and higher is better: -2 allows errors that are 2 % above on average.
    ``error_difference_max`` bounds error(model) − error(single-task), a number for every task or a mapping; 0 allows no task
    to be worse. ``negative_transfer_count_max`` bounds how many tasks may be surely worse; on intervals, how many tasks may
    possibly be.
    """

    signed: ClassVar[tuple[str, ...]] = ("delta_p_min", "error_difference_max")

    are_max: Optional[float] = Field(None, gt=0)
    delta_p_min: Optional[float] = None
    error_difference_max: Optional[PerTask] = None
    negative_transfer_count_max: Optional[float] = None

    def overall(self) -> dict[str, PerTask]:
        """The bounds over all rows that are set, by key."""
        return _given(self, OverallBounds)


def _given(settings: _Bounds, kind: type[_Bounds]) -> dict[str, PerTask]:
    limits = {key: getattr(settings, key) for key in kind.model_fields}
    return {key: limit for key, limit in limits.items() if limit is not None and limit != {}}


class GateSettings(OverallBounds, GateBounds):
    """When a model may be pushed: all bounds hold, on the overall slice of the test split.

    The bounds between groups are those of the primary group key; ``per_group`` bounds others by name. ``on: value`` compares
    values, ``on: interval`` the interval's unfavourable end, the upper one of a maximum and the lower one of a minimum (row
    counts have none). One bound is needed: without any, nothing would ever be blessed.
    """

    on: Literal["value", "interval"] = "value"
    per_group: dict[str, GateBounds] = {}

    @model_validator(mode="after")
    def _one_bound(self) -> GateSettings:
        if not self.overall() and not self.given() and not any(b.given() for b in self.per_group.values()):
            bounds = [*OverallBounds.model_fields, *GateBounds.model_fields]
            raise ValueError(f"the gate needs a bound or more of {bounds}")
        return self

    def check(self, tasks: Sequence[str], groups: Sequence[str]) -> None:
        """Checks the names that the gate uses.

        Raises:
            ValueError: It names a task or group that does not exist.
        """
        for group in self.per_group:
            if group not in groups:
                raise ValueError(f"gate.per_group: `{group}` is not a group; groups are {quoted(groups)}")
        own = {"gate": self.overall() | self.given()}
        own |= {f"gate.per_group.{group}": bounds.given() for group, bounds in self.per_group.items()}
        for prefix, given in own.items():
            for key, limit in given.items():
                for task in limit if isinstance(limit, dict) else ():
                    if task not in tasks:
                        raise ValueError(f"{prefix}.{key}: `{task}` is not a task; tasks are {quoted(tasks)}")
