"""One method's step beside the baseline's: time, parameters and memory of a process."""

from __future__ import annotations

import math
import resource
import statistics
import time
from collections.abc import Iterator
from typing import Any

import models  # noqa: F401  chooses the Keras 2 API

# isort: split
import numpy as np
import tensorflow as tf

from benchmarks.cost.entries import Entry, baseline
from models.config.robustness import JTT, GroupDROSettings, RegularisedMTL
from models.config.settings import FeatureSettings, ModelTask, TrainingSettings
from models.fairness.terms import FairnessTerms
from models.networks.base import MultiTaskNetwork
from models.networks.registry import build_network
from models.robustness.objective import JustTrainTwice, Regularised, RobustObjective, WorstCells
from models.robustness.regularised import build_reconstruction
from models.training.optimizers import make_optimizer
from models.training.run import prepare_process
from models.training.step import MultiTaskModel
from models.training.task_weighting import make_weighting

NUMERIC, CATEGORICAL, VOCABULARY = 4, 4, 1000
ROWS = 1024
WARM_UP = 20
GROUP = "group"


def measure(entry: Entry, repeats: int, steps: int) -> dict[str, Any]:
    """Measures in this process, which should be fresh: its memory is the method's.

    Steps are those of a training, in its compiled loop, on one thread. Time is that of the processor, which other programs
    disturb less than the clock's.

    Args:
      entry: The method.
      repeats: Turns of method and baseline.
      steps: Of each turn.

    Returns:
      ``ms`` and ``ms_baseline`` per step, medians; ``ratio``, the median over turns of time by time of the same turn, and
      its quartiles ``lower`` and ``upper``; ``parameters`` trained, ``parameters_exported`` of the network alone, and
      ``peak_mib``, before the baseline was built.

    Raises:
      FloatingPointError: The loss became NaN or infinite.
    """
    prepare_process(1, "float32", threads=1)
    candidate = Stepper(entry)
    candidate.run(WARM_UP)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    reference = Stepper(baseline(entry.tasks))
    reference.run(WARM_UP)
    turns = [(candidate.run(steps) / steps, reference.run(steps) / steps) for _ in range(repeats)]
    candidate.require_finite()
    ratios = [own / other for own, other in turns]
    lower, _, upper = statistics.quantiles(ratios, n=4)
    return {
        "ms": 1000 * statistics.median(own for own, _ in turns),
        "ms_baseline": 1000 * statistics.median(other for _, other in turns),
        "ratio": statistics.median(ratios),
        "lower": lower,
        "upper": upper,
        "parameters": _size(candidate.model.trained_variables),
        "parameters_exported": _size(candidate.model.network.trainable_variables),
        "peak_mib": peak,
    }


class Stepper:
    """A model that takes steps on one batch again and again.

    Args:
      entry: What it is.
    """

    def __init__(self, entry: Entry) -> None:
        self.model = make_model(entry)
        batch = make_batch(list(self.model.tasks))
        self._batches: Iterator[Any] = iter(tf.data.Dataset.from_tensors(batch).repeat())

    def run(self, steps: int) -> float:
        """Takes steps; returns seconds of the processor."""
        started = time.process_time()
        self.model.train_steps(self._batches, steps)
        return time.process_time() - started

    def require_finite(self) -> None:
        """Raises where the steps led nowhere."""
        for task, figures in self.model.epoch_figures().items():
            if not math.isfinite(figures["loss"]):
                raise FloatingPointError(f"the loss of `{task}` is {figures['loss']}")


def make_model(entry: Entry) -> MultiTaskModel:
    """The compiled model of a method, as ``models.training.stages`` makes it."""
    tasks = [ModelTask(name=f"task_{index}") for index in range(entry.tasks)]
    names = [task.name for task in tasks]
    network = _network(entry, names, seed=1)
    fairness = None
    if entry.fairness.mode != "none":
        fairness = FairnessTerms(entry.fairness, GROUP, 2, dict.fromkeys(names, True))
    model = MultiTaskModel(
        network,
        tasks,
        fairness,
        1,
        weighting=make_weighting(entry.training.weighting, network, tasks, 1),
        robust=_robust(entry, network, names),
    )
    model.compile(optimizer=make_optimizer(TrainingSettings()))
    return model


def _network(entry: Entry, tasks: list[str], seed: int) -> MultiTaskNetwork:
    numeric = [{"type": "numeric", "name": f"n{index}"} for index in range(NUMERIC)]
    categorical = [
        {"type": "categorical", "name": f"c{index}", "vocabulary": VOCABULARY} for index in range(CATEGORICAL)
    ]
    features = FeatureSettings.model_validate({"inputs": [*numeric, *categorical]})
    return build_network(entry.model, features, {f"c{index}": VOCABULARY for index in range(CATEGORICAL)}, tasks, seed)


def _robust(entry: Entry, network: MultiTaskNetwork, tasks: list[str]) -> RobustObjective | None:
    settings = entry.training.robustness
    if isinstance(settings, RegularisedMTL):
        return Regularised(network, settings, build_reconstruction(network, settings))
    if isinstance(settings, JTT):
        return JustTrainTwice(network, settings, _network(entry, tasks, seed=2))
    if isinstance(settings, GroupDROSettings):
        return WorstCells(network, GROUP, 2, settings.step, dict.fromkeys(tasks, np.full([2, 2], ROWS)))
    return None


def make_batch(tasks: list[str], rows: int = ROWS) -> dict[str, Any]:
    """Random rows: labels are noise, a third positive."""
    rng = np.random.default_rng(rows)
    labels = (rng.random([rows, len(tasks)]) < 1 / 3).astype(np.float32)
    positives = labels.sum(1, keepdims=True)
    kinds = np.where(labels == 1, 0, np.where(positives == len(tasks) - 1, 2, 1))
    features: dict[str, Any] = {f"n{i}": rng.normal(size=rows).astype(np.float32) for i in range(NUMERIC)}
    features |= {f"c{i}": rng.integers(0, VOCABULARY, rows) for i in range(CATEGORICAL)}
    return {
        "features": features,
        "labels": {task: labels[:, index] for index, task in enumerate(tasks)},
        "weights": {task: np.ones(rows, np.float32) for task in tasks},
        "kinds": {task: kinds[:, index] for index, task in enumerate(tasks)},
        "groups": {GROUP: rng.integers(0, 2, rows)},
    }


def _size(variables: list[tf.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)
