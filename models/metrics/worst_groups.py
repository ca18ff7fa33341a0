"""Worst-group error on the validation split, by which the kept epoch may be chosen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Optional, Protocol

import numpy as np


class Scores(Protocol):
    """One task's rows whose label is known: what ``models.metrics.task_scores.TaskScores`` holds."""

    @property
    def probabilities(self) -> np.ndarray:
        """float [n]."""

    @property
    def labels(self) -> np.ndarray:
        """bool [n]."""

    @property
    def groups(self) -> Mapping[str, np.ndarray]:
        """Group key → int [n], −1 = no group."""


@dataclasses.dataclass(frozen=True)
class GroupError:
    """The share of wrong predictions in a group, or in a cell label × group.

    Attributes:
      group: Its id.
      label: Of the cell; None for a whole group.
      rows: How many it has.
      error: Share of them that are predicted wrongly.
    """

    group: int
    label: Optional[bool]
    rows: int
    error: float


def group_errors(
    scores: Scores, group: str, threshold: float, *, cells: bool = False, min_rows: int = 1
) -> list[GroupError]:
    """Errors of one task in every group, or cell, with at least ``min_rows`` rows.

    Args:
      scores: The task's.
      group: Group key.
      threshold: A row is predicted positive above it.
      cells: Whether to tell the labels apart: the errors are then the groups' false positive and false negative rates.
      min_rows: Rows below which a rate says too little.

    Returns:
      In the order of groups, negatives before positives.
    """
    ids, labels = scores.groups[group], scores.labels
    wrong = (scores.probabilities > threshold) != labels
    errors = []
    for value in range(int(ids.max(initial=-1)) + 1):
        for label in (False, True) if cells else (None,):
            rows = (ids == value) if label is None else (ids == value) & (labels == label)
            count = int(rows.sum())
            if count >= max(min_rows, 1):
                errors.append(GroupError(value, label, count, float(wrong[rows].mean())))
    return errors


def worst_group_error(
    scores: Mapping[str, Scores],
    group: str,
    thresholds: Mapping[str, float],
    *,
    cells: bool = False,
    min_rows: int = 1,
) -> float:
    """The largest error over groups (cells), averaged over tasks.

    Args:
      scores: By task.
      group: Group key.
      thresholds: By task, probabilities.
      cells: Whether over label × group.
      min_rows: As in ``group_errors``.

    Returns:
      In [0, 1]; lower is better.

    Raises:
      ValueError: A task has no group with enough rows.
    """
    worst = []
    for task, rows in scores.items():
        errors = group_errors(rows, group, thresholds[task], cells=cells, min_rows=min_rows)
        if not errors:
            what = "cell of label and group" if cells else "value of group"
            raise ValueError(
                f"task `{task}`: there is no worst-group error to select by, since no {what} `{group}` has {min_rows} "
                f"validation rows with a known label. Received: {len(rows.labels)} rows with a label"
            )
        worst.append(max(error.error for error in errors))
    return float(np.mean(worst))
