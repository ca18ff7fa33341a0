"""Settings of the evaluation and of the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Optional

from pydantic import ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic_core import InitErrorDetails
from typing_extensions import Self

from components.tradeoff_metrics.names import check_names
from components.tradeoff_metrics.registry import bounded
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
            "each of `fairness_thresholds`, which a task's `threshold` joins, should be in (0, 1), 0.0001 or above. "
            f"Received: {threshold}"
        )


class _Bounds(Settings):
    """Limits by setting, of the metrics in the registry; a mapping holds for the tasks that it names.

    Metrics that were registered when this module was imported have fields; settings of later ones are taken as well.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, PerTask] = Field(init=False)
    # Whether bounds between groups, bounds over all rows, or both can be set.
    of_group: ClassVar[tuple[bool, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        known = {*cls.model_fields, *(setting for of_group in cls.of_group for setting in bounded(of_group=of_group))}
        given = values if isinstance(values, dict) else {}
        unknown = [key for key in given if key not in known]
        if unknown:
            errors = [InitErrorDetails(type="extra_forbidden", loc=(key,), input=values[key]) for key in unknown]
            raise ValidationError.from_exception_data(cls.__name__, errors)
        for key in set(given) - set(cls.model_fields):
            # Those of fields are refused by `Settings`.
            if any(
                isinstance(leaf, bool)
                for leaf in (given[key].values() if isinstance(given[key], dict) else [given[key]])
            ):
                raise ValueError(f"`{key}` should be a number. Received: {given[key]}")
        return values

    @model_validator(mode="after")
    def _in_range(self) -> Self:
        for of_group in self.of_group:
            for key, limit in self._given(of_group).items():
                row = bounded(of_group=of_group)[key]
                assert row.limit is not None
                if isinstance(limit, dict) and not row.of_task:
                    raise ValueError(f"`{key}` should be one number. Received: {limit}")
                for task, number in limit.items() if isinstance(limit, dict) else [("", limit)]:
                    expected = row.limit.expected(number)
                    if expected:
                        of = f" of task `{task}`" if task else ""
                        raise ValueError(f"`{key}`{of} should be {expected}. Received: {number}")
        return self

    def _given(self, of_group: bool) -> dict[str, PerTask]:
        limits = {key: getattr(self, key, None) for key in bounded(of_group=of_group)}
        return {key: limit for key, limit in limits.items() if limit is not None and limit != {}}


def _with_fields(*, of_group: bool) -> type[_Bounds]:
    """Limits with a field for each bounded metric of the registry."""
    fields: dict[str, Any] = {}
    for key, row in bounded(of_group=of_group).items():
        assert row.limit is not None
        field = Field(None, gt=row.limit.above, description=row.limit.description)
        fields[key] = (Optional[PerTask] if row.of_task else Optional[float], field)
    return create_model("_Bounds", __base__=_Bounds, __module__=__name__, **fields)


if TYPE_CHECKING:

    class _BetweenGroups(_Bounds): ...

    class _OverAllRows(_Bounds): ...

else:
    _BetweenGroups, _OverAllRows = _with_fields(of_group=True), _with_fields(of_group=False)


class GateBounds(_BetweenGroups):
    """Bounds on values between the groups of one key. A number holds for every task, a mapping for the tasks it names.

    A *cell* is a group's negatives or its positives. ``worst_cell_error_max`` bounds the highest false positive or false
    negative rate of any group, ``worst_cell_auc_min`` the lowest of its subgroup, BPSN and BNSP AUC.
    """

    of_group: ClassVar[tuple[bool, ...]] = (True,)

    def given(self) -> dict[str, PerTask]:
        """The bounds between groups that are set, by key."""
        return self._given(True)


class OverallBounds(_OverAllRows):
    """Bounds on values over all rows, against single-task learning.

    ``delta_p_min`` is in percent, and higher is better: -2 allows errors that are 2 % above on average.
    ``error_difference_max`` bounds error(model) − error(single-task), a number for every task or a mapping; 0 allows no task
    to be worse. ``negative_transfer_count_max`` bounds how many tasks may be surely worse; on intervals, how many tasks may
    possibly be.
    """

    of_group: ClassVar[tuple[bool, ...]] = (False,)

    def overall(self) -> dict[str, PerTask]:
        """The bounds over all rows that are set, by key."""
        return self._given(False)


class GateSettings(OverallBounds, GateBounds):
    """When a model may be pushed: all bounds hold, on the overall slice of the test split.

    The bounds between groups are those of the primary group key; ``per_group`` bounds others by name. ``on: value`` compares
    values, ``on: interval`` the interval's unfavourable end, the upper one of a maximum and the lower one of a minimum (row
    counts have none). One bound is needed: without any, nothing would ever be blessed.
    """

    of_group: ClassVar[tuple[bool, ...]] = (False, True)

    on: Literal["value", "interval"] = "value"
    per_group: dict[str, GateBounds] = {}

    @model_validator(mode="after")
    def _one_bound(self) -> GateSettings:
        if not self.overall() and not self.given() and not any(b.given() for b in self.per_group.values()):
            bounds = [*bounded(of_group=False), *bounded(of_group=True)]
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
