"""The sorted form against the dense one in float64: value and gradient to 1e-5."""

import models  # noqa: F401

# isort: split
import time

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.fairness.laplace_mmd import LaplaceMMDLoss, laplace_energy
from models.fairness.mmd import MMDLoss

# TensorFlow flushes subnormal numbers to zero, which would make them ties, so the scores below have none.
TOLERANCE = 1e-5


def dense_energy(scores, measure, bandwidth):
    """cᵀ K c and its gradient; the derivative of |a − b| at a = b is 0."""
    difference = np.asarray(scores, np.float64)[:, None] - np.asarray(scores, np.float64)[None, :]
    matrix = np.exp(-np.abs(difference) / bandwidth)
    gradient = 2 * measure * ((-np.sign(difference) * matrix / bandwidth) @ measure)
    return measure @ matrix @ measure, gradient


def measure_of(group, weight):
    first, second = (np.where(group == side, weight, 0) for side in (0, 1))
    return first / first.sum() - second / second.sum()


SCORES = {
    "spread": lambda rng, rows: rng.random(rows),
    "tied": lambda rng, rows: np.round(rng.random(rows) * 12) / 12,
    "two values": lambda rng, rows: rng.integers(0, 2, rows) * 0.5 + 0.1,
    "constant": lambda rng, rows: np.full(rows, 0.3),
    "ends": lambda rng, rows: rng.integers(0, 2, rows).astype(float),
    "close": lambda rng, rows: 0.5 + 1e-4 * rng.random(rows),
    # Without denormal numbers, which TensorFlow takes for zeros, that is for ties.
    "skewed": lambda rng, rows: np.maximum(rng.beta(0.05, 2.0, rows), 1e-30),
}


