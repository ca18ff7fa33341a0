"""IMTL-G against the paper's formula, and where this one's scale differs."""

import models  # noqa: F401

# isort: split
import numpy as np


def paper(flat):
    """α_2…α_T = g_1 Uᵀ (D Uᵀ)⁻¹, α_1 = 1 − Σ."""
    if len(flat) == 1:
        return np.ones(1)
    units = flat / np.linalg.norm(flat, axis=1, keepdims=True)
    differences, unit_differences = flat[:1] - flat[1:], units[:1] - units[1:]
    rest = flat[0] @ unit_differences.T @ np.linalg.inv(differences @ unit_differences.T)
    return np.concatenate([[1 - rest.sum()], rest])


def projections(weights, flat):
    return (flat / np.linalg.norm(flat, axis=1, keepdims=True)) @ (weights @ flat)


def test_fifty_steps(make, draw, drive, share_out):
    steps, last, expected, expected_shared = draw(), np.full(3, 1 / 3), [], []
    for step in steps:
        shared = last
        if step.known.any():
            alpha = np.zeros(3)
            alpha[step.known] = paper(step.flat[step.known])
            alpha /= np.maximum(alpha, 0).sum()
            share = last[step.known].sum()
            last = share_out(last, np.maximum(alpha, 0), step.known)
            shared = np.where(step.known, share * alpha, last)
        expected.append(last)
        expected_shared.append(shared)
    weights, shared = drive(make("imtl"), steps)
    np.testing.assert_allclose(weights, expected, atol=1e-4)
    np.testing.assert_allclose(shared, expected_shared, atol=1e-4)


def test_equal_projections_on_the_unit_gradients(make, draw):
    for step in draw(20, seed=1, absent=0):
        found = projections(make("imtl").step(step.signals()).shared_weights.numpy().astype(float), step.flat)
        np.testing.assert_allclose(found, found.mean(), rtol=1e-3)
        assert found.min() > 0


def test_the_step_goes_downhill_where_the_papers_scale_goes_uphill(make, one_step):
    """The third gradient lies nearly between the others, and is small: its α is negative and outweighs theirs."""
    flat = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.01, 0.01, 0.001]])
    alpha = paper(flat)
    assert projections(alpha, flat).max() < 0
    found = make("imtl").step(one_step(flat).signals())
    shared = found.shared_weights.numpy().astype(float)
    ours = projections(shared, flat)
    np.testing.assert_allclose(ours, ours.mean(), rtol=0.02)
    assert ours.min() > 0
    # The same line through 0 as the paper's.
    np.testing.assert_allclose(shared / shared[0], alpha / alpha[0], rtol=0.02)
    np.testing.assert_allclose(found.weights, np.maximum(shared, 0), atol=1e-6)
    assert shared[2] < -1 and np.maximum(shared, 0).sum() == np.float32(1)


def test_parallel_and_opposite_gradients(make, one_step):
    """Any α solves the former, α = 1/norm cancels the latter: both get equal unit gradients."""
    for second in ([2.0, 4.0], [-2.0, -4.0]):
        found = make("imtl").step(one_step([[1.0, 2.0], second, [0.0, 0.0]], known=[True, True, False]).signals())
        np.testing.assert_allclose(found.weights, [4 / 9, 2 / 9, 1 / 3], rtol=1e-5)
        np.testing.assert_allclose(found.shared_weights, found.weights, rtol=1e-5)


def test_orthogonal_gradients_by_hand(make, one_step):
    """β = 1 each, so α ∝ 1, ½, ¼."""
    found = make("imtl").step(one_step(np.diag([1.0, 2.0, 4.0])).signals())
    np.testing.assert_allclose(found.weights, np.array([4, 2, 1]) / 7, rtol=1e-5)
