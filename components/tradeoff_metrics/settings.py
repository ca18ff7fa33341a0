"""Settings of the evaluation and of the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Optional

from pydantic import ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic_core import InitErrorDetails
from typing_extensions import Self

from components.tradeoff_metrics.names import check_names
from components.tradeoff_metrics.registry import Metric, bounded
from models.config.settings import PerTask, Settings
from models.formats.listing import quoted


class EvaluationSettings(Settings):
    """What TFMA computes beside the trade-off metrics, and over which slices."""

    fairness_thresholds: tuple[float, ...] = Field(
        (0.25, 0.5, 0.75),
        min_length=1,
        description="decision thresholds at which Fairness Indicators gives its rates, each in (0, 1); a task's own "
        "threshold is added where it is a number",
    )
    slice_negative_kinds: bool = Field(
        True, description="whether metrics are also given for each task's task-specific and shared negatives"
    )
    slices: tuple[tuple[str, ...], ...] = Field(
        (), description="further slices, each a list of columns that are crossed, such as [group/gender, country]"
    )
    min_count: int = Field(
        10,
        ge=1,
        description="known negatives (FPR), positives (TPR), both (AUC) or rows (error) below which a group enters no "
        "gap, no worst group and no worst cell: a rate of a handful of rows is 0 or 1 by chance",
    )
    confidence: float = Field(0.95, gt=0, lt=1, description="level of the confidence intervals")
    cluster: Optional[str] = Field(
        None,
        description="column whose equal values mark rows that are not independent, such as the user's id: intervals "
        "then resample its values, and a row without one is a cluster of its own; absent = rows are independent",
    )
    histogram_bins: int = Field(
        1000,
        ge=1,
        description="most steps of the report's threshold slider, for each task and model; AUCs do not depend on it",
    )
    batched: bool = Field(
        True,
        description="whether metrics are summed over arrays of rows, where TFMA walks them one by one; the figures "
        "are the same",
    )

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


def _described(row: Metric) -> Optional[str]:
    """The bound in words, with what a mapping and an absent bound mean; None where the registry has no words for it."""
    if row.limit is None or row.limit.description is None:
        return None
    given = "one number for all tasks or one for each named task; " if row.of_task else ""
    return f"{row.limit.description}; {given}no bound where absent"


def _with_fields(*, of_group: bool) -> type[_Bounds]:
    """Limits with a field for each bounded metric of the registry."""
    fields: dict[str, Any] = {}
    for key, row in bounded(of_group=of_group).items():
        assert row.limit is not None
        field = Field(None, gt=row.limit.above, description=_described(row))
        fields[key] = (Optional[PerTask] if row.of_task else Optional[float], field)
    name = "_BoundsBetweenGroups" if of_group else "_BoundsOverall"
    return create_model(name, __base__=_Bounds, __module__=__name__, **fields)


if TYPE_CHECKING:

    class _BetweenGroups(_Bounds): ...

    class _OverAllRows(_Bounds): ...

else:
    _BetweenGroups, _OverAllRows = _with_fields(of_group=True), _with_fields(of_group=False)


class GateBounds(_BetweenGroups):
    """Bounds on values between the groups of one key."""

    of_group: ClassVar[tuple[bool, ...]] = (True,)

    def given(self) -> dict[str, PerTask]:
        """The bounds between groups that are set, by key."""
        return self._given(True)


class OverallBounds(_OverAllRows):
    """Bounds on values over all rows, against single-task learning."""

    of_group: ClassVar[tuple[bool, ...]] = (False,)

    def overall(self) -> dict[str, PerTask]:
        """The bounds over all rows that are set, by key."""
        return self._given(False)


class GateSettings(OverallBounds, GateBounds):
    """When a model may be pushed: all bounds hold, on the overall slice of the test split.

    One bound is needed: without any, nothing would ever be blessed.
    """

    of_group: ClassVar[tuple[bool, ...]] = (False, True)

    on: Literal["value", "interval"] = Field(
        "value",
        description="what a bound is compared with: the metric's value, or its interval's unfavourable end, the upper "
        "one of a maximum and the lower one of a minimum; counts of rows have no interval",
    )
    per_group: dict[str, GateBounds] = Field(
        {},
        description="bounds between the groups of other group keys, by key; the bounds outside it are for the primary "
        "group key",
    )

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
