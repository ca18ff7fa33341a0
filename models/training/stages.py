"""A training in stages: networks, or parts of one, fitted one after the other on the same data."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import tensorflow as tf

from models.config.settings import TrainerSettings
from models.config.weighting import FixedSettings
from models.data.counting import OutcomeCounts
from models.data.input_pipeline import ExampleSource, element_spec
from models.fairness.streams import FairnessStreams
from models.fairness.target_gap import DualAscent
from models.fairness.terms import FairnessTerms
from models.metrics.task_scores import score_split
from models.networks.base import MultiTaskNetwork
from models.robustness.objective import RobustObjective
from models.training.compiled_models import CompiledModels
from models.training.fitting import Fit, Report, Trainer
from models.training.optimizers import make_optimizer
from models.training.progress import EpochLog
from models.training.step import MultiTaskModel
from models.training.task_weighting import make_weighting

_SCORE_BATCH = 4096

# The stage of a training that has no other.
WHOLE = "training"


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """What every stage is fitted on.

    Attributes:
      train: The split to fit on.
      validation: The split for early stopping and thresholds.
      counts: Of train.
      groups: Group key → its values.
      fairness: None = no fairness term.
      streams: Fairness batches; None = the fairness terms see the training batches.
      validation_rows: Rows of validation.
    """

    train: ExampleSource
    validation: ExampleSource
    counts: OutcomeCounts
    groups: Mapping[str, list[str]]
    fairness: Optional[FairnessTerms] = None
    streams: Optional[FairnessStreams] = None
    validation_rows: int = 0


class StageRunner:
    """Fits stage after stage.

    A stage that was finished before an interruption is restored from its checkpoint and not fitted again.

    Args:
      settings: Of all stages.
      data: Of all stages.
      checkpoint_dir: Each stage has a folder in it; None keeps no checkpoints.
      log: TensorBoard.
      report: Takes lines of progress.
      strategy: That the networks' variables were made in.
      models: Compiled models of earlier trainings, to be restarted where they fit; None compiles anew.
    """

    def __init__(
        self,
        settings: TrainerSettings,
        data: TrainingData,
        *,
        checkpoint_dir: Optional[str] = None,
        log: Optional[EpochLog] = None,
        report: Report = print,
        strategy: Optional[tf.distribute.Strategy] = None,
        models: Optional[CompiledModels] = None,
    ) -> None:
        self.settings, self.data, self.report = settings, data, report
        self.strategy = strategy or tf.distribute.get_strategy()
        self.fits: dict[str, Fit] = {}
        self._checkpoint_dir, self._log, self._models = checkpoint_dir, log, models

    @property
    def history(self) -> list[dict[str, Any]]:
        """The records of all stages' epochs, in order."""
        return [record for fit in self.fits.values() for record in fit.position.history]

    @property
    def last(self) -> Fit:
        """The fit of the stage that ran last."""
        return list(self.fits.values())[-1]

    @property
    def seconds(self) -> float:
        """Wall time in training, over all stages and attempts."""
        return sum(fit.position.seconds for fit in self.fits.values())

    def fit(
        self,
        name: str,
        network: MultiTaskNetwork,
        *,
        trainable: Optional[Sequence[tf.Variable]] = None,
        held_out: Sequence[tf.Variable] = (),
        epochs: Optional[int] = None,
        robust: Optional[RobustObjective] = None,
        plain: bool = False,
    ) -> Fit:
        """Fits ``network``, which holds the kept epoch's weights afterwards.

        Args:
          name: Of the stage; its checkpoints' folder.
          network: As it is to start.
          trainable: The variables that are trained; None = all.
          held_out: Variables among them that learn from a held-out part of train.
          epochs: None = as the settings say, with early stopping where they have it. A number is the whole length: the
            last epoch is kept.
          robust: What changes in the loss.
          plain: Without fairness terms, and with the tasks' own weights. These hold too in a search, and where a weighting
            compares gradients of shared variables and none is trained; it is said.

        Raises:
          FloatingPointError: The loss became NaN or infinite.
        """
        training = self.settings.training
        if epochs is not None:
            training = training.model_copy(update={"epochs": epochs, "early_stopping": None})
        first_epoch = sum(fit.position.epoch for fit in self.fits.values())
        by_gradient = training.weighting.compares_gradients
        own = plain or bool(held_out) or (by_gradient and not _trains_shared(network, trainable))
        if own and training.weighting.compares_tasks:
            self.report(
                f"stage {name}: all tasks weigh the same; `training.weighting.method: {training.weighting.method}` has no "
                "part in it"
            )
        fairness = None if plain else self.data.fairness

        def build() -> MultiTaskModel:
            with self.strategy.scope():
                tasks, seed = self.settings.tasks, training.seed
                weighting = FixedSettings() if own else training.weighting
                model = MultiTaskModel(
                    network,
                    tasks,
                    fairness,
                    seed,
                    weighting=make_weighting(weighting, network, tasks, seed),
                    robust=robust,
                    trainable=trainable,
                    held_out=held_out,
                )
                model.compile(optimizer=make_optimizer(training))
            return model

        # What a stage is told beside the settings is of its own network, and compiled into the step.
        can_restart = self._models is not None and robust is None and trainable is None and not held_out
        if self._models is not None and can_restart:
            model = self._models.ready(self.settings, name, network, fairness, build)
        else:
            model = build()
        train, counts = self.data.train, self.data.counts
        ascent = None
        if fairness is not None and fairness.settings.target_gap is not None and model.fairness is not None:
            ascent = DualAscent(fairness.settings, model.fairness.strength)
        trainer = Trainer(
            model,
            dataclasses.replace(train, draws=True) if held_out else train,
            self.data.validation,
            training,
            train_rows=counts.rows,
            base_rate={
                task.name: counts.base_rate(task.name) for task in self.settings.tasks if task.threshold == "base_rate"
            },
            group=self.settings.fairness.group or next(iter(self.settings.groups), None),
            streams=None if plain else self.data.streams,
            checkpoint_dir=None if self._checkpoint_dir is None else os.path.join(self._checkpoint_dir, name),
            log=self._log,
            report=self.report,
            stage=None if name == WHOLE else name,
            first_epoch=first_epoch,
            ascent=ascent,
            validation_rows=self.data.validation_rows,
        )
        self.fits[name] = trainer.run()
        if model.network is not network:
            network.set_weights(model.network.get_weights())
        return self.fits[name]

    def train_losses(self, network: MultiTaskNetwork) -> dict[str, float]:
        """Task → mean loss over the train split, without dropout."""
        spec = element_spec(self.data.train)["features"]
        predict = tf.function(network.call, input_signature=[spec], autograph=False)
        scores = score_split(predict, self.data.train, _SCORE_BATCH)
        return {task: scores[task].loss() for task in network.tasks}


def _trains_shared(network: MultiTaskNetwork, trainable: Optional[Sequence[tf.Variable]]) -> bool:
    if trainable is None:
        return bool(network.shared_variables)
    trained = {variable.ref() for variable in trainable}
    return any(variable.ref() in trained for variable in network.shared_variables)
