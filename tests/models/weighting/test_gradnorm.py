"""GradNorm's step by finite differences and over fifty steps."""

import models  # noqa: F401

# isort: split
import numpy as np
import pytest


def targets(weights, norms, losses, initial, alpha):
    ratios = losses / initial
    return (weights * norms).mean() * (ratios / ratios.mean()) ** alpha


def test_fifty_steps(make, draw, drive, share_out):
    steps, w, initial, expected = draw(), np.full(3, 1.0), np.zeros(3), []
    for step in steps:
        expected.append(w / 3)
        known = step.known
        initial = np.where((initial == 0) & known, step.losses, initial)
        if known.any():
            norms = np.sqrt(np.diag(step.gram))[known]
            aim = targets(w[known], norms, step.losses[known], initial[known], 1.5)
            moved = np.zeros(3)
            moved[known] = np.maximum(w[known] - 0.02 * norms * np.sign(w[known] * norms - aim), 1e-3)
            w = share_out(w, moved, known)
    weighting = make("gradnorm", learning_rate=0.02)
    found, _ = drive(weighting, steps)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(weighting.weights(), w / 3, rtol=1e-4, atol=1e-6)
    assert min(expected[-1]) > 0.02  # more than the least weight is compared


def test_the_step_is_that_of_the_papers_loss(make, one_step):
    rng = np.random.default_rng(3)
    weighting = make("gradnorm", learning_rate=1e-3, alpha=0.8)
    first = one_step(rng.normal(size=(3, 6)), [0.9, 0.7, 1.2])
    weighting.step(first.signals())
    second = one_step(rng.normal(size=(3, 6)) * [[1], [2], [0.5]], [0.8, 0.3, 1.1])
    before = weighting.weights().numpy().astype(float) * 3
    norms = np.sqrt(np.diag(second.gram))
    aim = targets(before, norms, second.losses, first.losses, 0.8)

    def loss(weights):
        return np.abs(weights * norms - aim).sum()

    gradient = [(loss(before + 1e-6 * unit) - loss(before - 1e-6 * unit)) / 2e-6 for unit in np.eye(3)]
    moved = before - 1e-3 * np.array(gradient)
    weighting.step(second.signals())
    np.testing.assert_allclose(weighting.weights(), moved / moved.sum(), rtol=1e-6)


def test_norms_become_equal_where_losses_stay(make, one_step, drive):
    """With α = 0, or equal training rates, the weights tend to 1/norm."""
    step = one_step(np.diag([1.0, 2.0, 4.0]))
    for alpha in (0.0, 2.0):
        weights, _ = drive(make("gradnorm", learning_rate=2e-3, alpha=alpha), [step] * 1000)
        np.testing.assert_allclose(weights[-1], np.array([4, 2, 1]) / 7, atol=0.01)


def test_a_task_that_learns_slowly_is_favoured(make, one_step, drive):
    flat = np.eye(3)
    steps = [one_step(flat, [1.0, 1.0, 1.0])] + [one_step(flat, [0.9, 0.5, 0.5])] * 800
    weights, _ = drive(make("gradnorm", learning_rate=1e-3, alpha=1.0), steps)
    # Targets are in the ratio 0.9 : 0.5 : 0.5.
    np.testing.assert_allclose(weights[-1], np.array([0.9, 0.5, 0.5]) / 1.9, atol=0.01)


def test_the_least_weight_is_not_the_end(make, one_step, drive):
    """A step far too long goes past 0: the weight is held above it, and comes back."""
    weighting = make("gradnorm", learning_rate=1.0)
    drive(weighting, [one_step(np.diag([50.0, 1.0, 1.0]))])
    assert 0 < float(weighting.weights()[0]) < 1e-3
    weighting._learning_rate = 0.05
    drive(weighting, [one_step(np.diag([1.0, 1.0, 1.0]))] * 60)
    assert float(weighting.weights()[0]) == pytest.approx(1 / 3, abs=0.05)
