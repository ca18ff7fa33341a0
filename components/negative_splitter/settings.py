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
    """A task: the column it is read from and the rule that makes a row positive.

    ``positive`` is an operator and a literal: ``> 0``, ``>= 4``, ``== 1``, ``== ">50K"``, ``!= "none"``, or ``in [1, 2]``.
    ``negative`` is a rule of the same form; where it is given, a value that matches neither rule is an error; where it is
    absent every other value is negative. A missing value (and one of ``missing``) leaves the label unknown.
    """

    name: str = Field(min_length=1)
    column: str
    positive: str
    negative: Optional[str] = None
    missing: tuple[Value, ...] = ()


class GroupSettings(Settings):
    """A group key: values of a column (``values`` maps them to names), bands of a number, or a crossing of other keys.

    ``buckets`` [18, 30] cuts into below 18, 18 to below 30, 30 and above, named by ``labels`` (one more than cuts). A
    value that ``values`` does not list is an error, unless ``other`` names what becomes of it. Missing values become
    "unknown", which is no group: such rows train the tasks and count in no gap.
    """

    name: str = Field(min_length=1)
    column: Optional[str] = None
    values: Optional[dict[str, str]] = None
    other: Optional[str] = None
    buckets: Optional[tuple[Union[int, float], ...]] = None
    labels: Optional[tuple[str, ...]] = None
    cross: Optional[tuple[str, ...]] = None

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
    """All that NegativeSplitter depends on.

    ``rule`` says which negatives are specific to a task: those positive for every other task whose label is known
    (the MTA-F paper), or for at least one. ``min_specific`` is the number of specific negatives in a group below which the
    run warns.
    """

    tasks: tuple[TaskLabelSettings, ...] = Field(min_length=1)
    groups: tuple[GroupSettings, ...] = Field(min_length=1)
    rule: NegativeRule = "all_others_positive"
    min_specific: int = Field(50, ge=1)

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
