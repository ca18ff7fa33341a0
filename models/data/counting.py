"""One pass over a split's outcomes: rows by task, group, label and kind of negative."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from models.data.input_pipeline import Batch, ExampleSource, outcome_batches
from models.data.row_sets import row_sets
from models.formats.features import SPECIFIC_NEGATIVE

_KINDS = 4
_BATCH = 8192


@dataclasses.dataclass(frozen=True)
class OutcomeCounts:
    """Counts of a split.

    Attributes:
      split: Its name, for messages.
      rows: All rows.
      cells: Task → group key → int64 [1 + groups, 2, 4]: rows whose label is known, by group (first those of no group),
        label and kind of negative.
      specific: Task → int64 [sets, groups]: rows specific to the task in each of the sets that the fairness loss is
        computed on (negatives, positives), by value of the fairness group; empty without one.
    """

    split: str
    rows: int
    cells: Mapping[str, Mapping[str, np.ndarray]]
    specific: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

    def known(self, task: str) -> int:
        """Rows whose label of ``task`` is known."""
        return int(self._any_group(task).sum())

    def positives(self, task: str) -> int:
        """Rows that are positive for ``task``."""
        return int(self._any_group(task)[1].sum())

    def base_rate(self, task: str) -> float:
        """Share of positives among the known labels of ``task``."""
        return self.positives(task) / self.known(task)

    def label_counts(self, task: str, group: str) -> np.ndarray:
        """int64 [groups, 2]: rows whose label of ``task`` is known, by value of ``group`` and label."""
        return self.cells[task][group][1:].sum(axis=2)

    def require_labels(self) -> OutcomeCounts:
        """Itself.

        Raises:
          ValueError: The split has no rows, or none whose label of some task is known.
        """
        if not self.rows:
            raise ValueError(f"split `{self.split}` has no rows")
        for task in self.cells:
            if not self.known(task):
                raise ValueError(
                    f"split `{self.split}` has {self.rows} rows, and none with a known label of task `{task}`"
                )
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain values, the groups of each key in the order of their ids."""
        tasks = {
            task: {
                "known": self.known(task),
                "positives": self.positives(task),
                "groups": {
                    key: {
                        "positives": cells[1:, 1].sum(axis=1).tolist(),
                        "negatives": cells[1:, 0].sum(axis=1).tolist(),
                        "specific_negatives": cells[1:, 0, SPECIFIC_NEGATIVE].tolist(),
                    }
                    for key, cells in groups.items()
                },
            }
            for task, groups in self.cells.items()
        }
        return {"rows": self.rows, "tasks": tasks}

    def _any_group(self, task: str) -> np.ndarray:
        """int64 [2, 4], by label and kind of negative."""
        return next(iter(self.cells[task].values())).sum(axis=0)


def count_outcomes(
    source: ExampleSource, n_groups: Mapping[str, int], on: str = "negatives", group: Optional[str] = None
) -> OutcomeCounts:
    """Counts the rows of ``source`` in one streaming pass that parses no feature.

    Args:
      source: A split.
      n_groups: Group key → number of its values.
      on: The rows of the fairness loss: ``negatives``, ``positives`` or ``both``.
      group: The group key of the fairness loss; None counts no specific rows.

    Returns:
      The counts.
    """
    cells = {
        task: {key: np.zeros([1 + n_groups[key], 2, _KINDS], np.int64) for key in source.groups}
        for task in source.tasks
    }
    specific: dict[str, Any] = {}
    rows = 0
    for batch in outcome_batches(source, batch_size=_BATCH).as_numpy_iterator():
        rows += len(next(iter(batch["weights"].values())))
        for task in source.tasks:
            _add_cells(cells[task], batch, task)
            if group is not None:
                specific[task] = specific.get(task, 0) + _specific_rows(batch, task, on, group, n_groups[group])
    return OutcomeCounts(source.split, rows, cells, specific)


def _add_cells(cells: Mapping[str, np.ndarray], batch: Batch, task: str) -> None:
    known = batch["weights"][task] > 0
    outcome = (batch["labels"][task].astype(np.int64) * _KINDS + batch["kinds"][task])[known]
    for key, counts in cells.items():
        index = (batch["groups"][key][known] + 1) * 2 * _KINDS + outcome
        counts += np.bincount(index, minlength=counts.size).reshape(counts.shape)


def _specific_rows(batch: Batch, task: str, on: str, group: str, n_groups: int) -> np.ndarray:
    """int64 [sets, groups]."""
    ids = batch["groups"][group]
    masks = [
        np.asarray(rows.specific) & (ids >= 0)
        for rows in row_sets(on, task, batch["labels"], batch["weights"], batch["kinds"])
    ]
    return np.stack([np.bincount(ids[mask], minlength=n_groups) for mask in masks])
