"""Decision thresholds: part of the model, fixed on validation scores."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.config.settings import ModelTask
from models.formats import strict_json

DECISION_FILE = os.path.join("assets.extra", "decision.json")


@dataclasses.dataclass(frozen=True)
class Decision:
    """How scores become predictions: positive where the score is above the task's threshold, as in TFMA.

    Attributes:
      thresholds: By task, probabilities.
      base_rate: By task, the share of positives among train's known labels.
      rule: By task, ``number`` or ``base_rate``.
      validation_rows: By task, rows that a ``base_rate`` threshold was fixed on.
    """

    thresholds: Mapping[str, float]
    base_rate: Mapping[str, float]
    rule: Mapping[str, str]
    validation_rows: Mapping[str, int]

    def save(self, model_dir: str) -> None:
        """Writes it into the SavedModel at ``model_dir``."""
        path = os.path.join(model_dir, DECISION_FILE)
        tf.io.gfile.makedirs(os.path.dirname(path))
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(strict_json.dumps(dataclasses.asdict(self), indent=2))

    @classmethod
    def load(cls, model_dir: str) -> Decision:
        """Reads it from the SavedModel at ``model_dir``."""
        with tf.io.gfile.GFile(os.path.join(model_dir, DECISION_FILE)) as file:
            return cls(**json.load(file))


def base_rate_threshold(scores: np.ndarray, base_rate: float) -> float:
    """The threshold at which the share of scores above it comes closest to ``base_rate``.

    It lies half way between two neighbouring scores, so that rounding a score does not change a decision. Equal scores
    fall on one side.

    Args:
      scores: Probabilities, float [n].
      base_rate: In [0, 1].

    Returns:
      A number in [0, 1] (a hair below 0 where a score of 0 has to be positive).

    Raises:
      ValueError: There is no score, or one is not finite.
    """
    scores = np.sort(np.asarray(scores, np.float64))[::-1]
    if not len(scores) or not np.isfinite(scores).all():
        raise ValueError(f"a base-rate threshold needs finite scores. Received: {len(scores)} scores")
    wanted = base_rate * len(scores)
    # Numbers of positives that some threshold gives: none, all, and those where the score falls.
    falls = np.flatnonzero(scores[:-1] > scores[1:]) + 1
    attainable = np.concatenate([[0], falls, [len(scores)]])
    positives = int(attainable[np.argmin(np.abs(attainable - wanted))])
    above = scores[positives - 1] if positives else 1.0
    below = scores[positives] if positives < len(scores) else 0.0
    if below == above:
        # No cut inside [0, 1]: all scores are 1 and negative, or 0 and positive.
        return float(above) if not positives else float(np.nextafter(above, -1.0))
    middle = (above + below) / 2
    # Between neighbouring numbers the middle is one of them.
    return float(middle if middle < above else below)


def decide(tasks: Sequence[ModelTask], base_rate: Mapping[str, float], scores: Mapping[str, np.ndarray]) -> Decision:
    """Fixes the thresholds of all tasks.

    Args:
      tasks: With each task's rule.
      base_rate: By task, train's.
      scores: By task, the validation scores of rows whose label is known.

    Returns:
      The decision.
    """
    thresholds: dict[str, float] = {}
    rule: dict[str, Any] = {}
    for task in tasks:
        rule[task.name] = "base_rate" if task.threshold == "base_rate" else "number"
        thresholds[task.name] = (
            base_rate_threshold(scores[task.name], base_rate[task.name])
            if task.threshold == "base_rate"
            else float(task.threshold)
        )
    names = [task.name for task in tasks]
    return Decision(
        thresholds=thresholds,
        base_rate={name: float(base_rate[name]) for name in names},
        rule=rule,
        validation_rows={name: len(scores[name]) for name in names},
    )
