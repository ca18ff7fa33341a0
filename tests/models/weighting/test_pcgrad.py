"""PCGrad by coefficients against the textbook's surgery on vectors."""

import models  # noqa: F401

# isort: split
import numpy as np
import tensorflow as tf

from models.weighting.pcgrad import projected, projection_orders


def surgery(flat, orders):
    """The projected gradients, [T, P]."""
    found = []
    for task, order in enumerate(orders):
        gradient = flat[task].copy()
        for other in order:
            product = gradient @ flat[other]
            if other != task and product < 0:
                gradient -= product / (flat[other] @ flat[other]) * flat[other]
        found.append(gradient)
    return np.array(found)


def test_coefficients_give_the_projected_vectors():
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 6):
        flat = rng.normal(size=(count, 8)) * rng.lognormal(0, 1, (count, 1))
        orders = np.array([rng.permutation(count) for _ in range(count)])
        coefficients = projected(tf.constant(flat @ flat.T), tf.constant(orders, tf.int32)).numpy()
        np.testing.assert_allclose(coefficients @ flat, surgery(flat, orders), atol=1e-9)
        if count == 2:
            assert ((coefficients @ flat) @ flat.T).min() > -1e-12


def test_fifty_steps(make, draw, drive):
    steps = draw()
    weights, shared = drive(make("pcgrad", seed=9), steps)
    np.testing.assert_allclose(weights, 1 / 3, rtol=1e-6)
    changed = 0
    for coefficients, step in zip(shared, steps, strict=True):
        orders = projection_orders(9, tf.constant(step.index, tf.int64), 3).numpy()
        # Among the present tasks alone: the others are not met.
        present = np.flatnonzero(step.known)
        rows = [[np.flatnonzero(present == o)[0] for o in orders[task] if step.known[o]] for task in present]
        expected = surgery(step.flat[present], rows).sum(axis=0) / 3 if len(present) else np.zeros(17)
        np.testing.assert_allclose(coefficients @ step.flat, expected, atol=2e-6)
        np.testing.assert_allclose(coefficients[~step.known], 1 / 3, rtol=1e-6)
        assert coefficients.min() >= np.float32(1 / 3)
        changed += bool(np.abs(coefficients - 1 / 3).max() > 1e-3)
    assert 10 < changed < 50


def test_gradients_without_conflict_are_left_alone(make, one_step):
    flat = [[1.0, 0.5, 0.0], [0.2, 1.0, 0.0], [0.0, 0.0, 3.0]]
    found = make("pcgrad").step(one_step(flat).signals())
    np.testing.assert_allclose(found.shared_weights, 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(found.weights, 1 / 3, rtol=1e-6)


def test_two_in_conflict_by_hand(make, one_step):
    """g_1 = (1, 0), g_2 = (−1, 1), product −1: g_1 + ½ g_2 and g_2 + g_1, so the coefficients are 2 and 1½, thirds."""
    found = make("pcgrad").step(one_step([[1.0, 0.0], [-1.0, 1.0], [0.0, 0.0]]).signals())
    np.testing.assert_allclose(found.shared_weights, [2 / 3, 1.5 / 3, 1 / 3], rtol=1e-6)


def test_orders_are_permutations_that_follow_seed_and_step():
    first = projection_orders(1, tf.constant(5, tf.int64), 6).numpy()
    np.testing.assert_array_equal(np.sort(first, axis=1), np.tile(np.arange(6), (6, 1)))
    np.testing.assert_array_equal(first, projection_orders(1, tf.constant(5, tf.int64), 6))
    assert (first != projection_orders(1, tf.constant(6, tf.int64), 6).numpy()).any()
    assert (first != projection_orders(2, tf.constant(5, tf.int64), 6).numpy()).any()
    assert len({tuple(row) for row in first}) > 1