@pytest.mark.parametrize("bandwidth", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("kind", sorted(SCORES))
@pytest.mark.parametrize("weighted", [False, True])
def test_value_and_gradient_equal_the_dense_form(kind, bandwidth, weighted, value_and_gradient):
    for rows in (2, 3, 31, 32, 33, 600):
        rng = np.random.default_rng(rows)
        scores = SCORES[kind](rng, rows).astype(np.float32)
        group = rng.integers(0, 2, rows)
        group[:2] = [0, 1]
        weight = rng.random(rows) + 0.01 if weighted else np.ones(rows)
        loss = LaplaceMMDLoss(2, bandwidth=bandwidth)
        value, gradient = value_and_gradient(loss, scores, group, weight=tf.constant(weight, tf.float32))
        expected, expected_gradient = dense_energy(scores, measure_of(group, weight), bandwidth)
        assert value == pytest.approx(expected, abs=TOLERANCE * max(expected, 0.1))
        limit = TOLERANCE * max(np.abs(expected_gradient).max(), 0.01)
        np.testing.assert_allclose(gradient, expected_gradient, rtol=0, atol=limit)


@given(
    cells=st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.25, 0.3, 1.0]) | st.floats(0, 1, width=32, allow_subnormal=False),
            st.integers(-1, 1),
        ),
        min_size=2,
    ),
    bandwidth=st.sampled_from([1e-4, 0.01, 0.1, 1.0, 100.0]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_scores_and_groups(cells, bandwidth, value_and_gradient):
    scores, group = (np.array(column) for column in zip(*cells, strict=True))
    value, gradient = value_and_gradient(LaplaceMMDLoss(2, bandwidth=bandwidth), scores, group)
    if not {0, 1} <= set(group):
        assert value == 0 and not gradient.any()
        return
    expected, expected_gradient = dense_energy(
        scores.astype(np.float32), measure_of(group, np.ones(len(cells))), bandwidth
    )
    assert value == pytest.approx(expected, abs=1e-5)
    np.testing.assert_allclose(
        gradient, expected_gradient, rtol=1e-5, atol=1e-5 * max(1, np.abs(expected_gradient).max())
    )


def test_gradient_against_finite_differences(value_and_gradient, numeric_gradient):
    rng = np.random.default_rng(0)
    scores, group = rng.random(50).astype(np.float32), np.arange(50) % 2
    measure = measure_of(group, np.ones(50))
    _, gradient = value_and_gradient(LaplaceMMDLoss(2), scores, group)
    expected = numeric_gradient(lambda values: dense_energy(values, measure, 0.1)[0], scores, step=1e-7)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_several_measures_share_one_sort():
    rng = np.random.default_rng(1)
    scores = (np.round(rng.random(70) * 20) / 20).astype(np.float32)
    measures = rng.normal(size=(4, 70))
    upstream = np.array([1.0, -2.0, 0.0, 0.5])
    variable, masses = tf.constant(scores), tf.constant(measures, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch([variable, masses])
        total = tf.reduce_sum(laplace_energy(variable, masses, 0.1) * tf.constant(upstream, tf.float32))
    to_scores, to_measures = tape.gradient(total, [variable, masses])
    parts = [dense_energy(scores, measure, 0.1) for measure in measures]
    assert float(total) == pytest.approx(
        sum(u * value for u, (value, _) in zip(upstream, parts, strict=True)), rel=1e-5
    )
    expected = sum(u * gradient for u, (_, gradient) in zip(upstream, parts, strict=True))
    np.testing.assert_allclose(to_scores, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    matrix = np.exp(-np.abs(scores[:, None].astype(float) - scores[None, :]) / 0.1)
    np.testing.assert_allclose(to_measures, 2 * upstream[:, None] * (measures @ matrix), rtol=1e-4, atol=1e-4)


def test_order_of_rows_does_not_matter(value_and_gradient):
    rng = np.random.default_rng(2)
    scores, group = (np.round(rng.random(200) * 50) / 50).astype(np.float32), rng.integers(0, 2, 200)
    order = rng.permutation(200)
    value, gradient = value_and_gradient(LaplaceMMDLoss(2), scores, group)
    other, other_gradient = value_and_gradient(LaplaceMMDLoss(2), scores[order], group[order])
    assert other == pytest.approx(value, abs=1e-7)
    np.testing.assert_allclose(other_gradient, gradient[order], atol=1e-7)


def test_a_tiny_bandwidth_does_not_overflow(value_and_gradient):
    scores = np.linspace(0, 1, 500, dtype=np.float32)
    value, gradient = value_and_gradient(LaplaceMMDLoss(2, bandwidth=1e-6), scores, np.arange(500) % 2)
    assert value == pytest.approx(2 / 250, rel=1e-5)
    assert np.isfinite(gradient).all()


def test_it_is_the_dense_loss_for_several_groups(value_and_gradient):
    rng = np.random.default_rng(3)
    scores, group, mask = rng.random(150).astype(np.float32), rng.integers(-1, 4, 150), rng.random(150) < 0.8
    for reduction in ("mean_pairs", "max_pairs", "mean_rest", "max_rest"):
        value, gradient = value_and_gradient(LaplaceMMDLoss(4, reduction), scores, group, mask)
        dense, dense_gradient = value_and_gradient(MMDLoss(4, reduction, kernel="laplace"), scores, group, mask)
        assert value == pytest.approx(dense, rel=1e-4)
        np.testing.assert_allclose(gradient, dense_gradient, atol=1e-5)


def test_cost_grows_about_as_the_number_of_rows():
    loss = LaplaceMMDLoss(2)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32), tf.TensorSpec([None], tf.int32)])
    def gradient(scores, group):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = loss(scores, group, tf.ones_like(group, tf.bool))
        return tape.gradient(value, scores)

    def seconds(rows):
        batch = tf.random.stateless_uniform([rows], [1, 2]), tf.range(rows) % 2
        gradient(*batch).numpy()
        times = []
        for _ in range(5):
            start = time.perf_counter()
            gradient(*batch).numpy()
            times.append(time.perf_counter() - start)
        return min(times)

    # 16 times the rows: a dense form takes 256 times as long, this one measured 8 to 20 times.
    assert seconds(131_072) < 64 * seconds(8192)


def test_bandwidth_is_positive():
    with pytest.raises(ValueError, match="`bandwidth` should be positive. Received: -0.1"):
        LaplaceMMDLoss(2, bandwidth=-0.1)
