"""The loop over epochs: fit, validate, keep the best, checkpoint, report."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Optional

import tensorflow as tf
import tf_keras as keras

from models.config.settings import TrainingSettings
from models.data.input_pipeline import Batch, ExampleSource, train_batches
from models.fairness.streams import FairnessStreams
from models.fairness.target_gap import DualAscent, updates_at
from models.metrics.task_scores import TaskScores
from models.training.checkpointing import Checkpoints, Position
from models.training.epoch_validation import EpochValidation
from models.training.progress import EpochLog, epoch_line
from models.training.step import MultiTaskModel

# Of the compiled loop; between calls an interrupt is heard.
_STEPS_A_CALL = 100

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
      stage: Name of this part of a training in several; None = the whole training.
      first_epoch: Epochs of earlier parts, for the numbers of this one's.
      callbacks: Told of each step; there is then a call of the compiled code for each.
      ascent: Moves λ by the gaps of ``group`` on validation, and says which epochs hold the targets; None = λ stays.
      validation_rows: Rows of ``validation``; they limit how often λ is moved.
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
        stage: Optional[str] = None,
        first_epoch: int = 0,
        ascent: Optional[DualAscent] = None,
        validation_rows: int = 0,
    ) -> None:
        self._model = model
        self._stage, self._first_epoch = stage, first_epoch
        self._train = train
        self._settings = settings
        self._rows = train_rows
        self._streams = streams
        self._log = log
        self._report = report
        self._callbacks = tuple(callbacks)
        self._ascent = ascent
        self._replicas = model.distribute_strategy.num_replicas_in_sync
        if settings.batch_size % self._replicas:
            raise ValueError(
                f"`training.batch_size` should be a multiple of the {self._replicas} replicas. "
                f"Received: {settings.batch_size}"
            )
        # What replicas exchange keeps its shape within a call, and an epoch's last batch is smaller.
        self._most_steps = _STEPS_A_CALL if self._replicas == 1 else 1
        self._steps = math.ceil(train_rows / settings.batch_size)
        self._updates = (
            [] if ascent is None else updates_at(self._steps, settings.epochs, settings.batch_size, validation_rows)
        )
        self._position = Position()
        with model.distribute_strategy.scope():
            model.optimizer.build(model.trained_variables)
        self._checkpoints = Checkpoints(
            checkpoint_dir,
            self._position,
            network=model.network,
            optimizer=model.optimizer,
            thresholds=tf.train.Checkpoint(values=model.thresholds),
            weighting=model.weighting,
            **model.further_state(),
            **({} if ascent is None else {"ascent": ascent}),
        )
        self._validation = EpochValidation(model, validation, settings, base_rate, group)

    def run(self) -> Fit:
        """Trains to the end, from the newest checkpoint where there is one.

        Raises:
          FloatingPointError: The loss became NaN or infinite.
        """
        position = self._position
        if self._checkpoints.restore():
            where = "" if self._stage is None else f" of stage {self._stage}"
            self._report(f"resumed at epoch {position.epoch + 1}{where}, step {position.step} of {self._steps}")
            for record in position.history:
                self._write(record)
        scores = None
        batches = iter(self._batches())
        while position.epoch < self._settings.epochs and not self._exhausted():
            scores = self._epoch(batches)
        del batches
        stopping = self._settings.early_stopping is not None or self._ascent is not None
        best, last = self._checkpoints.best_weights(), position.epoch - 1
        kept = position.best_epoch if stopping and position.best_epoch is not None else last
        if stopping and kept != last and best is not None:
            self._model.network.set_weights(best)
        if kept != last or scores is None:
            scores = self._validation.score()
        return Fit(position, kept, scores)

    def _exhausted(self) -> bool:
        stopping = self._settings.early_stopping
        return stopping is not None and self._position.waited >= stopping.patience

    def _epoch(self, batches: Iterator[Batch]) -> dict[str, TaskScores]:
        position, started = self._position, time.monotonic()
        rows = self._rows - position.step * self._settings.batch_size
        if not position.step:
            self._model.reset_metrics()
        self._steps_of_epoch(batches)
        trained = time.monotonic()
        scores = self._validation.score()
        strengths = {} if self._ascent is None else self._ascent.strengths()
        record = self._validation.record(self._first_epoch + position.epoch, scores, strengths)
        record["rows_per_second"] = rows / (trained - started)
        if self._stage is not None:
            record["stage"] = self._stage
        record["seconds"] = time.monotonic() - started
        self._advance(record)
        self._write(record)
        self._report(
            epoch_line(record, self._first_epoch + self._settings.epochs, position.best_epoch == position.epoch - 1)
        )
        return scores

    def _steps_of_epoch(self, batches: Iterator[Batch]) -> None:
        """The rest of the epoch, with a checkpoint every so many steps."""
        position, every = self._position, self._settings.checkpoint_steps
        while position.step < self._steps:
            count = min(every - position.step % every, self._steps - position.step)
            count = min(count, 1 if self._callbacks else self._most_steps)
            count = min([count, *(step - position.step for step in self._updates if step > position.step)])
            self._model.train_steps(batches, count)
            position.step += count
            # The update at the end of the epoch has the epoch's own scores.
            if self._ascent is not None and position.step in self._updates and position.step < self._steps:
                scores = self._validation.score()
                losses = {task: found.loss() for task, found in scores.items()}
                self._validation.require_finite(self._first_epoch + position.epoch, losses)
                gaps = self._validation.gaps(scores, self._validation.decide(scores))
                self._ascent.update(gaps, self._progress())
            # The end of the epoch writes its own, with the epoch's figures.
            if position.step % every == 0 and position.step < self._steps:
                self._checkpoints.save()
            for callback in self._callbacks:
                callback.on_train_batch_end(position.step - 1)

    def _progress(self) -> float:
        """The share of all steps that is done."""
        position = self._position
        return (position.epoch + position.step / self._steps) / self._settings.epochs

    def _batches(self) -> Any:
        """The rest of this epoch and all later ones: a dataset, or each replica's share of it."""
        position, settings, streams = self._position, self._settings, self._streams
        epochs = range(self._first_epoch + position.epoch, self._first_epoch + settings.epochs)

        def share(replicas: int) -> tf.data.Dataset:
            beside = None
            if streams is not None:
                beside = (lambda epoch: streams.batches(settings.seed, epoch, replicas), streams.parse)
            return train_batches(
                self._train,
                epochs,
                batch_size=settings.batch_size // replicas,
                shuffle_rows=settings.shuffle_rows,
                seed=settings.seed,
                skip=position.step * replicas,
                beside=beside,
            )

        if self._replicas == 1:
            return share(1)
        # Replicas take turns, so together they see the batch that one alone would see.
        return self._model.distribute_strategy.distribute_datasets_from_function(lambda _: share(self._replicas))

    def _advance(self, record: dict[str, Any]) -> None:
        position, by = self._position, self._settings.select_by
        figure = record["loss"]["validation"] if by == "loss" else record[by]
        excess, settled = 1.0, True
        if self._ascent is not None:
            gaps = {task: figures["validation"]["fpr_gap"] for task, figures in record["tasks"].items()}
            excess = max(1.0, self._ascent.excess(gaps))
            self._ascent.update(gaps, self._progress())
            settled = self._ascent.end_epoch()
        best = position.best_loss
        if best is None or (excess, figure) < (position.best_excess, best):
            position.best_loss, position.best_epoch, position.waited = figure, position.epoch, 0
            position.best_excess = excess
            self._checkpoints.keep_best((weight.numpy() for weight in self._model.network.weights), position.epoch)
        elif settled:
            position.waited += 1
        position.history.append(record)
        position.seconds += record["seconds"]
        position.epoch, position.step = position.epoch + 1, 0
        self._checkpoints.save()

    def _write(self, record: dict[str, Any]) -> None:
        if self._log is not None:
            self._log.write(record, self._model.network.gate_names)
