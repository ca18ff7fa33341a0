"""Settings of labels, groups and kinds of negatives."""

from __future__ import annotations

import sys
from typing import Optional, Union

from pydantic import Field, field_validator, model_validator

from models.config.choices import NegativeRule
from models.config.settings import Settings
from models.formats.features import UNKNOWN_GROUP
from models.formats.listing import quoted
from models.formats.texts import whole_number

Value = Union[bool, int, float, str]


class TaskLabelSettings(Settings):
    """A task: the column it is read from, and the rules that make a row positive or negative."""

    name: str = Field(min_length=1, description="name of the task in settings, metrics and reports")
    column: str = Field(description="column that the label is read from")
    positive: str = Field(
        description="rule that makes a row positive, an operator and a literal: `> 0`, `>= 4`, `== 1`, "
        '`== ">50K"`, `!= "none"`, `in [1, 2]`'
    )
    negative: Optional[str] = Field(
        None,
        description="rule that makes a row negative, in the same form, after which a value that matches neither rule "
        "is an error; absent = every other value is negative",
    )
    missing: tuple[Value, ...] = Field(
        (),
        description="values that leave the label unknown, beside missing ones; such rows count in no loss and metric "
        "of the task",
    )


class GroupSettings(Settings):
    """A group key: values of a column, bands of a number, or a crossing of other keys.

    Missing values become "unknown", which is no group: such rows train the tasks and count in no gap.
    """

    name: str = Field(min_length=1, description="name of the group key in settings, metrics and reports")
    column: Optional[str] = Field(
        None, description="column that the groups are read from; absent where `cross` is given"
    )
    values: Optional[dict[str, str]] = Field(
        None,
        description="value of the column → name of its group, where other values are errors unless `other` names "
        "their group; absent = each value is a group, or `buckets` makes them",
    )
    other: Optional[str] = Field(
        None, description="name of the group of all values that `values` does not list; absent = they are errors"
    )
    buckets: Optional[tuple[Union[int, float], ...]] = Field(
        None,
        description="ascending cuts of a number: [18, 30] makes the groups below 18, 18 to below 30, and 30 and "
        "above; absent = groups are values",
    )
    labels: Optional[tuple[str, ...]] = Field(
        None, description="names of the groups that `buckets` makes, one more than cuts; made of the cuts where absent"
    )
    cross: Optional[tuple[str, ...]] = Field(
        None,
        description="two or more group keys declared above, whose combinations are the groups; absent where `column` "
        "is given",
    )

    @field_validator("values")
    @classmethod
    def _as_the_log_is_read(cls, values: Optional[dict[str, str]]) -> Optional[dict[str, str]]:
        """A whole number is its integer's text there, however a file or these settings write it."""
        if values is None:
            return None
        read: dict[str, str] = {}
        for value, name in values.items():
            if read.setdefault(whole_number(value), name) != name:
                raise ValueError(
                    f"`values` should name {whole_number(value)!r} once, as which {value!r} is read. "
                    f"Received: {read[whole_number(value)]!r} and {name!r}"
                )
        return read

    @model_validator(mode="after")
    def _one_form(self) -> GroupSettings:
        if (self.column is None) == (self.cross is None):
            raise ValueError("a group needs `column` or `cross`, and not both")
        if self.cross is not None:
            if len(self.cross) < 2:
                raise ValueError("`cross` needs two group names or more")
            if self.values or self.buckets or self.labels or self.other:
                raise ValueError("`values`, `other`, `buckets` and `labels` go with `column`, not with `cross`")
        if self.values is not None and self.buckets is not None:
            raise ValueError("`values` and `buckets` exclude each other")
        if self.other is not None and self.values is None:
            raise ValueError("`other` goes with `values`")
        if self.buckets is not None:
            finite = all(abs(cut) <= sys.float_info.max for cut in self.buckets)
            if not finite or list(self.buckets) != sorted(set(self.buckets)) or not self.buckets:
                raise ValueError(f"`buckets` should be finite and ascending. Received: {list(self.buckets)}")
            if self.labels is not None and len(self.labels) != len(self.buckets) + 1:
                raise ValueError(
                    f"`labels` should hold {len(self.buckets) + 1} names for {len(self.buckets)} cuts. "
                    f"Received: {list(self.labels)}"
                )
        elif self.labels is not None:
            raise ValueError("`labels` goes with `buckets`")
        return self


class NegativeSplitterSettings(Settings):
    """All that NegativeSplitter depends on."""

    tasks: tuple[TaskLabelSettings, ...] = Field(min_length=1, description="tasks, with the rules that make labels")
    groups: tuple[GroupSettings, ...] = Field(min_length=1, description="group keys, with the rules that make groups")
    rule: NegativeRule = Field(
        "all_others_positive",
        description="which negatives are specific to a task: those positive for every other task whose label is known "
        "(the MTA-F paper), or for at least one",
    )
    min_specific: int = Field(50, ge=1, description="specific negatives in a group below which the run warns")

    @model_validator(mode="after")
    def _names(self) -> NegativeSplitterSettings:
        for what, names in (("task", [t.name for t in self.tasks]), ("group", [g.name for g in self.groups])):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{what} `{name}` stands twice")
        known: list[str] = []
        for group in self.groups:
            for part in group.cross or ():
                if part not in known:
                    raise ValueError(
                        f"group `{group.name}` crosses `{part}`, which is no group declared before it; those are "
                        f"{quoted(known)}"
                    )
            known.append(group.name)
            named = set((group.values or {}).values()) | set(group.labels or ()) | {group.other}
            if UNKNOWN_GROUP in named and group.other != UNKNOWN_GROUP:
                raise ValueError(f"group `{group.name}`: the name `{UNKNOWN_GROUP}` is kept for missing values")
        return self
