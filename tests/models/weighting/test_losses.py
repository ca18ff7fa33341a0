"""Methods that read the losses alone, against plain NumPy in float64: uncertainty, dwa, group_dro."""

import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf


def softmax(values):
    values = np.exp(values - values.max())
    return values / values.sum()


def test_uncertainty_over_fifty_steps(make, draw, drive):
    steps, s, expected = draw(), np.zeros(3), []
    for step in steps:
        expected.append(softmax(-s))
        s = np.where(step.known, s - 0.1 * (1 - np.exp(-s) * step.losses), s)
    weighting = make("uncertainty", learning_rate=0.1)
    np.testing.assert_allclose(drive(weighting, steps)[0], expected, rtol=2e-5)
    np.testing.assert_allclose(weighting.weights(), softmax(-s), rtol=2e-5)


def test_uncertainty_moves_by_the_gradient_of_its_loss(make, one_step):
    losses = np.array([0.4, 1.7, 0.05])
    weighting = make("uncertainty", learning_rate=1e-2)
    weighting._log_variances.assign([0.3, -0.2, 1.0])
    s = tf.Variable([0.3, -0.2, 1.0])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.exp(-s) * tf.constant(losses, tf.float32) + s)
    weighting.step(one_step(np.eye(3), losses).signals())
    np.testing.assert_allclose(weighting._log_variances, s - 1e-2 * tape.gradient(loss, s), rtol=1e-6)
    # By hand, of the first: 1 − exp(−0.3) · 0.4 = 1 − 0.29633 = 0.70367.
    assert float(weighting._log_variances[0]) == pytest.approx(0.3 - 0.0070367, abs=1e-6)


def test_uncertainty_tends_to_the_inverse_losses_and_is_bounded(make, one_step, drive):
    weighting = make("uncertainty", learning_rate=0.2)
    drive(weighting, [one_step(np.eye(3), [0.5, 0.25, 1.0])] * 100)
    np.testing.assert_allclose(weighting.weights(), np.array([2, 4, 1]) / 7, rtol=1e-4)
    drive(weighting, [one_step(np.eye(3), [0.0, 0.25, 1.0])] * 60)
    np.testing.assert_allclose(weighting._log_variances, [-10.0, np.log(0.25), 0.0], atol=1e-4)


def test_dwa_over_epochs_with_a_task_that_is_missing_in_some(make, one_step):
    rng = np.random.default_rng(2)
    epochs = rng.uniform(0.1, 1.0, (8, 3))
    epochs[3, 1] = epochs[4, 1] = np.nan
    epochs[0, 2] = np.nan
    weighting, signals = make("dwa", temperature=0.7), one_step(np.eye(3)).signals()
    ratios, previous = np.ones(3), np.full(3, np.nan)
    for number, losses in enumerate(epochs):
        if number < 2:
            np.testing.assert_allclose(weighting.step(signals).weights, [1 / 3] * 3, rtol=1e-6)
        weighting.end_epoch([float(loss) for loss in losses])
        for task in range(3):
            if np.isnan(losses[task]):
                continue
            if not np.isnan(previous[task]):
                ratios[task] = losses[task] / previous[task]
            previous[task] = losses[task]
        np.testing.assert_allclose(weighting.step(signals).weights, softmax(ratios / 0.7), rtol=1e-5)


def test_dwa_by_hand(make, one_step):
    """Ratios ½, 1, 1 at temperature 2: exp(¼) = 1.28403, exp(½) = 1.64872; the first of 4.58147 is 0.28027."""
    weighting = make("dwa")
    weighting.end_epoch([0.8, 0.3, 0.3])
    weighting.end_epoch([0.4, 0.3, 0.3])
    np.testing.assert_allclose(weighting.weights(), [0.28027, 0.35987, 0.35987], atol=1e-5)
    # A mean over no rows may come as 0, which is no loss either.
    weighting.end_epoch([0.0, 0.3, 0.3])
    np.testing.assert_allclose(weighting.weights(), [0.28027, 0.35987, 0.35987], atol=1e-5)


def test_group_dro_over_fifty_steps(make, draw, drive):
    steps, q, expected = draw(), np.full(3, 1 / 3), []
    for step in steps:
        grown = np.where(step.known, q * np.exp(0.2 * step.losses), q)
        if step.known.any():
            grown[step.known] *= q[step.known].sum() / grown[step.known].sum()
        q = grown
        expected.append(q)
    np.testing.assert_allclose(drive(make("group_dro", step=0.2), steps)[0], expected, rtol=5e-5)


def test_group_dro_treats_a_task_alike_however_often_it_is_seen(make, one_step, drive):
    """Two tasks of one loss, of which one is often absent: neither gains on the other by that."""
    both = one_step(np.eye(3), [0.7, 0.7, 0.1])
    one = one_step(np.eye(3), [0.7, 0.0, 0.1], [True, False, False])
    weights = drive(make("group_dro", step=0.1), [one, both] * 30)[0][-1]
    assert weights[0] == pytest.approx(weights[1], rel=1e-4) and weights[2] < weights[0] / 4


def test_group_dro_comes_back_from_underflow(make, one_step, drive):
    weighting = make("group_dro", step=10.0)
    drive(weighting, [one_step(np.eye(3), [1.0, 0.1, 0.1])] * 30)
    np.testing.assert_allclose(weighting.weights(), [1, 0, 0], atol=1e-30)
    drive(weighting, [one_step(np.eye(3), [0.1, 1.0, 0.1])] * 31)
    assert float(weighting.weights()[1]) == pytest.approx(1, abs=1e-3)
