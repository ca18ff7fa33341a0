"""Two replicas hold the state and the weights of one. In a process of its own: logical devices have to be made first."""

import models  # noqa: F401

# isort: split
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter

TASKS, SHAPES = ("zebra", "apple", "mango"), ((4, 3), (5,))


def test_two_replicas_are_one():
    root = pathlib.Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, __file__],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(root)},
        encoding="utf-8",
    )
    if result.returncode:
        pytest.fail(result.stdout[-3000:] + result.stderr[-6000:])
    from models.weighting.registry import WEIGHTINGS

    assert result.stdout.split() == [word for method in WEIGHTINGS for word in (method, "agrees")]


def draw(index):
    """Signals of the global batch, as fields of TaskSignals."""
    rng = np.random.default_rng(index)
    known = rng.random(3) < 0.8
    gradients = [[rng.normal(size=shape) * flag for shape in SHAPES] for flag in known]
    flat = np.array([np.concatenate([part.reshape(-1) for part in task]) for task in gradients])
    return {
        "losses": tf.constant(rng.uniform(0.1, 1, 3) * known, tf.float32),
        "known": tf.constant(known),
        "step": tf.constant(index, tf.int64),
        "gram": tf.constant(flat @ flat.T, tf.float32),
        "gradients": tf.nest.map_structure(lambda part: tf.constant(part, tf.float32), gradients),
    }


def path(strategy, method):
    """Weights of each replica over six steps and two epochs, and the state after, as each replica holds it."""
    from models.config.weighting import WeightingSettings
    from models.weighting.base import TaskSignals
    from models.weighting.registry import build_weighting

    settings = TypeAdapter(WeightingSettings).validate_python({"method": method})
    with strategy.scope():
        weighting = build_weighting(settings, TASKS, [1.0] * 3, 4)
        weighting.build([tf.TensorShape(shape) for shape in SHAPES])

    @tf.function(autograph=False)
    def step(fields):
        return strategy.run(lambda: tuple(weighting.step(TaskSignals(**fields))))

    found = []
    for start in (0, 6):
        for index in range(start, start + 3):
            found.append([strategy.experimental_local_results(part) for part in step(draw(index))])
        # Outside of the scope, as the loop over epochs calls it.
        weighting.end_epoch([0.5, 0.4 - 0.02 * start, float("nan")])
        if not start:
            path_of_first = weighting.weights().numpy()
    values = [strategy.experimental_local_results(variable) for variable in weighting.variables]
    held = [[copy.numpy() for copy in copies] for copies in values]
    weighting.reset()
    assert method == "fixed" or np.allclose(weighting.weights(), 1 / 3)
    return [[[copy.numpy() for copy in part] for part in parts] for parts in found], held, path_of_first


def agree(two, one):
    """Each copy on two replicas is that on one device."""
    assert len(two) == len(one)
    for copies, (alone,) in zip(two, one, strict=True):
        assert len(copies) == 2
        for copy in copies:
            np.testing.assert_allclose(copy, alone, rtol=1e-6, atol=1e-7)


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    from models.weighting.registry import WEIGHTINGS

    for method in WEIGHTINGS:
        steps, held, shown = path(strategy, method)
        steps_alone, held_alone, shown_alone = path(tf.distribute.get_strategy(), method)
        for two, one in zip(steps, steps_alone, strict=True):
            agree(two, one)
        agree(held, held_alone)
        np.testing.assert_allclose(shown, shown_alone, rtol=1e-6)
        print(method, "agrees", flush=True)


if __name__ == "__main__":
    main()
