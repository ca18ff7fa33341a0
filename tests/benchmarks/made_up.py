"""Trainings that never took place, with scores that a test chooses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.config.networks import network_settings
from models.config.settings import (
    FairnessSettings,
    FeatureSettings,
    ModelTask,
    TrainerSettings,
    TrainingSettings,
)
from models.training.sweep import Outcomes, Trained


def settings(tasks: Sequence[str], **changes) -> TrainerSettings:
    return TrainerSettings(
        tasks=tuple(ModelTask(name=task) for task in tasks),
        groups=("g",),
        features=FeatureSettings(inputs=({"type": "numeric", "name": "x"},)),
        model=changes.get("model", network_settings()),
        fairness=FairnessSettings(mode="none"),
        training=TrainingSettings(**changes.get("training", {})),
    )


def trained(tasks, scores, *, threshold=0.5, validation_auc=0.5, weights=None, epochs=2, parameters=10) -> Trained:
    """``weights``: task → the weight in the last epoch; half of it in those before."""
    weights = weights or dict.fromkeys(tasks, 1 / len(tasks))
    history = [
        {"tasks": {task: {"weight": weight if epoch == epochs - 1 else weight / 2} for task, weight in weights.items()}}
        for epoch in range(epochs)
    ]
    return Trained(
        test_scores=np.asarray(scores, np.float32).reshape(-1, len(tasks)),
        thresholds=dict.fromkeys(tasks, threshold),
        base_rate=dict.fromkeys(tasks, 0.5),
        validation={task: {"loss": 0.1, "auc": validation_auc, "error": 0.1} for task in tasks},
        history=history,
        kept_epoch=epochs,
        parameters=parameters,
        seconds=3.0,
    )


def outcomes(tasks, labels, known=None, clusters=None) -> Outcomes:
    labels = np.asarray(labels, np.int64).reshape(-1, len(tasks))
    known = np.ones(labels.shape, np.float32) if known is None else np.asarray(known, np.float32)
    return Outcomes(tuple(tasks), labels, known, {"g": np.full(len(labels), "a")}, clusters)


def scores_with_errors(labels, wrong) -> np.ndarray:
    """Scores that are on the label's side of ½ but where ``wrong``."""
    labels = np.asarray(labels)
    return np.where(np.asarray(wrong), 1 - labels, labels) * 0.8 + 0.1
