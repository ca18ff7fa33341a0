"""Random signals of some steps, with absent tasks, and a compiled loop over them."""

import models  # noqa: F401  (chooses Keras 2 before TensorFlow loads)

# isort: split
import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter

from models.config.weighting import WeightingSettings
from models.weighting.base import TaskSignals
from models.weighting.registry import build_weighting

# Not in alphabetical order.
TASKS = ("zebra", "apple", "mango")
SHAPES = ((4, 3), (5,))


@dataclasses.dataclass(frozen=True)
class Step:
    """The signals of a step, float64; ``flat`` is [T, P], the tasks' gradients in a row each."""

    losses: Any
    known: Any
    flat: Any
    index: int

    @property
    def gram(self):
        return self.flat @ self.flat.T

    def gradients(self):
        sizes = [int(np.prod(shape)) for shape in SHAPES]
        cuts = np.cumsum(sizes)[:-1]
        return [[p.reshape(s) for p, s in zip(np.split(row, cuts), SHAPES, strict=True)] for row in self.flat]

    def signals(self):
        return TaskSignals(
            losses=tf.constant(self.losses, tf.float32),
            known=tf.constant(self.known),
            step=tf.constant(self.index, tf.int64),
            gram=tf.constant(self.gram, tf.float32),
            gradients=[[tf.constant(part, tf.float32) for part in task] for task in self.gradients()],
        )


def _draw(count=50, *, seed=0, absent=0.3):
    """Steps whose tasks differ in the size of losses and gradients, half of them in conflict; one has no task at all."""
    rng = np.random.default_rng(seed)
    steps = []
    for index in range(count):
        known = rng.random(len(TASKS)) >= absent
        if absent and index == 7:
            known[:] = False
        common = rng.normal(size=17) * rng.choice([0.3, 1.5])
        flat = (rng.normal(size=(len(TASKS), 17)) + common * rng.choice([-1, 1], (len(TASKS), 1))) * [[1], [0.2], [3]]
        losses = rng.uniform(0.2, 1.0, len(TASKS)) * [1.0, 2.0, 0.3]
        steps.append(Step(losses * known, known, flat * known[:, None], index))
    return steps


def _drive(weighting, steps):
    """Weights and shared weights of each step, float32 [steps, T] each, from one trace."""
    traces = []

    @tf.function(autograph=False)
    def step(signals):
        traces.append(1)
        return tuple(weighting.step(TaskSignals(**signals)))

    def fields(signals):
        return {field.name: getattr(signals, field.name) for field in dataclasses.fields(signals)}

    found = [[part.numpy() for part in step(fields(each.signals()))] for each in steps]
    assert len(traces) == 1
    return np.array([weights for weights, _ in found]), np.array([shared for _, shared in found])


def _make(method, seed=3, **options):
    """A built weighting of ``TASKS``."""
    settings = TypeAdapter(WeightingSettings).validate_python({"method": method, **options})
    weighting = build_weighting(settings, TASKS, [1.0] * len(TASKS), seed)
    weighting.build([tf.TensorShape(shape) for shape in SHAPES])
    return weighting


def _share_out(weights, relative, known):
    """The rule for absent tasks: they keep their weight, the others share the rest."""
    relative = np.where(known, relative, 0.0)
    if relative.sum() <= 0:
        return weights
    return np.where(known, weights[known].sum() * relative / relative.sum(), weights)


@pytest.fixture(scope="session")
def draw():
    return _draw


@pytest.fixture(scope="session")
def drive():
    return _drive


@pytest.fixture(scope="session")
def make():
    return _make


@pytest.fixture(scope="session")
def share_out():
    return _share_out


@pytest.fixture(scope="session")
def one_step():
    """A step of given gradients [T, P ≤ 17] (padded by zeros), losses and known tasks."""

    def build(flat, losses=(0.5, 0.5, 0.5), known=(True, True, True), index=0):
        flat = np.asarray(flat, float)
        padded = np.zeros((len(TASKS), 17))
        padded[:, : flat.shape[1]] = flat
        return Step(np.asarray(losses, float), np.asarray(known), padded, index)

    return build
