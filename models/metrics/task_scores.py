"""Scores and figures of a model on a split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.data.input_pipeline import ExampleSource


@dataclasses.dataclass(frozen=True)
class TaskScores:
    """One task's rows whose label is known, in the order of the files.

    Attributes:
      logits: float32 [n].
      labels: bool [n].
      groups: Group key → int32 [n], −1 = no group.
    """

    logits: np.ndarray
    labels: np.ndarray
    groups: Mapping[str, np.ndarray]

    @property
    def probabilities(self) -> np.ndarray:
        """float32 [n], as the SavedModel gives them."""
        return tf.sigmoid(self.logits).numpy()

    def loss(self) -> float:
        """Mean binary cross-entropy."""
        logits = self.logits.astype(np.float64)
        return float(np.mean(np.logaddexp(0.0, logits) - self.labels * logits))

    def auc(self) -> float:
        """Area under the ROC curve, ties counted half; NaN where one class is missing."""
        positives = int(self.labels.sum())
        negatives = len(self.labels) - positives
        if not positives or not negatives:
            return float("nan")
        _, inverse, counts = np.unique(self.logits, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
        return float((ranks[self.labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))

    def rate_gap(self, group: str, threshold: float, positives: bool = False) -> float:
        """Largest difference between groups of the false positive rate (true positive rate) at ``threshold``.

        NaN where fewer than two groups have such rows.
        """
        rows = (self.labels == positives) & (self.groups[group] >= 0)
        groups, decisions = self.groups[group][rows], self.probabilities[rows] > threshold
        counts = np.bincount(groups)
        rates = np.bincount(groups, weights=decisions)[counts > 0] / counts[counts > 0]
        return float(np.ptp(rates)) if len(rates) > 1 else float("nan")


def score_split(
    predict: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]], source: ExampleSource, batch_size: int
) -> dict[str, TaskScores]:
    """Scores a split; what stays in memory is scores, labels and groups, about ten bytes a row and task.

    Args:
      predict: Features to logits, compiled.
      source: The split.
      batch_size: Rows at a time.

    Returns:
      Task → its scores.
    """
    parts: dict[str, list[Any]] = {task: [] for task in source.tasks}
    for batch in source.batches(batch_size):
        logits = predict(batch["features"])
        groups = {name: ids.numpy().astype(np.int32) for name, ids in batch["groups"].items()}
        for task in source.tasks:
            known = batch["weights"][task].numpy() > 0
            parts[task].append(
                (
                    logits[task].numpy()[known],
                    batch["labels"][task].numpy()[known] > 0,
                    {name: ids[known] for name, ids in groups.items()},
                )
            )
    return {task: _joined(rows, source.groups) for task, rows in parts.items()}


def _joined(
    parts: Sequence[tuple[np.ndarray, np.ndarray, Mapping[str, np.ndarray]]], groups: Sequence[str]
) -> TaskScores:
    def join(arrays: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
        return np.concatenate([np.zeros([0], dtype), *arrays])

    return TaskScores(
        logits=join([logits for logits, _, _ in parts], np.float32),
        labels=join([labels for _, labels, _ in parts], bool),
        groups={name: join([ids[name] for _, _, ids in parts], np.int32) for name in groups},
    )
