"""The min-norm point against scipy's general optimiser, and what the direction promises."""

import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize

from models.weighting.mgda import min_norm_point


def reference(flat):
    """argmin |α G|² over the simplex, by sequential quadratic programming."""
    count = len(flat)
    gram = flat @ flat.T
    gram = gram / gram.max()
    found = optimize.minimize(
        lambda a: a @ gram @ a,
        np.full(count, 1 / count),
        jac=lambda a: 2 * gram @ a,
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1, "jac": lambda a: np.ones(count)},
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    return found.x


def solve(flat, present=None):
    present = np.ones(len(flat), bool) if present is None else present
    return min_norm_point(tf.constant(flat @ flat.T, tf.float64), tf.constant(present)).numpy()


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_the_shortest_vector(count):
    rng = np.random.default_rng(count)
    for turn in range(12):
        flat = rng.normal(size=(count, 20)) + rng.normal(size=20) * [0, 1, 3][turn % 3]
        flat *= rng.lognormal(0, 1, (count, 1))
        weights = solve(flat)
        assert weights.min() >= 0 and weights.sum() == pytest.approx(1, abs=1e-12)
        direction = weights @ flat
        square = direction @ direction
        assert square <= ((reference(flat) @ flat) ** 2).sum() * (1 + 1e-5)
        # The optimality condition: no task's gradient has a smaller inner product with it than the direction itself.
        assert (flat @ direction).min() >= square * (1 - 1e-4) > 0


def test_two_tasks_in_closed_form():
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.normal(size=(2, 4)) * [[1], [2]]
        share = np.clip((second - first) @ second / ((first - second) @ (first - second)), 0, 1)
        np.testing.assert_allclose(solve(np.stack([first, second])), [share, 1 - share], atol=1e-5)


@pytest.mark.parametrize(
    "flat",
    [
        [[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]],  # 0 lies in the hull
        [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]],  # all the same
        [[1.0, 2.0], [2.0, 4.0], [-3.0, -6.0]],  # all on a line
        [[1.0, 0.0], [np.cos(2), np.sin(2)], [np.cos(4), np.sin(4)]],  # 0 inside of a triangle
        [[1e-4, 0.0], [1.0, 1.0], [1.0, -2.0]],
    ],
)
def test_hulls_without_an_interior_or_a_unique_answer(flat):
    flat = np.array(flat)
    weights = solve(flat)
    assert weights.min() >= 0 and weights.sum() == pytest.approx(1)
    expected = ((reference(flat) @ flat) ** 2).sum()
    assert ((weights @ flat) ** 2).sum() == pytest.approx(expected, abs=1e-5 * (flat**2).sum(axis=1).min())


def test_float32_products_of_nearly_parallel_gradients():
    rng = np.random.default_rng(5)
    for _ in range(20):
        flat = (rng.normal(size=30) + 1e-4 * rng.normal(size=(4, 30))).astype(np.float32)
        gram = tf.constant(flat @ flat.T)
        weights = min_norm_point(tf.cast(gram, tf.float64), tf.constant([True] * 4)).numpy()
        direction = weights @ flat
        assert weights.min() >= 0 and (flat @ direction).min() >= 0.999 * direction @ direction


def test_tasks_that_take_no_part_have_no_weight():
    flat = np.array([[1.0, 0.0], [0.0, 0.1], [1.0, 1.0]])
    weights = solve(flat, np.array([True, False, True]))
    np.testing.assert_allclose(weights, [1, 0, 0], atol=1e-5)


def test_fifty_steps(make, draw, drive, share_out):
    steps, last, expected = draw(), np.full(3, 1 / 3), []
    for step in steps:
        if step.known.any():
            relative = np.zeros(3)
            relative[step.known] = reference(step.flat[step.known])
            last = share_out(last, relative, step.known)
        expected.append(last)
    found, shared = drive(make("mgda"), steps)
    np.testing.assert_allclose(found, expected, atol=3e-4)
    for weights, step in zip(shared, steps, strict=True):
        products = step.flat @ (weights @ step.flat)
        assert products.min() >= -1e-5


def test_a_gradient_of_zero_does_not_stop_the_others(make, one_step):
    found = make("mgda").step(one_step([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]).signals())
    np.testing.assert_allclose(found.weights, [1 / 3] * 3, atol=1e-6)
    found = make("mgda").step(one_step([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]]).signals())
    np.testing.assert_allclose(found.weights, [2 / 3 * 0.8, 1 / 3, 2 / 3 * 0.2], atol=1e-5)
