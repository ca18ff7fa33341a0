"""Which columns the settings read, and whether as numbers or as texts."""

from __future__ import annotations

from collections.abc import Iterable

from components.negative_splitter.columns import ColumnKind
from components.negative_splitter.negatives import TaskRules
from components.negative_splitter.settings import NegativeSplitterSettings
from models.formats.cuts import Number

Use = tuple[str, ColumnKind, str]


def task_column_kinds(settings: NegativeSplitterSettings) -> dict[str, ColumnKind]:
    """Columns of the tasks, each with the kind in which the log has to be written for the rules to read it.

    Raises:
        ValueError: A rule cannot be read, or two uses of a column need different kinds.
    """
    return _merge(_task_uses(settings))


def group_column_kinds(settings: NegativeSplitterSettings) -> dict[str, ColumnKind]:
    """Columns of the groups: numbers where a group has ``buckets``, texts otherwise (0/1 flags too: "0" and "1").

    Raises:
        ValueError: Two uses of a column need different kinds.
    """
    return _merge(_group_uses(settings))


def column_kinds(settings: NegativeSplitterSettings) -> dict[str, ColumnKind]:
    """Columns of tasks and groups together; raises ValueError like the two above."""
    return _merge([*_task_uses(settings), *_group_uses(settings)])


def number_cuts(settings: NegativeSplitterSettings) -> dict[str, list[Number]]:
    """The numbers that the rules of tasks and the buckets of groups compare each column with, ascending.

    Raises:
        ValueError: A rule cannot be read.
    """
    cuts: dict[str, set[Number]] = {}
    for task in settings.tasks:
        rules = TaskRules.parse(task)
        for rule in (rules.positive, rules.negative, rules.missing):
            if rule is not None and rule.column_kind == "number":
                cuts.setdefault(task.column, set()).update(rule.literals)  # type: ignore[arg-type]
    for group in settings.groups:
        if group.buckets is not None:
            cuts.setdefault(str(group.column), set()).update(group.buckets)
    return {column: sorted(numbers) for column, numbers in sorted(cuts.items())}


def _task_uses(settings: NegativeSplitterSettings) -> list[Use]:
    rules = [TaskRules.parse(task) for task in settings.tasks]
    return [(r.column, r.positive.column_kind, f"task `{r.name}` (`positive: {r.positive.text}`)") for r in rules]


def _group_uses(settings: NegativeSplitterSettings) -> list[Use]:
    uses: list[Use] = []
    for group in settings.groups:
        if group.column is not None:
            kind: ColumnKind = "number" if group.buckets is not None else "string"
            uses.append((group.column, kind, f"group `{group.name}` ({'with' if group.buckets else 'no'} `buckets`)"))
    return uses


def _merge(uses: Iterable[Use]) -> dict[str, ColumnKind]:
    kinds: dict[str, tuple[ColumnKind, str]] = {}
    for column, kind, use in uses:
        known, first = kinds.setdefault(column, (kind, use))
        if known != kind:
            raise ValueError(
                f"column `{column}`: {first} reads it as a {known}, {use} as a {kind}; write the rules for one kind, or "
                f"give the group `buckets` to read a number"
            )
    return {column: kind for column, (kind, _) in kinds.items()}
