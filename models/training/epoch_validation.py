"""What an epoch is judged by: scores on validation, thresholds, gaps, the worst group, and the record of all of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, Optional

import numpy as np

from models.config.settings import TrainingSettings
from models.data.input_pipeline import ExampleSource, element_spec
from models.formats.listing import quoted
from models.metrics.decision import base_rate_threshold
from models.metrics.task_scores import TaskScores, score_split
from models.metrics.worst_groups import worst_group_error
from models.training.step import MultiTaskModel

_BATCH = 4096
# Rows enough to tell how a gate mixes experts, in batches of the above.
_GATE_BATCHES = 4
# Validation rows below which a group's error says too little to choose an epoch by.
_SELECTION_ROWS = 20


class EpochValidation:
    """A model's figures on the validation split.

    Args:
      model: With all its variables made.
      split: The validation split.
      settings: `select_by` is read, and the learning rate for an error's text.
      base_rate: Task → share of positives in train, for tasks whose threshold follows it.
      group: The group key whose gaps are taken; None takes none.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        split: ExampleSource,
        settings: TrainingSettings,
        base_rate: Mapping[str, float],
        group: Optional[str],
    ) -> None:
        if settings.select_by != "loss" and group is None:
            raise ValueError(f"`training.select_by: {settings.select_by}` needs a group. Received no `groups`")
        self._model = model
        self._split = split
        self._settings = settings
        self._base_rate = base_rate
        self._group = group
        self._predict, self._gates = model.scorers(element_spec(split)["features"])

    def score(self) -> dict[str, TaskScores]:
        """Task → scores with the weights as they stand."""
        return score_split(self._predict, self._split, _BATCH)

    def decide(self, scores: Mapping[str, TaskScores]) -> dict[str, float]:
        """Task → decision threshold, which the losses that need one take up."""
        for task, threshold in zip(self._model.tasks, self._model.thresholds, strict=True):
            if task in self._base_rate:
                threshold.assign(base_rate_threshold(scores[task].probabilities, self._base_rate[task]))
        return {
            task: float(threshold.numpy())
            for task, threshold in zip(self._model.tasks, self._model.thresholds, strict=True)
        }

    def gaps(self, scores: Mapping[str, TaskScores], cuts: Mapping[str, float]) -> dict[str, float]:
        """Task → FPR gap at the thresholds ``cuts``; empty without a group."""
        return {} if self._group is None else {task: scores[task].rate_gap(self._group, cuts[task]) for task in cuts}

    def require_finite(self, epoch: int, losses: Mapping[str, float], split: str = "validation") -> None:
        """Ends a training that diverged, before anything is decided or kept by its figures.

        Args:
          epoch: Its number, from 0.
          losses: Task → mean loss.
          split: Whose losses these are.

        Raises:
          FloatingPointError: A loss is NaN or infinite.
        """
        wrong = [task for task, loss in losses.items() if not math.isfinite(loss)]
        if wrong:
            raise FloatingPointError(
                f"epoch {epoch + 1}, task {quoted(wrong)}: expected a finite {split} loss. Received: {losses[wrong[0]]}, so "
                f"the training diverges; lower `training.learning_rate` (now {self._settings.learning_rate:g}) or "
                "`fairness.strength`"
            )

    def record(self, epoch: int, scores: Mapping[str, TaskScores], strengths: Mapping[str, float]) -> dict[str, Any]:
        """The epoch's record for the history, TensorBoard and `summary.json`; it ends the weighting's epoch.

        Args:
          epoch: Its number, from 0.
          scores: Its scores on validation.
          strengths: Task → λ, where it is learned.

        Raises:
          FloatingPointError: A loss is NaN or infinite.
        """
        train = self._model.epoch_figures()
        weights = self._model.task_weights
        held_out = {task: scores[task].loss() for task in self._model.tasks}
        self.require_finite(epoch, {task: figures["loss"] for task, figures in train.items()}, "train")
        self.require_finite(epoch, held_out)
        losses = {
            "train": sum(weights[task] * figures["loss"] for task, figures in train.items()),
            "validation": sum(weights[task] * held_out[task] for task in self._model.tasks),
        }
        self._model.weighting.end_epoch([train[task]["loss"] for task in self._model.tasks])
        cuts = self.decide(scores)
        gaps = self.gaps(scores, cuts)
        tasks: dict[str, Any] = {}
        for task, cut in cuts.items():
            validation = {"loss": held_out[task], "auc": scores[task].auc(), "threshold": cut}
            if task in gaps:
                validation["fpr_gap"] = gaps[task]
            tasks[task] = {"weight": train[task].pop("weight"), "train": train[task], "validation": validation}
            if task in strengths:
                tasks[task]["strength"] = strengths[task]
        for task, gates in self._mean_gates().items():
            tasks[task]["gates"] = gates
        record = {"epoch": epoch, "loss": losses, "tasks": tasks}
        if self._settings.select_by != "loss":
            record[self._settings.select_by] = self._worst_error(scores, cuts)
        return record

    def _worst_error(self, scores: Mapping[str, TaskScores], cuts: Mapping[str, float]) -> float:
        cells = self._settings.select_by == "worst_cell_error"
        assert self._group is not None
        return worst_group_error(scores, self._group, cuts, cells=cells, min_rows=_SELECTION_ROWS)

    def _mean_gates(self) -> dict[str, list[float]]:
        """Task → mean weight of each expert over the first rows of validation; empty for networks without gates."""
        if self._gates is None:
            return {}
        batches = list(itertools.islice(self._split.batches(_BATCH), _GATE_BATCHES))
        means = [self._gates(batch["features"]) for batch in batches]
        rows = [len(next(iter(batch["weights"].values()))) for batch in batches]
        return {
            task: np.average([mean[task].numpy() for mean in means], axis=0, weights=rows).tolist()
            for task in self._model.tasks
        }
