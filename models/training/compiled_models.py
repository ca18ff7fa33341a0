"""Compiled models that are restarted with other numbers, where a new one would have to be traced for seconds."""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any, Optional

from models.config.settings import TrainerSettings
from models.fairness.objective import has_effect
from models.fairness.terms import FairnessTerms
from models.networks.base import MultiTaskNetwork
from models.training.checkpointing import checkpoint_key
from models.training.step import MultiTaskModel

# Settings that are variables of a model, or of the loop around its step.
_FREE_TRAINING = {
    "batch_size",
    "checkpoint_steps",
    "early_stopping",
    "epochs",
    "label_noise",
    "learning_rate",
    "seed",
    "select_by",
    "shuffle_rows",
}
_FREE_FAIRNESS = {"strength", "head_ratio", "target_gap", "target_margin", "max_strength"}


def step_family(settings: TrainerSettings) -> str:
    """A name that settings share whose steps, on the same data, are compiled to the same code."""
    training = set(_FREE_TRAINING)
    # Such a weighting's seed is compiled into the step.
    if settings.training.weighting.draws:
        training.remove("seed")
    tasks = [task.name for task in settings.tasks]
    fixed = settings.model_dump(
        mode="json", exclude={"training": training, "fairness": _FREE_FAIRNESS, "min_specific": True}
    )
    if settings.fairness.mode == "none":
        fixed["fairness"] = "none"
    terms = FairnessTerms(settings.fairness, "", 0, dict.fromkeys(tasks, True))
    return checkpoint_key(fixed, has_effect(terms, tuple(tasks)))


class CompiledModels:
    """The models that were used last, by what is compiled into their steps.

    Args:
      most: How many are kept.
    """

    def __init__(self, most: int = 2) -> None:
        self._most = most
        self._models: collections.OrderedDict[Any, MultiTaskModel] = collections.OrderedDict()

    def ready(
        self,
        settings: TrainerSettings,
        stage: str,
        network: MultiTaskNetwork,
        fairness: Optional[FairnessTerms],
        build: Callable[[], MultiTaskModel],
    ) -> MultiTaskModel:
        """A model that starts as ``build()`` would.

        Args:
          settings: Of the training.
          stage: Its part that is to run.
          network: As it is to start. The model may hold another one, with the same weights.
          fairness: The terms of the stage; None = none.
          build: Makes a compiled model of ``network``.
        """
        specific = None if fairness is None else tuple(fairness.has_specific.items())
        # What a search found stands in no setting.
        key = (step_family(settings), stage, specific, checkpoint_key(network.found()))
        model = self._models.pop(key, None)
        if model is None:
            model = build()
            model.remember_start()
        else:
            model.restart(network.get_weights(), settings.tasks, fairness, settings.training)
        self._models[key] = model
        if len(self._models) > self._most:
            self._models.popitem(last=False)
        return model
