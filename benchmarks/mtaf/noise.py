"""How much of a fairness loss is noise: its value on batches of fixed scores, against that on all rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from rich.console import Console

from benchmarks.mtaf import results
from benchmarks.mtaf.grid import LOSSES, NONE, Setting, Size
from benchmarks.mtaf.parts import PARTS
from models.config.settings import FairnessSettings
from models.fairness.base import FairnessLoss
from models.fairness.registry import build_fairness_loss
from models.formats.features import UNKNOWN_GROUP
from models.training.fitting import Report
from models.training.sweep import Outcomes

BATCH_SIZES = (128, 512, 1024, 4096)
ROWS = ("all negatives", "task-specific")
KINDS = ("in_batch", "balanced")
_DRAWS: dict[Size, int] = {"minimum": 200, "full": 2000}


def specific(outcomes: Outcomes, task: int) -> np.ndarray:
    """Negatives of a task whose other known labels are all positive, of which there is one: bool [n]."""
    known = outcomes.known > 0
    others = np.delete(np.arange(known.shape[1]), task)
    positive = (outcomes.labels[:, others] > 0) | ~known[:, others]
    return negative(outcomes, task) & positive.all(axis=1) & known[:, others].any(axis=1)


def negative(outcomes: Outcomes, task: int) -> np.ndarray:
    """Known negatives of a task: bool [n]."""
    return (outcomes.known[:, task] > 0) & (outcomes.labels[:, task] == 0)


def draws(
    rows: np.ndarray, group: np.ndarray, size: int, kind: str, count: int, generator: np.random.Generator
) -> Iterator[np.ndarray]:
    """Row numbers of batches.

    Args:
      rows: bool [n], those that the loss compares.
      group: int [n], −1 where a row belongs to no group.
      size: Of a batch: ``in_batch`` of any rows, ``balanced`` of ``rows`` with the groups in equal shares.
      kind: See above.
      count: Of batches.
      generator: Of the draws.
    """
    by_group = [np.flatnonzero(rows & (group == value)) for value in range(group.max() + 1)]
    for _ in range(count):
        if kind == "in_batch":
            yield generator.choice(len(rows), size, replace=False)
        else:
            share = size // len(by_group)
            # Without replacement while there are rows enough, as training draws them.
            yield np.concatenate([generator.choice(own, share, replace=len(own) < share) for own in by_group])


def noise(
    loss: FairnessLoss,
    scores: np.ndarray,
    group: np.ndarray,
    rows: np.ndarray,
    batches: Iterator[np.ndarray],
) -> tuple[float, np.ndarray]:
    """The loss on all rows, and on each batch.

    Args:
      loss: To measure.
      scores: Probabilities [n].
      group: int [n].
      rows: bool [n], those that the loss compares.
      batches: Row numbers of each.
    """
    compiled = tf.function(lambda s, g, m: loss(s, g, m), reduce_retracing=True, autograph=False)

    def value(of: np.ndarray) -> float:
        arguments = (tf.constant(scores[of], tf.float32), tf.constant(group[of], tf.int32), tf.constant(rows[of]))
        return float(compiled(*arguments))

    return value(np.flatnonzero(rows)), np.array([value(batch) for batch in batches])


def run(size: Size, console: Console, report: Report, folder: Path) -> None:
    """Measures the noise on Adult's test scores of the model without a fairness loss, and writes ``noise.csv``."""
    from benchmarks.mtaf.running import one_model

    part = PARTS["adult"]
    data, result = one_model(part, Setting(NONE), size, console, report)
    assert result.trained is not None
    results.write(folder, "noise", table(result.trained.test_scores, data.outcomes, result.trained.thresholds, size))


def table(scores: np.ndarray, outcomes: Outcomes, thresholds: dict[str, float], size: Size) -> pd.DataFrame:
    """A row for each task, loss, set of rows, kind of batch and batch size.

    Args:
      scores: [n, T].
      outcomes: Of the same rows; the first group key is compared.
      thresholds: Task → decision threshold.
      size: Of the experiment.
    """
    names = outcomes.groups[next(iter(outcomes.groups))]
    values = sorted(set(names.tolist()) - {UNKNOWN_GROUP})
    group = np.array([values.index(name) if name in values else -1 for name in names.tolist()])
    found = []
    for index, task in enumerate(outcomes.tasks):
        sets = dict(zip(ROWS, (negative(outcomes, index), specific(outcomes, index)), strict=True))
        for name in LOSSES:
            loss = build_fairness_loss(FairnessSettings(loss=name), len(values), tf.constant(thresholds[task]))
            for (kind, rows), batch in ((pair, b) for pair in _pairs() for b in BATCH_SIZES):
                generator = np.random.default_rng(batch)
                batches = draws(sets[rows], group, batch, kind, _DRAWS[size], generator)
                whole, drawn = noise(loss, scores[:, index], group, sets[rows], batches)
                found.append(
                    {
                        "task": task,
                        "loss": name,
                        "rows": rows,
                        "batches": kind,
                        "batch_size": batch,
                        "draws": len(drawn),
                        "rows_in_batch": round(batch * sets[rows].mean()) if kind == "in_batch" else batch,
                        "whole": round(whole, 6),
                        "mean": round(float(drawn.mean()), 6),
                        "sd": round(float(drawn.std(ddof=1)), 6) if len(drawn) > 1 else math.nan,
                    }
                )
    return pd.DataFrame(found)


def _pairs() -> list[tuple[str, str]]:
    return [(kind, rows) for kind in KINDS for rows in ROWS]
