"""How well a trained case does on each task of the test split."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.config.settings import TrainerSettings
from models.metrics.task_scores import TaskScores
from models.training.sweep import Outcomes, Trained

# Scores are float32 probabilities: the nearest to 0 and 1 that a loss can be taken of.
_EDGE = 1e-7


class Quality(NamedTuple):
    """Of one task, over test rows whose label is known.

    Attributes:
      error: Share of wrong decisions at the threshold that was fixed on validation.
      auc: Area under the ROC curve.
      loss: Mean binary cross-entropy.
    """

    error: float
    auc: float
    loss: float


def qualities(settings: TrainerSettings, trained: Trained, outcomes: Outcomes) -> dict[str, Quality]:
    """Task → quality.

    Raises:
      ValueError: The scores are of other rows or tasks than the outcomes.
    """
    names = tuple(task.name for task in settings.tasks)
    if names != outcomes.tasks or trained.test_scores.shape != outcomes.labels.shape:
        raise ValueError(
            f"scores should have the tasks {list(outcomes.tasks)} and the shape {outcomes.labels.shape} of the outcomes. "
            f"Received: {list(names)} and {trained.test_scores.shape}"
        )
    found = {}
    for index, name in enumerate(names):
        known = outcomes.known[:, index] > 0
        scores = trained.test_scores[known, index]
        labels = outcomes.labels[known, index] > 0
        clipped = np.clip(scores.astype(np.float64), _EDGE, 1 - _EDGE)
        on_logits = TaskScores(np.log(clipped) - np.log1p(-clipped), labels, {})
        error = float(np.mean((scores > trained.thresholds[name]) != labels))
        found[name] = Quality(error, on_logits.auc(), on_logits.loss())
    return found
