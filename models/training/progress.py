"""What a training tells while it runs: a line per epoch, and TensorBoard's scalars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from models.data.counting import OutcomeCounts

# Figures of an epoch that it may be selected by, beside the loss.
SELECTION_FIGURES = ("worst_group_error", "worst_cell_error")


def epoch_line(record: Mapping[str, Any], epochs: int, best: bool) -> str:
    """One line: the epoch, its time, both losses, and each task's validation figures and fairness terms.

    What comes before the first ``|`` is short enough for a terminal; the gaps that λ is learned from belong to it.
    """
    loss = record["loss"]
    stage = f"{record['stage']}: " if "stage" in record else ""
    parts = [
        f"{stage}epoch {record['epoch'] + 1}/{epochs}  {record['seconds']:.1f} s  {record['rows_per_second']:,.0f} rows/s  "
        f"loss train {loss['train']:.4f} validation {loss['validation']:.4f}{' (best)' if best else ''}"
    ]
    for task, figures in record["tasks"].items():
        if "strength" in figures:
            parts[0] += f"  {task}: FPR gap {figures['validation']['fpr_gap']:.4f} λ {figures['strength']:.3g}"
    for figure in SELECTION_FIGURES:
        if figure in record:
            parts.append(f"{figure.replace('_', ' ')} {record[figure]:.4f}")
    for task, figures in record["tasks"].items():
        validation = figures["validation"]
        text = f"{task}: loss {validation['loss']:.4f} AUC {validation['auc']:.4f}"
        if "fpr_gap" in validation:
            text += f" FPR gap {validation['fpr_gap']:.4f}"
        if "strength" in figures:
            text += f" λ {figures['strength']:.4g}"
        for part, value in figures["train"]["fairness"].items():
            text += f" fairness/{part} {value:.5f}"
        parts.append(text)
    return "  |  ".join(parts)


class EpochLog:
    """TensorBoard scalars, one step per epoch.

    Args:
      folder: For the event files.
    """

    def __init__(self, folder: str) -> None:
        self._writer = tf.summary.create_file_writer(folder)

    def write_counts(self, counts: OutcomeCounts) -> None:
        """Rows of train by task, group and outcome, at step 0: they say how much each fairness term rests on."""
        with self._writer.as_default(step=0):
            for task, figures in counts.to_json()["tasks"].items():
                for key, outcomes in figures["groups"].items():
                    for outcome, values in outcomes.items():
                        for value, rows in enumerate(values):
                            tf.summary.scalar(f"{task}/rows/{outcome}/{key}_{value}", rows)
        self._writer.flush()

    def write(self, record: Mapping[str, Any], gate_names: Mapping[str, Sequence[str]] = MappingProxyType({})) -> None:
        """An epoch's record, as ``Trainer`` makes it; ``gate_names`` are the network's."""
        with self._writer.as_default(step=record["epoch"] + 1):
            for split, loss in record["loss"].items():
                tf.summary.scalar(f"loss/{split}", loss)
            tf.summary.scalar("rows_per_second", record["rows_per_second"])
            for figure in SELECTION_FIGURES:
                if figure in record:
                    tf.summary.scalar(f"{figure}/validation", record[figure])
            for task, figures in record["tasks"].items():
                for name in ("weight", "strength"):
                    if name in figures:
                        tf.summary.scalar(f"{task}/{name}", figures[name])
                for gate, weight in zip(gate_names.get(task, ()), figures.get("gates", ()), strict=True):
                    tf.summary.scalar(f"{task}/gate/{gate}", weight)
                for part, value in figures["train"]["fairness"].items():
                    tf.summary.scalar(f"{task}/fairness/{part}", value)
                for split in ("train", "validation"):
                    for name, value in figures[split].items():
                        if name != "fairness":
                            tf.summary.scalar(f"{task}/{name}/{split}", value)
        self._writer.flush()
