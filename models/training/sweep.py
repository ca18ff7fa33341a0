"""Many trainings in one process, on data that lies in memory."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tf_keras as keras
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from models.config.combinations import check_combination
from models.config.settings import TrainerSettings
from models.data.cached_source import MAX_BYTES, CachedSource, Table, read_files, read_table
from models.data.input_pipeline import ordered_batches
from models.formats.features import group_key, label_key, weight_key
from models.metrics.decision import decide
from models.metrics.task_scores import TaskScores
from models.networks.base import MultiTaskNetwork
from models.training.compiled_models import CompiledModels
from models.training.fitting import Report
from models.training.run import train_on, training_data

_TEST_BATCH = 8192


@dataclasses.dataclass(frozen=True)
class SweepData:
    """Where the prepared data lies.

    Attributes:
      transform_dir: What Transform wrote.
      train: Pattern of the transformed train examples.
      validation: Pattern of the transformed validation examples.
      test: Pattern of the raw test examples, which Transform has not seen; None where nothing is to be scored.
    """

    transform_dir: str
    train: str
    validation: str
    test: str | None


@dataclasses.dataclass(frozen=True)
class Trained:
    """What a training left.

    Attributes:
      test_scores: float32 [n, T], probabilities on test, tasks in the settings' order.
      thresholds: Task → decision threshold, fixed on validation as the product fixes it, or the number in the settings.
      base_rate: Task → share of positives among train's known labels.
      validation: Task → ``loss``, ``auc``, ``error`` and, where there is a group, ``fpr_gap`` on validation, the last two
        at the threshold.
      history: A record per epoch.
      kept_epoch: Number of the epoch whose weights were kept, from 1, over all stages.
      parameters: Trainable numbers of the network.
      seconds: Wall time of all of it.
    """

    test_scores: np.ndarray
    thresholds: dict[str, float]
    base_rate: dict[str, float]
    validation: dict[str, dict[str, float]]
    history: list[dict[str, Any]]
    kept_epoch: int
    parameters: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Outcomes:
    """What happened on test, row by row.

    Attributes:
      tasks: Names, in the order of the arrays' task axis.
      labels: int64 [n, T], 0 or 1; 0 where unknown.
      known: float32 [n, T], 1 where the label is known.
      groups: Group key → text [n], the values.
      clusters: Text [n], equal where rows are not independent of each other, empty where a row is in no cluster with
        others; None takes all rows as independent.
    """

    tasks: tuple[str, ...]
    labels: np.ndarray
    known: np.ndarray
    groups: Mapping[str, np.ndarray]
    clusters: np.ndarray | None = None


class Sweep:
    """Trains one setting after another as ``training_run.run_job`` would, without files.

    Each split is read once, when it is first needed. Settings that differ in λ, head ratio, seed, label noise or the length
    of the training alone share one compiled step.

    Args:
      data: The prepared data.
      report: Takes lines of progress.
      max_bytes: That a split may take in memory.
    """

    def __init__(self, data: SweepData, *, report: Report = print, max_bytes: int = MAX_BYTES) -> None:
        self._data, self._report, self._max_bytes = data, report, max_bytes
        self._transform = tft.TFTransformOutput(data.transform_dir)
        self._models = CompiledModels()

    def train(self, settings: TrainerSettings) -> Trained:
        """Trains and scores one setting.

        Raises:
          ValueError: Settings that contradict each other or the data, or a split that is too large.
          FileNotFoundError: A split has no files.
          FloatingPointError: The loss became NaN or infinite.
        """
        started = time.monotonic()
        check_combination(settings)
        if settings.training.distribution != "none":
            raise ValueError(
                "an experiment trains each setting on one device. Received: `training.distribution: "
                f"{settings.training.distribution}`"
            )
        keras.mixed_precision.set_global_policy(settings.training.precision)
        train, validation = (
            CachedSource.of(table, settings, split)
            for split, table in (("train", self._train), ("validation", self._validation))
        )
        test = None if self._data.test is None else CachedSource.of(self._test, settings, "test")
        data = training_data(settings, self._transform, train, validation, self._report)
        runner, trained = train_on(settings, self._transform, data, self._report, models=self._models)
        base_rate = {task.name: data.counts.base_rate(task.name) for task in settings.tasks}
        decision = decide(settings.tasks, base_rate, {t: s.probabilities for t, s in trained.scores.items()})
        group = settings.fairness.group or next(iter(settings.groups), None)
        history, fit = runner.history, runner.last
        return Trained(
            test_scores=(
                np.zeros([0, len(settings.tasks)], np.float32)
                if test is None
                else _probabilities(trained.network, test)
            ),
            thresholds=dict(decision.thresholds),
            base_rate=base_rate,
            validation={t: _figures(s, decision.thresholds[t], group) for t, s in trained.scores.items()},
            history=history,
            kept_epoch=len(history) - fit.position.epoch + fit.kept_epoch + 1,
            parameters=sum(int(tf.size(variable)) for variable in trained.network.trainable_variables),
            seconds=time.monotonic() - started,
        )

    def outcomes(self, tasks: Sequence[str], groups: Sequence[str]) -> Outcomes:
        """Labels and groups of test, in the order of ``Trained.test_scores``.

        Raises:
          ValueError: A split has no such column.
        """
        return read_outcomes(self._data, tasks, groups)

    @functools.cached_property
    def _train(self) -> Table:
        return self._transformed(self._data.train, "train")

    @functools.cached_property
    def _validation(self) -> Table:
        return self._transformed(self._data.validation, "validation")

    @functools.cached_property
    def _test(self) -> Table:
        raw_spec = self._transform.raw_feature_spec()
        loader = SavedModelLoader(self._transform.transform_savedmodel_dir)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def parse(rows: tf.Tensor) -> dict[str, Any]:
            return loader.apply_transform_model(tf.io.parse_example(rows, raw_spec))

        return read_table(_test_files(self._data), parse, split="test", max_bytes=self._max_bytes)

    def _transformed(self, pattern: str, split: str) -> Table:
        spec = self._transform.transformed_feature_spec()
        parse = tf.function(lambda rows: tf.io.parse_example(rows, spec), autograph=False, reduce_retracing=True)
        return read_table(read_files([pattern], split), parse, split=split, max_bytes=self._max_bytes)


def read_outcomes(data: SweepData, tasks: Sequence[str], groups: Sequence[str], cluster: str | None = None) -> Outcomes:
    """Labels and groups of test, in the files' order, and the values of the column ``cluster`` where one is named.

    Raises:
      FileNotFoundError: There are no test files.
      ValueError: Test has no rows.
    """
    spec: dict[str, Any] = {group_key(name): tf.io.FixedLenFeature([], tf.string) for name in groups}
    for task in tasks:
        spec[label_key(task)] = tf.io.FixedLenFeature([], tf.int64)
        spec[weight_key(task)] = tf.io.FixedLenFeature([], tf.float32)
    if cluster is not None:
        spec[cluster] = tf.io.FixedLenFeature([], tf.string, default_value="")
    records = _test_files(data)
    columns = read_table(records, lambda rows: tf.io.parse_example(rows, spec), split="test").columns
    return Outcomes(
        tuple(tasks),
        np.stack([columns[label_key(task)].numpy() for task in tasks], axis=1),
        np.stack([columns[weight_key(task)].numpy() for task in tasks], axis=1),
        {name: np.char.decode(columns[group_key(name)].numpy().astype(bytes)) for name in groups},
        None if cluster is None else np.char.decode(columns[cluster].numpy().astype(bytes)),
    )


def _test_files(data: SweepData) -> Callable[[], tf.data.Dataset]:
    if data.test is None:
        raise ValueError("the data has no test split")
    return read_files([data.test], "test")


def _probabilities(network: MultiTaskNetwork, test: CachedSource) -> np.ndarray:
    """float32 [n, T], whether or not labels are known, as the SavedModel gives them."""
    parts = []
    for batch in ordered_batches(test, batch_size=_TEST_BATCH):
        logits = network(batch["features"], training=False, seed=None)
        parts.append(np.stack([tf.sigmoid(logits[task]).numpy() for task in network.tasks], axis=1))
    return np.concatenate(parts)


def _figures(scores: TaskScores, threshold: float, group: str | None) -> dict[str, float]:
    figures = {
        "loss": scores.loss(),
        "auc": scores.auc(),
        "error": float(np.mean((scores.probabilities > threshold) != scores.labels)),
    }
    return figures if group is None else {**figures, "fpr_gap": scores.rate_gap(group, threshold)}
