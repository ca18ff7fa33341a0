"""The arithmetic of shares, on random cases and at its edges."""

import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.weighting.base import TaskSignals
from models.weighting.gram import usable_gram
from models.weighting.shares import finite_losses, multiplied, raised, shared_out, uniform


def tensors(*arrays):
    return (tf.constant(a, tf.bool if np.asarray(a).dtype == bool else tf.float32) for a in arrays)


@pytest.fixture(params=range(6))
def case(request):
    """Weights that sum to 1, positive numbers and a mask, for a few tasks."""
    rng = np.random.default_rng(request.param)
    count = request.param + 1
    return rng.dirichlet(np.ones(count)), rng.exponential(size=count), rng.random(count) < 0.6


def test_shared_out(case, share_out):
    weights, relative, present = case
    found = shared_out(*tensors(weights, relative, present)).numpy()
    np.testing.assert_allclose(found, share_out(weights, relative, present), atol=1e-6)
    assert found.sum() == pytest.approx(1, abs=1e-6)


def test_nothing_to_share_out_by_leaves_the_weights():
    weights = [0.2, 0.3, 0.5]
    for relative, present in (([0, 0, 0], [True, True, False]), ([1, 2, 3], [False, False, False])):
        found = shared_out(*tensors(weights, np.array(relative, float), np.array(present)))
        np.testing.assert_allclose(found, weights)
    # What is not finite where absent is not read.
    found = shared_out(*tensors(weights, np.array([np.nan, 1.0, 1.0]), np.array([False, True, True])))
    np.testing.assert_allclose(found, [0.2, 0.4, 0.4], rtol=1e-6)


def test_multiplied(case):
    weights, gains, present = case
    found = np.exp(multiplied(*tensors(np.log(weights), gains, present)))
    grown = np.where(present, weights * np.exp(gains), weights)
    if present.any():
        grown[present] *= weights[present].sum() / grown[present].sum()
    np.testing.assert_allclose(found, grown, rtol=1e-5)


def test_multiplied_beyond_what_exponentials_hold():
    found = multiplied(*tensors(np.log([0.5, 0.5]), np.array([1000.0, 0.0]), np.array([True, True]))).numpy()
    np.testing.assert_allclose(found, [0, -1000])
    # And back; a task alone in the batch keeps what little it has.
    alone = multiplied(*tensors(found, np.array([0.0, 500.0]), np.array([False, True]))).numpy()
    np.testing.assert_allclose(alone, found)
    back = multiplied(*tensors(found, np.array([0.0, 1000.0]), np.array([True, True])))
    np.testing.assert_allclose(np.exp(back), [0.5, 0.5], rtol=1e-4)


def test_the_sum_does_not_drift():
    log_weights = tf.constant(np.log([0.2, 0.3, 0.5]), tf.float32)
    rng = np.random.default_rng(0)
    for _ in range(500):
        gains, present = rng.normal(size=3), rng.random(3) < 0.6
        log_weights = multiplied(log_weights, *tensors(gains, present))
    assert np.exp(log_weights.numpy().astype(float)).sum() == pytest.approx(1, abs=1e-6)


def test_raised(case):
    weights, _, present = case
    count = len(weights)
    least = 0.5 / count
    # Weights that were above the least before, as those of a method with a floor are.
    weights = least + (1 - 0.5) * weights
    moved = np.where(present, 0.0, weights)
    moved[present] = weights[present].sum() * np.random.default_rng(9).dirichlet(0.2 * np.ones(present.sum()))
    found = raised(*tensors(moved), least, *tensors(present)).numpy()
    assert found.sum() == pytest.approx(1, abs=1e-6) and found.min() >= least * (1 - 1e-5)
    np.testing.assert_allclose(found[~present], moved[~present], rtol=1e-6)
    if (moved >= least).all():
        np.testing.assert_allclose(found, moved, rtol=1e-5)


def test_raised_where_all_are_at_the_floor():
    found = raised(*tensors([0.1, 0.1, 0.8]), 0.1, *tensors(np.array([True, True, False])))
    np.testing.assert_allclose(found, [0.1, 0.1, 0.8], rtol=1e-6)
    # All the weight of the present ones with one of them: 0.1 to the other.
    found = raised(*tensors([0.0, 0.6, 0.4]), 0.1, *tensors(np.array([True, True, False])))
    np.testing.assert_allclose(found, [0.1, 0.5, 0.4], rtol=1e-6)


def test_who_takes_part():
    losses = tf.constant([0.5, np.nan, 0.3, np.inf, 0.0])
    known = tf.constant([True, True, False, True, True])
    present, values = finite_losses(TaskSignals(losses, known, tf.constant(0, tf.int64)))
    np.testing.assert_array_equal(present, [True, False, False, False, True])
    np.testing.assert_array_equal(values, [0.5, 0, 0, 0, 0])
    gram = np.array([[4, np.nan, 1, 2, 0], [np.nan] * 5, [1, np.nan, 1, 0, 0], [2, np.nan, 0, 9, 0], [0] * 5], float)
    signals = TaskSignals(losses, tf.constant([True] * 5), tf.constant(0, tf.int64), tf.constant(gram, tf.float32))
    present, found = usable_gram(signals, 5)
    np.testing.assert_array_equal(present, [True, False, True, True, False])
    assert found.dtype == tf.float64
    np.testing.assert_array_equal(
        found, [[4, 0, 1, 2, 0], [0, 1, 0, 0, 0], [1, 0, 1, 0, 0], [2, 0, 0, 9, 0], [0, 0, 0, 0, 1]]
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="not compatible"):
        usable_gram(signals, 4)
    assert uniform(4) == [0.25] * 4
