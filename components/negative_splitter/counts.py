"""Counts of labels and kinds of negatives per split, task and group: small sums that add up in any order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from components.negative_splitter.columns import Column
from components.negative_splitter.groups import GroupValues
from models.formats.features import SHARED_NEGATIVE, SPECIFIC_NEGATIVE, UNDETERMINED_NEGATIVE

# What a row is for a task; every row is in one cell.
UNLABELLED, POSITIVE, SHARED, SPECIFIC, UNDETERMINED = range(5)
CELLS = 5
KINDS = {"shared": SHARED, "specific": SPECIFIC, "undetermined": UNDETERMINED}

# Counts are held in memory for each value: a key with more values than this is an identifier, not a group.
MAX_GROUP_VALUES = 10_000

_CELL_OF_KIND = {SHARED_NEGATIVE: SHARED, SPECIFIC_NEGATIVE: SPECIFIC, UNDETERMINED_NEGATIVE: UNDETERMINED}


def task_cells(labels: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Cell of each row and task, int8 [rows, tasks], from labels (1, 0, -1 unknown) and kinds of negatives."""
    cells = np.where(labels == 1, POSITIVE, UNLABELLED).astype(np.int8)
    for kind, cell in _CELL_OF_KIND.items():
        cells[kinds == kind] = cell
    return cells


@dataclass
class SplitCounts:
    """Counts of one split.

    Attributes:
        rows: Number of rows.
        present: Per column of a task or group, the rows that have a value.
        groups: Per group key and value, int64 [tasks, cells].
    """

    rows: int = 0
    present: dict[str, int] = field(default_factory=dict)
    groups: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def add(self, other: SplitCounts, split: str) -> None:
        """Adds ``other`` to these counts.

        Raises:
            ValueError: A group key has more than ``MAX_GROUP_VALUES`` values.
        """
        self.rows += other.rows
        for column, rows in other.present.items():
            self.present[column] = self.present.get(column, 0) + rows
        for key, values in other.groups.items():
            mine = self.groups.setdefault(key, {})
            for value, counts in values.items():
                mine[value] = mine[value] + counts if value in mine else counts
            if len(mine) > MAX_GROUP_VALUES:
                raise ValueError(
                    f"group `{key}`, split `{split}`: more than {MAX_GROUP_VALUES} values; map them with `values` and "
                    f"`other`, or cut a number with `buckets`"
                )


def count_batch(cells: np.ndarray, groups: Mapping[str, GroupValues], columns: Mapping[str, Column]) -> SplitCounts:
    """Counts of one batch.

    Args:
        cells: int8 [rows, tasks], see ``task_cells``.
        groups: Values of the group keys.
        columns: The columns of tasks and groups.
    """
    rows, tasks = cells.shape
    task_offsets = np.arange(tasks) * CELLS
    counts = SplitCounts(rows, {name: int(column.present.sum()) for name, column in columns.items()})
    for key, group in groups.items():
        flat = group.codes[:, None] * (tasks * CELLS) + task_offsets + cells
        table = np.bincount(flat.ravel(), minlength=len(group.names) * tasks * CELLS)
        table = table.reshape(len(group.names), tasks, CELLS)
        counts.groups[key] = {name: table[i] for i, name in enumerate(group.names) if table[i].any()}
    return counts


Counts = dict[str, SplitCounts]


def merge_counts(parts: Iterable[Counts]) -> Counts:
    """Sums counts per split: the combiner of the Beam pipeline (associative, commutative, {} is its zero)."""
    total: Counts = {}
    for part in parts:
        for split, counts in part.items():
            total.setdefault(split, SplitCounts()).add(counts, split)
    return total


def dump_counts(counts: Counts) -> dict[str, Any]:
    """Counts as plain numbers, lists and texts; ``load_counts`` reads them back."""
    return {
        split: {
            "rows": c.rows,
            "present": c.present,
            "groups": {key: {v: cells.tolist() for v, cells in values.items()} for key, values in c.groups.items()},
        }
        for split, c in counts.items()
    }


def load_counts(dumped: dict[str, Any]) -> Counts:
    """Inverse of ``dump_counts``."""
    return {
        split: SplitCounts(
            c["rows"],
            c["present"],
            {key: {v: np.asarray(cells) for v, cells in values.items()} for key, values in c["groups"].items()},
        )
        for split, c in dumped.items()
    }


def counts_to_json(counts: Counts, splits: Sequence[str], tasks: Sequence[str]) -> dict[str, Any]:
    """Counts as ``counts.json`` has them.

    Args:
        counts: Counts per split.
        splits: Order of the splits.
        tasks: Names of the tasks in the order of the counts.

    Returns:
        {split: {"rows": n, "tasks": {task: {"known", "positives", "kinds": {kind: n}, "groups": {key: {value: {"rows",
        "known", "positives", kind: n}}}}}}}, values ascending.
    """
    return {split: _split_to_json(counts.get(split, SplitCounts()), tasks) for split in splits}


def _split_to_json(counts: SplitCounts, tasks: Sequence[str]) -> dict[str, Any]:
    result: dict[str, Any] = {"rows": counts.rows, "tasks": {}}
    for index, task in enumerate(tasks):
        cells = {
            key: {value: values[value][index] for value in sorted(values)} for key, values in counts.groups.items()
        }
        # Every row has one value of each key ("unknown" included), so any key gives the task's totals.
        first = next(iter(cells.values()), {})
        total = sum(first.values(), np.zeros(CELLS, np.int64))
        result["tasks"][task] = {
            "known": int(total[POSITIVE:].sum()),
            "positives": int(total[POSITIVE]),
            "kinds": {kind: int(total[cell]) for kind, cell in KINDS.items()},
            "groups": {key: {v: _cells_to_json(c) for v, c in values.items()} for key, values in cells.items()},
        }
    return result


def _cells_to_json(cells: np.ndarray) -> dict[str, int]:
    return {
        "rows": int(cells.sum()),
        "known": int(cells[POSITIVE:].sum()),
        "positives": int(cells[POSITIVE]),
        **{kind: int(cells[cell]) for kind, cell in KINDS.items()},
    }
