import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.fairness.correlation import CorrelationLoss


def absolute_correlation(scores, group, weight=None):
    """|Pearson| in float64, 1e-6 in the denominator."""
    weight = np.ones(len(scores)) if weight is None else weight
    weight = weight / weight.sum()
    centred, side = scores - weight @ scores, (group == 0) - weight @ (group == 0)
    covariance = weight @ (centred * side)
    return abs(covariance) / (np.sqrt((weight @ centred**2) * (weight @ side**2)) + 1e-6)


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_it_is_numpys_correlation(share, value_and_gradient):
    rng = np.random.default_rng(0)
    scores, group = rng.random(500).astype(np.float32), (rng.random(500) < share).astype(int)
    group[:2] = [0, 1]
    value, _ = value_and_gradient(CorrelationLoss(2), scores, group)
    assert value == pytest.approx(abs(np.corrcoef(scores, group)[0, 1]), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-4])
def test_value_and_gradient_with_weights(scale, value_and_gradient, numeric_gradient):
    rng = np.random.default_rng(1)
    scores, group = (0.5 + scale * (rng.random(30) - 0.5)).astype(np.float32), np.arange(30) % 2
    weight = rng.random(30)
    value, gradient = value_and_gradient(CorrelationLoss(2), scores, group, weight=tf.constant(weight, tf.float32))
    assert value == pytest.approx(absolute_correlation(scores.astype(np.float64), group, weight), rel=2e-3)
    expected = numeric_gradient(lambda values: absolute_correlation(values, group, weight), scores, step=1e-6 * scale)
    np.testing.assert_allclose(gradient, expected, rtol=1e-2, atol=2e-3 * np.abs(expected).max())


def test_it_does_not_depend_on_the_scale_of_scores(value_and_gradient):
    rng = np.random.default_rng(2)
    scores, group = rng.random(200).astype(np.float32), np.arange(200) % 2
    whole, _ = value_and_gradient(CorrelationLoss(2), scores, group)
    small, _ = value_and_gradient(CorrelationLoss(2), scores * 0.01, group)
    assert small == pytest.approx(whole, rel=1e-3)


def test_scores_that_name_the_group_correlate_fully(value_and_gradient):
    value, _ = value_and_gradient(CorrelationLoss(2), [0.2, 0.2, 0.9, 0.9, 0.9], [0, 0, 1, 1, 1])
    assert value == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("noise", [1e-7, 6e-8, 1e-30])
def test_almost_constant_scores_stay_bounded(noise, value_and_gradient):
    scores = np.full(100, 0.25, np.float32)
    scores[::3] += np.float32(noise)
    value, gradient = value_and_gradient(CorrelationLoss(2), scores, np.arange(100) % 2)
    assert 0 <= value <= 1 and np.isfinite(gradient).all()
    # sd(s) / 1e-6 at most, shared among the rows.
    assert np.abs(gradient).max() <= 1.1 * 0.5 / 1e-6 / 100


def test_one_groups_constant_scores_are_nothing_special(value_and_gradient):
    scores = np.array([0.3, 0.3, 0.3, 0.1, 0.5, 0.9], np.float32)
    value, gradient = value_and_gradient(CorrelationLoss(2), scores, [0, 0, 0, 1, 1, 1])
    assert value == pytest.approx(absolute_correlation(scores.astype(float), np.array([0, 0, 0, 1, 1, 1])), rel=1e-4)
    assert gradient.any()
