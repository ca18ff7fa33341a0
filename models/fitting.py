"""The loop over epochs: fit, validate, keep the best, checkpoint, report."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.checkpointing import Checkpoints, Position
from models.decision import base_rate_threshold
from models.fairness_streams import FairnessStreams
from models.input_pipeline import ExampleSource, epoch_seed, ordered_batches, train_batches
from models.progress import EpochLog, epoch_line
from models.settings import TrainingSettings
from models.training import MultiTaskModel
from models.validation import TaskScores, score_split

_VALIDATION_BATCH = 4096
# Rows enough to tell how a gate mixes experts, in batches of the above.
_GATE_BATCHES = 4

Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Fit:
    """What a training left behind, beside the model's weights, which are those of the epoch that is kept.

    Attributes:
      position: Where it ended, with the history.
      kept_epoch: Index of the epoch whose weights are kept.
      scores: The kept weights' scores on validation.
    """

    position: Position
    kept_epoch: int
    scores: dict[str, TaskScores]


class Trainer:
    """Fits a compiled model.

    Args:
      model: Compiled, all its variables made.
      train: The split to fit on.
      validation: The split for early stopping and thresholds.
      settings: Epochs, batch size, early stopping, …
      train_rows: Rows of ``train``.
      base_rate: Task → share of positives in train, for tasks whose threshold follows it.
      group: The group key whose gaps are reported; None reports none.
      streams: Fairness batches; None = the fairness terms see the training batches.
      checkpoint_dir: Where to keep checkpoints; None keeps none.
      log: TensorBoard.
      report: Takes a line for each epoch.
      callbacks: Further Keras callbacks.
    """

    def __init__(
        self,
        model: MultiTaskModel,
        train: ExampleSource,
        validation: ExampleSource,
        settings: TrainingSettings,
        *,
        train_rows: int,
        base_rate: dict[str, float],
        group: Optional[str] = None,
        streams: Optional[FairnessStreams] = None,
        checkpoint_dir: Optional[str] = None,
        log: Optional[EpochLog] = None,
        report: Report = print,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        self._model = model
        self._train, self._validation = train, validation
        self._settings = settings
        self._rows = train_rows
        self._base_rate = base_rate
        self._group = group
        self._streams = streams
        self._log = log
        self._report = report
        self._callbacks = tuple(callbacks)
        self._replicas = model.distribute_strategy.num_replicas_in_sync
        if settings.batch_size % self._replicas:
            raise ValueError(
                f"`training.batch_size` should be a multiple of the {self._replicas} replicas. "
                f"Received: {settings.batch_size}"
            )
        self._steps = math.ceil(train_rows / settings.batch_size)
        self._position = Position()
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trainable_variables)
        self._checkpoints = Checkpoints(
            checkpoint_dir,
            self._position,
            network=model.network,
            optimizer=model.optimizer,
            thresholds=tf.train.Checkpoint(values=model.thresholds),
        )
        spec = ordered_batches(validation, batch_size=1).element_spec["features"]
        self._predict = tf.function(model.call, input_signature=[spec], autograph=False)
        gates = getattr(model.network, "mean_gate_weights", None)
        self._gates = None if gates is None else tf.function(gates, input_signature=[spec], autograph=False)

    def run(self) -> Fit:
        """Trains to the end, from the newest checkpoint where there is one.

        Raises:
          FloatingPointError: The loss became NaN or infinite.
        """
        position = self._position
        if self._checkpoints.restore():
            self._report(f"resumed at epoch {position.epoch + 1}, step {position.step} of {self._steps}")
            for record in position.history:
                self._write(record)
        scores = None
        while position.epoch < self._settings.epochs and not self._exhausted():
            scores = self._epoch()
        stopping = self._settings.early_stopping is not None
        best, last = self._checkpoints.best_weights(), position.epoch - 1
        kept = position.best_epoch if stopping and position.best_epoch is not None else last
        if stopping and kept != last and best is not None:
            self._model.network.set_weights(best)
        if kept != last or scores is None:
            scores = self._score()
        return Fit(position, kept, scores)

    def _exhausted(self) -> bool:
        stopping = self._settings.early_stopping
        return stopping is not None and self._position.waited >= stopping.patience

    def _epoch(self) -> dict[str, TaskScores]:
        position, started = self._position, time.monotonic()
        rows = self._rows - position.step * self._settings.batch_size
        self._model.fit(
            self._batches(),
            initial_epoch=position.epoch,
            epochs=position.epoch + 1,
            steps_per_epoch=self._steps - position.step,
            callbacks=[self._counter(), *self._callbacks],
            verbose=0,
        )
        trained = time.monotonic()
        scores = self._score()
        record = self._record(scores, rows / (trained - started))
        record["seconds"] = time.monotonic() - started
        self._advance(record)
        self._write(record)
        self._report(epoch_line(record, self._settings.epochs, position.best_epoch == record["epoch"]))
        return scores

    def _batches(self) -> Any:
        """The rest of the epoch: a dataset, or each replica's share of it."""
        position, settings = self._position, self._settings

        def share(replicas: int) -> tf.data.Dataset:
            beside = None
            if self._streams is not None:
                beside = (self._streams.batches(settings.seed, position.epoch, replicas), self._streams.parse)
            return train_batches(
                self._train,
                batch_size=settings.batch_size // replicas,
                shuffle_rows=settings.shuffle_rows,
                seed=epoch_seed(settings.seed, position.epoch),
                skip=position.step * replicas,
                beside=beside,
            )

        if self._replicas == 1:
            return share(1)
        # Replicas take turns, so together they see the batch that one alone would see.
        return self._model.distribute_strategy.distribute_datasets_from_function(lambda _: share(self._replicas))

    def _score(self) -> dict[str, TaskScores]:
        return score_split(self._predict, self._validation, _VALIDATION_BATCH)

    def _record(self, scores: dict[str, TaskScores], rows_per_second: float) -> dict[str, Any]:
        train = self._model.epoch_figures()
        weights = self._model.task_weights
        losses = {
            "train": sum(weights[task] * figures["loss"] for task, figures in train.items()),
            "validation": sum(weights[task] * scores[task].loss() for task in self._model.tasks),
        }
        self._require_finite(losses)
        tasks: dict[str, Any] = {}
        for task, threshold in zip(self._model.tasks, self._model.thresholds, strict=True):
            if task in self._base_rate:
                threshold.assign(base_rate_threshold(scores[task].probabilities, self._base_rate[task]))
            cut = float(threshold.numpy())
            validation = {"loss": scores[task].loss(), "auc": scores[task].auc(), "threshold": cut}
            if self._group is not None:
                validation["fpr_gap"] = scores[task].rate_gap(self._group, cut)
            tasks[task] = {"train": train[task], "validation": validation}
        for task, gates in self._mean_gates().items():
            tasks[task]["gates"] = gates
        return {"epoch": self._position.epoch, "loss": losses, "tasks": tasks, "rows_per_second": rows_per_second}

    def _mean_gates(self) -> dict[str, list[float]]:
        """Task → mean weight of each expert over the first rows of validation; empty for networks without gates."""
        if self._gates is None:
            return {}
        batches = ordered_batches(self._validation, batch_size=_VALIDATION_BATCH).take(_GATE_BATCHES)
        means = [self._gates(batch["features"]) for batch in batches]
        rows = [len(next(iter(batch["weights"].values()))) for batch in batches]
        return {
            task: np.average([mean[task].numpy() for mean in means], axis=0, weights=rows).tolist()
            for task in self._model.tasks
        }

    def _require_finite(self, losses: Mapping[str, float]) -> None:
        for split, loss in losses.items():
            if not math.isfinite(loss):
                raise FloatingPointError(
                    f"epoch {self._position.epoch + 1}: the {split} loss is {loss}. Lower `training.learning_rate` "
                    f"(now {self._settings.learning_rate}) or `fairness.strength`"
                )

    def _advance(self, record: dict[str, Any]) -> None:
        position, loss = self._position, record["loss"]["validation"]
        if position.best_loss is None or loss < position.best_loss:
            position.best_loss, position.best_epoch, position.waited = loss, position.epoch, 0
            self._checkpoints.keep_best((weight.numpy() for weight in self._model.network.weights), position.epoch)
        else:
            position.waited += 1
        position.history.append(record)
        position.seconds += record["seconds"]
        position.epoch, position.step = position.epoch + 1, 0
        self._checkpoints.save()

    def _write(self, record: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.write(record)

    def _counter(self) -> keras.callbacks.Callback:
        """Counts the steps of an epoch and writes a checkpoint every so many."""

        def count(batch: int, logs: Any) -> None:
            self._position.step += 1
            # The end of the epoch writes its own, with the epoch's figures.
            if self._position.step % self._settings.checkpoint_steps == 0 and self._position.step < self._steps:
                self._checkpoints.save()

        return keras.callbacks.LambdaCallback(on_batch_end=count)
