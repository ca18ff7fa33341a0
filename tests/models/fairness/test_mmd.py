import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.fairness.kernels import GaussianKernel, LaplaceKernel
from models.fairness.mmd import MMDLoss, signed_measures

KERNELS = {"gaussian": lambda d: np.exp(-(d**2)), "laplace": lambda d: np.exp(-np.abs(d))}

every_kernel = pytest.mark.parametrize("kernel", sorted(KERNELS))
every_bandwidth = pytest.mark.parametrize("bandwidth", [0.01, 0.1, 1.0])


def squared_mmd(scores, group, kernel, bandwidth, weight=None):
    """E k(x, x') + E k(y, y') − 2 E k(x, y) in float64, the diagonal included."""
    scores = np.asarray(scores, np.float64)
    weight = np.ones(len(scores)) if weight is None else weight
    matrix = KERNELS[kernel]((scores[:, None] - scores[None, :]) / bandwidth)
    first, second = (np.where(group == side, weight, 0) for side in (0, 1))
    first, second = first / first.sum(), second / second.sum()
    return first @ matrix @ first + second @ matrix @ second - 2 * first @ matrix @ second


@every_kernel
@every_bandwidth
def test_value_and_gradient_against_float64(kernel, bandwidth, value_and_gradient, numeric_gradient):
    rng = np.random.default_rng(0)
    scores, group, weight = rng.random(40).astype(np.float32), np.arange(40) % 2, rng.random(40)
    loss = MMDLoss(2, kernel=kernel, bandwidth=bandwidth)
    value, gradient = value_and_gradient(loss, scores, group, weight=tf.constant(weight, tf.float32))
    assert value == pytest.approx(squared_mmd(scores, group, kernel, bandwidth, weight), abs=1e-6)
    expected = numeric_gradient(lambda x: squared_mmd(x, group, kernel, bandwidth, weight), scores, step=1e-7)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@every_kernel
def test_equal_distributions_are_at_zero(kernel, value_and_gradient):
    scores = np.random.default_rng(1).random(30).astype(np.float32)
    value, gradient = value_and_gradient(MMDLoss(2, kernel=kernel), np.repeat(scores, 2), np.arange(60) % 2)
    assert abs(value) < 1e-6
    np.testing.assert_allclose(gradient, 0, atol=1e-6)


@every_kernel
def test_far_apart_it_reaches_two(kernel, value_and_gradient):
    value, _ = value_and_gradient(MMDLoss(2, kernel=kernel, bandwidth=0.01), [0.0, 0.0, 1.0], [0, 0, 1])
    assert value == pytest.approx(2.0, abs=1e-6)


@every_kernel
def test_it_sees_more_than_the_mean(kernel, value_and_gradient):
    value, gradient = value_and_gradient(MMDLoss(2, kernel=kernel), [0.5, 0.5, 0.2, 0.8], [0, 0, 1, 1])
    assert value > 0.5
    assert gradient[2] < 0 < gradient[3], "towards the middle, against the gradient"


def test_tied_scores_do_not_pull_on_each_other(value_and_gradient):
    # The second group sits at 0.7: only the distance between 0.3 and 0.7 pulls.
    _, gradient = value_and_gradient(MMDLoss(2, kernel="laplace"), [0.3, 0.3, 0.7], [0, 0, 1])
    pull = 2 * 0.5 * np.exp(-4) / 0.1
    np.testing.assert_allclose(gradient, [-pull, -pull, 2 * pull], rtol=1e-4)


def test_kernels_by_hand():
    np.testing.assert_allclose(
        GaussianKernel(0.2)(tf.constant(0.5), tf.constant([0.5, 0.7])), [1, np.exp(-1)], rtol=1e-5
    )
    np.testing.assert_allclose(
        LaplaceKernel(0.2)(tf.constant(0.5), tf.constant([0.5, 0.1])), [1, np.exp(-2)], rtol=1e-5
    )


def test_measures_leave_out_rows_without_mass():
    scores = tf.constant([0.1, 0.2, 0.3, 0.4])
    first, second = tf.constant([[1.0, 0, 0, 1]]), tf.constant([[0.0, 0, 4, 0]])
    kept, measures = signed_measures(scores, first, second)
    np.testing.assert_allclose(kept, [0.1, 0.3, 0.4])
    np.testing.assert_allclose(measures, [[0.5, -1, 0.5]])


@pytest.mark.parametrize(
    "arguments, message",
    [({"kernel": "cubic"}, r"`kernel` should be one of \['gaussian', 'laplace'\]"), ({"bandwidth": 0.0}, "positive")],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        MMDLoss(2, **arguments)
