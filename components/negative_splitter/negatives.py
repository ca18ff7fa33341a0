"""Labels of all tasks, and which of their negatives are shared and which specific to a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from components.negative_splitter.columns import Column
from components.negative_splitter.rules import Rule
from components.negative_splitter.settings import TaskLabelSettings
from models.config.choices import NegativeRule
from models.formats.features import NOT_A_NEGATIVE, SHARED_NEGATIVE, SPECIFIC_NEGATIVE, UNDETERMINED_NEGATIVE

UNKNOWN_LABEL = -1


@dataclass(frozen=True)
class TaskRules:
    """The parsed rules of a task; all of them read the column in one kind."""

    name: str
    column: str
    positive: Rule
    negative: Rule | None
    missing: Rule | None

    @classmethod
    def parse(cls, task: TaskLabelSettings) -> TaskRules:
        """Parses a task's settings.

        Raises:
            ValueError: A rule cannot be read, or the rules disagree on whether the column holds numbers or texts.
        """
        rules: dict[str, Rule | None] = {"negative": None, "missing": None}
        for key, text in (("positive", task.positive), ("negative", task.negative)):
            if text is not None:
                try:
                    rules[key] = Rule.parse(text)
                except ValueError as error:
                    raise ValueError(f"task `{task.name}`, key `{key}`: {error}") from error
        if task.missing:
            rules["missing"] = Rule.one_of(task.missing, f"task `{task.name}`, key `missing`")
        positive = rules["positive"]
        assert positive is not None
        for key, rule in rules.items():
            if rule is not None and rule.column_kind != positive.column_kind:
                raise ValueError(
                    f"task `{task.name}`: `positive: {positive.text}` reads column `{task.column}` as a "
                    f"{positive.column_kind}, `{key}: {rule.text}` as a {rule.column_kind}"
                )
        return cls(task.name, task.column, positive, rules["negative"], rules["missing"])


def task_labels(task: TaskRules, column: Column, split: str) -> np.ndarray:
    """Labels of one task.

    Args:
        task: The task's rules.
        column: Its column.
        split: Named in errors.

    Returns:
        int8 [rows]: 1, 0, or ``UNKNOWN_LABEL`` where the value is missing.

    Raises:
        ValueError: A ``negative`` rule is given and a value matches neither rule, or both.
    """
    known = column.present
    if task.missing is not None:
        known = known & ~task.missing.matches(column.values, column.cuts)
    positive = known & task.positive.matches(column.values, column.cuts)
    if task.negative is not None:
        negative = known & task.negative.matches(column.values, column.cuts)
        for wrong, matched in ((known & ~positive & ~negative, "neither"), (positive & negative, "both")):
            if wrong.any():
                link = "nor" if matched == "neither" else "and"
                raise ValueError(
                    f"task `{task.name}`, column `{column.name}`, split `{split}`: the value "
                    f"{column.text(int(wrong.argmax()))} matches {matched} `positive: {task.positive.text}` {link} "
                    f"`negative: {task.negative.text}`; each value has to match one, or be listed under `missing`"
                )
    return np.where(known, positive, UNKNOWN_LABEL).astype(np.int8)


def label_matrix(tasks: Sequence[TaskRules], columns: Mapping[str, Column], split: str) -> np.ndarray:
    """Labels of all tasks, int8 [rows, tasks] in the order of ``tasks``; see ``task_labels``."""
    return np.stack([task_labels(task, columns[task.column], split) for task in tasks], axis=1)


def negative_kinds(labels: np.ndarray, rule: NegativeRule) -> np.ndarray:
    """Sorts the negatives of every task into shared, specific and undetermined ones.

    The MTA-F paper's S_t = {y_t = 0 and y_u = 1 for every other task u} and H_t = N_t \\ S_t, for logs in which labels may
    be missing: "every other task" means every other task whose label is known, and where none is known the negative is
    undetermined. ``any_other_positive`` widens S_t to {y_t = 0 and y_u = 1 for some other task u}.

    Args:
        labels: int8 [rows, tasks] of 1, 0 and ``UNKNOWN_LABEL``.
        rule: Which negatives are specific.

    Returns:
        int8 [rows, tasks] of the constants in ``models.formats.features``. With one task all negatives are undetermined.
    """
    known = labels != UNKNOWN_LABEL
    positive = labels == 1
    # Counts over the other tasks: the row's total less the task's own.
    others_known = known.sum(axis=1, keepdims=True) - known
    others_positive = positive.sum(axis=1, keepdims=True) - positive
    specific = others_positive == others_known if rule == "all_others_positive" else others_positive > 0
    kinds = np.where(specific, SPECIFIC_NEGATIVE, SHARED_NEGATIVE)
    kinds = np.where(others_known == 0, UNDETERMINED_NEGATIVE, kinds)
    return np.where(known & ~positive, kinds, NOT_A_NEGATIVE).astype(np.int8)
