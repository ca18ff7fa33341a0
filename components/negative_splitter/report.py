"""What the counts say: errors that stop the run, and warnings in plain words."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

from components.negative_splitter.counts import Counts, SplitCounts
from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings, TaskLabelSettings
from models.formats.features import UNKNOWN_GROUP
from models.formats.listing import listed, quoted

TRAIN, TEST = "train", "test"

# What logs write where a value is missing: in small letters, without quotes, brackets and white space around it.
MISSING_MARKS = frozenset(
    r"""
    |\n|n/a|n.a.|n.a|na|#n/a|#na|nan|-nan|nat|null|#null!|nil|none|void|-|--|---|–|—|.|..|...|?|??|???|*|#|_|/
    |missing|__missing__|undefined|undef|unspecified|not specified|not available|not applicable|not provided|not stated
    |not known|no data|no value|blank|empty|unk|unknown|__unknown__|-1|-9|-99|-999|-9999
    """.replace("\n    |", "|")
    .strip(" \n")
    .split("|")
)

_AROUND = string.whitespace + "\u00a0\"'`()<>[]"


def check_columns(
    counts: Counts, settings: NegativeSplitterSettings, splits: Sequence[str], columns_in: Callable[[str], list[str]]
) -> None:
    """Checks that every split has rows and every column of a task or group a value in each split.

    Args:
        counts: Counts per split.
        settings: The splitter's settings.
        splits: The splits that were read.
        columns_in: Gives the columns found in a split; called for the message only.

    Raises:
        ValueError: Lists all that is missing.
    """
    problems = []
    uses = [(f"task `{task.name}`", task.column) for task in settings.tasks]
    uses += [(f"group `{group.name}`", group.column) for group in settings.groups if group.column is not None]
    for split in splits:
        if split not in counts or not counts[split].rows:
            problems.append(f"split `{split}`: expected rows. Received: none")
            continue
        absent = [(use, column) for use, column in uses if not counts[split].present.get(column, 0)]
        problems += [
            f"split `{split}`, {use}: column `{column}` has no value in any of {counts[split].rows:,} rows"
            for use, column in absent
        ]
        if absent:
            problems.append(f"split `{split}`: columns found are {quoted(columns_in(split))}")
    _raise("the examples lack what the tasks and groups read", problems)


def check_labels(report: dict[str, Any], settings: NegativeSplitterSettings) -> None:
    """Checks that every split has positives and negatives of each task, and two values or more of each group.

    On train that is for the task's rule to see to. On another split it is for how the log was split: without positives, or
    without negatives, no threshold can be fixed and no figure of the task is defined, so that training would be in vain.

    Args:
        report: Counts as JSON, see ``counts_to_json``.
        settings: The splitter's settings.

    Raises:
        ValueError: Lists each rule that matches nothing or everything, each split that lacks positives or negatives of a
            task, and each group with fewer than two values.
    """
    problems = []
    for split, counts in report.items():
        for task in settings.tasks:
            problems += _rule_problems(task, counts["tasks"][task.name]) if split == TRAIN else []
            problems += _one_sided(task, split, counts["tasks"][task.name]) if split != TRAIN else []
    for split, counts in report.items():
        for group in settings.groups:
            problems += _group_problems(group, split, counts, settings.tasks[0].name)
    _raise("nothing can be learnt or measured from these labels and groups", problems)


def _group_problems(group: GroupSettings, split: str, counts: dict[str, Any], task: str) -> list[str]:
    values = [value for value in counts["tasks"][task]["groups"][group.name] if value != UNKNOWN_GROUP]
    if len(values) >= 2:
        return []
    return [
        f"group `{group.name}` ({_source(group)}): expected two values or more in split `{split}`. Received: "
        f"{quoted(values)}, and {UNKNOWN_GROUP} in {_unknown(counts, task, group):,} of {counts['rows']:,} rows"
    ]


def warnings(report: dict[str, Any], settings: NegativeSplitterSettings) -> list[str]:
    """Sentences on cells that are too small to train or measure on, in the order of splits, tasks and groups."""
    found = []
    if len(settings.tasks) == 1:
        found.append(
            f"Task `{settings.tasks[0].name}` is the only one: its negatives are neither shared nor specific, so the modes "
            f"`mtaf` and `mtaf_difference` have no fairness term; use `vanilla`."
        )
    for split, counts in report.items():
        for name, task in counts["tasks"].items():
            if split in (TRAIN, TEST):
                for key, values in task["groups"].items():
                    known = {value: cells for value, cells in values.items() if value != UNKNOWN_GROUP}
                    found += _no_negatives(split, name, key, known)
                    if len(settings.tasks) > 1:
                        found += _few_specific(split, name, key, known, settings)
    return found


def value_warnings(counts: Counts, settings: NegativeSplitterSettings) -> list[str]:
    """Sentences on groups of which the log alone says that they are none, or of which nothing would tell that they are.

    Args:
        counts: Counts per split.
        settings: The splitter's settings. Where a group has ``values``, somebody has looked at them.
    """
    found = []
    for group in settings.groups:
        if group.column is None or group.values is not None or group.buckets is not None:
            continue
        found += _missing_marks(counts, group)
        found += _taken_for_unknown(counts, group, group.column)
    return found


def _missing_marks(counts: Counts, group: GroupSettings) -> list[str]:
    values = sorted({value for split in counts.values() for value in split.groups.get(group.name, {})})
    marks = [v for v in values if v != UNKNOWN_GROUP and v.strip(_AROUND).casefold() in MISSING_MARKS]
    return [
        f"Group `{group.name}`, column `{group.column}`: the value {value!r} ({_rows(counts, group, value)}) looks like a "
        f"mark of missing values, and is a group of its own. List it under `read.missing`, or give it a name with `values`; "
        f"where it is a real value, nothing is to be done."
        for value in marks
    ]


def _taken_for_unknown(counts: Counts, group: GroupSettings, column: str) -> list[str]:
    # What is unknown and has a value all the same holds the word itself.
    rows = {
        split: _group_rows(found, group, UNKNOWN_GROUP) - (found.rows - found.present.get(column, 0))
        for split, found in counts.items()
    }
    told = listed(f"{number:,} rows of split `{split}`" for split, number in rows.items() if number > 0)
    if not told:
        return []
    return [
        f"Group `{group.name}`, column `{group.column}`: the value {UNKNOWN_GROUP!r} ({told}) is taken for a missing one: "
        f"its rows count in no gap. Where it is a group, give it another name with `values`."
    ]


def _rows(counts: Counts, group: GroupSettings, value: str) -> str:
    rows = {split: _group_rows(found, group, value) for split, found in counts.items()}
    train = rows.pop(TRAIN, 0)
    others = listed(f"{number:,} of `{split}`" for split, number in rows.items() if number)
    return f"{train:,} rows of split `{TRAIN}`" if train or not others else f"no row of split `{TRAIN}`, {others}"


def _group_rows(counts: SplitCounts, group: GroupSettings, value: str) -> int:
    cells = counts.groups.get(group.name, {}).get(value)
    return 0 if cells is None else int(cells[0].sum())


def _rule_problems(task: TaskLabelSettings, counts: dict[str, Any] | None) -> list[str]:
    if counts is None:
        return []
    known, positives = counts["known"], counts["positives"]
    rule = f"task `{task.name}`: `positive: {task.positive}` on column `{task.column}`"
    if not known:
        return [f"{rule}: every value in split `{TRAIN}` is one of `missing`: {listed(map(repr, task.missing))}"]
    if positives == 0:
        hint = "compare the literal's spelling, case and size with the column's values"
        return [f"{rule} matches none of {known:,} known values in split `{TRAIN}`; {hint}"]
    if positives == known:
        hint = "compare it with the column's values; a marker of missing labels belongs under `missing`"
        return [f"{rule} matches all of {known:,} known values in split `{TRAIN}`; {hint}"]
    return []


def _one_sided(task: TaskLabelSettings, split: str, counts: dict[str, Any]) -> list[str]:
    known, positives = counts["known"], counts["positives"]
    if 0 < positives < known:
        return []
    found = f"{positives:,} positives" if not positives else f"{known - positives:,} negatives"
    return [
        f"task `{task.name}` (column `{task.column}`): expected positives and negatives in split `{split}`. Received: "
        f"{found} among {known:,} known labels; give the split more rows, move the boundary of a split by time, or split "
        f"by hash"
    ]


def _no_negatives(split: str, task: str, key: str, values: dict[str, dict[str, int]]) -> list[str]:
    empty = {value: cells for value, cells in values.items() if cells["known"] == cells["positives"]}
    if not empty:
        return []
    named = listed(f"{value} ({_number(cells['rows'], 'row')})" for value, cells in empty.items())
    return [
        f"Task `{task}` has no negatives in split `{split}` for {key} = {named}: the false positive rate is undefined "
        f"there; merge groups, or use more rows."
    ]


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _few_specific(
    split: str, task: str, key: str, values: dict[str, dict[str, int]], settings: NegativeSplitterSettings
) -> list[str]:
    # Values without any negative have a warning of their own.
    few = {
        value: cells
        for value, cells in values.items()
        if cells["specific"] < settings.min_specific and cells["positives"] < cells["known"]
    }
    if not few:
        return []
    cells = listed((f"{value}: {c['specific']:,} of {c['known'] - c['positives']:,}" for value, c in few.items()), "; ")
    wider = "use rule any_other_positive, " if settings.rule == "all_others_positive" else ""
    return [
        f"Task `{task}` has fewer than {settings.min_specific} task-specific negatives in split `{split}` for {key} "
        f"(specific of all negatives; {cells}): {wider}merge groups, or expect "
        f"{'no fairness term for this head' if split == TRAIN else 'a gap that is mostly noise'}."
    ]


def _source(group: GroupSettings) -> str:
    return f"column `{group.column}`" if group.column is not None else f"crossing of {quoted(group.cross or ())}"


def _unknown(counts: dict[str, Any], task: str, group: GroupSettings) -> int:
    return counts["tasks"][task]["groups"][group.name].get(UNKNOWN_GROUP, {"rows": 0})["rows"]


def _raise(what: str, problems: list[str]) -> None:
    if problems:
        raise ValueError("\n  - ".join([f"NegativeSplitter: {what}:", *problems]))
