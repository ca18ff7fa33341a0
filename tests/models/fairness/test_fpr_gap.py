import models  # noqa: F401

# isort: split
import warnings

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, true_positive_rate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.fairness.fpr_gap import FPRGapLoss


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(40, 200), n_groups=st.integers(2, 4))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("label, rate", [(0, false_positive_rate), (1, true_positive_rate)])
def test_on_hard_decisions_it_is_fairlearns_gap(label, rate, seed, rows, n_groups, value_and_gradient):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, rows)
    group[: 2 * n_groups] = np.repeat(np.arange(n_groups), 2)
    labels = rng.integers(0, 2, rows)
    labels[: 2 * n_groups] = np.tile([0, 1], n_groups)
    decisions = rng.integers(0, 2, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        frame = MetricFrame(metrics=rate, y_true=labels, y_pred=decisions, sensitive_features=group)
        expected = frame.difference(method="between_groups")
    value, _ = value_and_gradient(FPRGapLoss(n_groups, "max_pairs"), decisions, group, labels == label)
    assert value == pytest.approx(expected, abs=1e-6)


def test_mean_score_by_hand(value_and_gradient):
    # Rates 0.4 and 0.75; each row of a group of n pulls with 1/n.
    value, gradient = value_and_gradient(FPRGapLoss(2), [0.2, 0.6, 0.9, 0.6], [0, 0, 1, 1])
    assert value == pytest.approx(0.35, abs=1e-6)
    np.testing.assert_allclose(gradient, [-0.5, -0.5, 0.5, 0.5], rtol=1e-6)


def soft_gap(scores, group, sharpness, threshold):
    soft = 1 / (1 + np.exp(-sharpness * (scores - threshold)))
    return abs(soft[group == 0].mean() - soft[group == 1].mean())


@pytest.mark.parametrize("sharpness", [1.0, 10.0, 100.0])
def test_soft_rate_and_its_gradient(sharpness, value_and_gradient, numeric_gradient):
    rng = np.random.default_rng(0)
    scores, group = rng.random(40).astype(np.float32), np.arange(40) % 2
    value, gradient = value_and_gradient(FPRGapLoss(2, sharpness=sharpness, threshold=0.4), scores, group)
    assert value == pytest.approx(soft_gap(scores, group, sharpness, 0.4), abs=1e-6)
    expected = numeric_gradient(lambda values: soft_gap(values, group, sharpness, 0.4), scores)
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)


def test_a_sharp_rate_is_the_hard_rate(value_and_gradient):
    rng = np.random.default_rng(1)
    scores, group = rng.random(1000), np.arange(1000) % 2
    scores[np.abs(scores - 0.3) < 0.01] = 0.5
    decisions = scores > 0.3
    value, _ = value_and_gradient(FPRGapLoss(2, sharpness=2000.0, threshold=0.3), scores, group)
    assert value == pytest.approx(abs(decisions[group == 0].mean() - decisions[group == 1].mean()), abs=1e-5)


def test_a_step_against_the_gradient_closes_the_gap(value_and_gradient):
    rng = np.random.default_rng(2)
    group = np.arange(100) % 2
    scores = np.clip(rng.random(100) * 0.5 + 0.3 * group, 0, 1).astype(np.float32)
    loss = FPRGapLoss(2, sharpness=10.0, threshold=0.5)
    before, gradient = value_and_gradient(loss, scores, group)
    after, _ = value_and_gradient(loss, scores - gradient, group)
    assert after < before


def test_sharpness_needs_a_threshold():
    with pytest.raises(ValueError, match="`sharpness` needs a `threshold`. Received: sharpness=5.0, threshold=None"):
        FPRGapLoss(2, sharpness=5.0)


def test_sharpness_is_positive():
    with pytest.raises(ValueError, match="`sharpness` should be positive. Received: -1.0"):
        FPRGapLoss(2, sharpness=-1.0, threshold=0.5)
