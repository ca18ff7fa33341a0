"""Embeddings by the million: memory in multiples of the table, and an Adam that leaves untouched rows alone.

Bounds are multiples of the table's own size, so that a table of a million rows speaks for one of 10 million: at 16 float32 a
row 0.64 GB, hence 2.2 GB with ``lazy_adam``, and 2.2 GB with ``adagrad`` too (the draw of the initial values).
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.config.settings import TrainingSettings
from models.training.lazy_adam import LazyAdam
from models.training.optimizers import make_optimizer

ROOT = pathlib.Path(__file__).parents[3]
BOUND = 3.5


def measured(optimizer, rows):
    script = pathlib.Path(__file__).with_name("table_memory.py")
    result = subprocess.run(
        [sys.executable, str(script), optimizer, str(rows)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.parametrize("optimizer", ["lazy_adam", "adagrad"])
def test_building_and_steps_stay_within_a_multiple_of_the_table(optimizer):
    """The table and its slots: nothing of the table's size is computed in a step."""
    found = measured(optimizer, 1_000_000)
    assert found["megabytes"] == pytest.approx(61, abs=1)
    assert found["built"] < BOUND and found["peak"] < BOUND, found


def test_adam_itself_does_not():
    """What `lazy_adam` is for, and that the measurement sees it: Keras' Adam computes several tables in every step."""
    found = measured("adam", 1_000_000)
    assert found["peak"] > BOUND + 1, found


@pytest.mark.slow
def test_ten_million_rows():
    found = measured("lazy_adam", 10_000_000)
    assert found["megabytes"] == pytest.approx(610, abs=1)
    assert found["peak"] < BOUND, found


def both(updates, shape=(6, 3), **options):
    """The variable and both optimisers' results after ``updates``, each a dense or a sparse gradient."""
    start = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    results = []
    for make in (keras.optimizers.Adam, LazyAdam):
        variable = tf.Variable(start)
        optimizer = make(learning_rate=0.1, **options)
        optimizer.build([variable])
        for gradient in updates:
            optimizer.apply_gradients([(gradient, variable)])
        results.append(variable.numpy())
    return start, *results


def sparse(rows, values=None, size=6):
    rng = np.random.default_rng(len(rows))
    values = rng.normal(size=(len(rows), 3)).astype(np.float32) if values is None else values
    return tf.IndexedSlices(tf.constant(values), tf.constant(rows, tf.int64), tf.constant([size, 3], tf.int64))


def test_dense_gradients_are_adams():
    rng = np.random.default_rng(1)
    updates = [tf.constant(rng.normal(size=(6, 3)), tf.float32) for _ in range(5)]
    start, adam, lazy = both(updates)
    np.testing.assert_array_equal(adam, lazy)
    assert not np.array_equal(start, lazy)


def test_rows_that_every_batch_holds_move_as_adams():
    updates = [sparse([0, 1, 2, 3, 4, 5]), sparse([5, 4, 3, 2, 1, 0]), sparse([0, 1, 2, 3, 4, 5])]
    _, adam, lazy = both(updates)
    np.testing.assert_allclose(lazy, adam, rtol=1e-5, atol=1e-6)


def test_rows_that_a_batch_does_not_hold_stay():
    start, adam, lazy = both([sparse([1, 4]), sparse([1])])
    untouched = [0, 2, 3, 5]
    np.testing.assert_array_equal(lazy[untouched], start[untouched])
    assert (lazy[[1, 4]] != start[[1, 4]]).all()
    np.testing.assert_allclose(lazy[1], adam[1], rtol=1e-4, atol=1e-6)
    # Adam's row 4 coasts on its momentum in the second step, where no batch held it.
    assert np.abs(lazy[4] - adam[4]).max() > 1e-3


def test_by_hand():
    """g = 2 then, two steps later, g = −1: m = 0.2, 0.1·(−1) + 0.9·0.2 = 0.08; v = 0.004, 0.001 + 0.999·0.004."""
    updates = [sparse([2], [[2.0, 2.0, 2.0]]), sparse([0]), sparse([2], [[-1.0, -1.0, -1.0]])]
    start, _, lazy = both(updates)
    row, rate = start[2].astype(np.float64), 0.1
    for step, (mean, square) in ((1, (0.2, 0.004)), (3, (0.08, 0.001 + 0.999 * 0.004))):
        row -= rate * np.sqrt(1 - 0.999**step) / (1 - 0.9**step) * mean / (np.sqrt(square) + 1e-7)
    np.testing.assert_allclose(lazy[2], row, rtol=1e-5)


def test_a_row_that_a_batch_holds_twice_gets_the_sum():
    once = both([sparse([3], [[3.0, 5.0, 1.0]])])[2]
    twice = both([sparse([3, 3], [[1.0, 2.0, 0.5], [2.0, 3.0, 0.5]])])[2]
    np.testing.assert_allclose(twice, once, rtol=1e-6)


def test_amsgrad_is_refused_rather_than_left_out():
    with pytest.raises(ValueError, match="no `amsgrad`"):
        both([sparse([1])], amsgrad=True)


def test_the_setting_names_it_and_it_serialises():
    optimizer = make_optimizer(TrainingSettings.model_validate({"optimizer": "lazy_adam", "learning_rate": 0.02}))
    assert type(optimizer) is LazyAdam and float(optimizer.learning_rate) == pytest.approx(0.02)
    again = LazyAdam.from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
