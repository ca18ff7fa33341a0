import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.networks.gates import ExpertGate, SharingGate, mixture

OPEN, CLOSED = tf.constant(0.0), tf.constant(1.0)
SEEDS = [tf.constant([3, index]) for index in range(400)]


def sharing_gate(kind, logits=None, temperature=0.1, path="gate_0_a"):
    gate = SharingGate(kind, temperature, path)
    if logits is not None:
        gate.trainable_variables[0].assign(logits)
    return gate


def test_expert_gate_is_the_softmax_of_a_linear_map():
    gate = ExpertGate(3, 0.5, seed=1, path="gate")
    inputs = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
    weights = gate(inputs).numpy()
    (kernel,) = gate.trainable_variables
    powers = np.exp(inputs @ kernel.numpy() / 0.5)
    np.testing.assert_allclose(weights, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)


def test_mixture_weighs_experts_row_by_row():
    experts = tf.constant([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
    weights = tf.constant([[0.25, 0.75], [1.0, 0.0]])
    # Row 0: 0.25 · (1, 2) + 0.75 · (3, 4).
    np.testing.assert_allclose(mixture(weights, experts), [[2.5, 3.5], [5.0, 6.0]])


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_soft_gates_start_at_one_half(kind):
    np.testing.assert_array_equal(sharing_gate(kind)(OPEN), [0.5, 0.5])


def test_soft_gates_by_hand():
    np.testing.assert_allclose(sharing_gate("softmax", [np.log(3.0), 0.0])(OPEN), [0.75, 0.25], rtol=1e-6)
    np.testing.assert_allclose(sharing_gate("sigmoid", [np.log(3.0), 0.0])(OPEN), [0.75, 0.5], rtol=1e-6)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "gumbel"])
def test_a_closed_gate_is_exactly_private_and_learns_nothing(kind):
    gate = sharing_gate(kind, [5.0, -5.0])
    with tf.GradientTape() as tape:
        weights = gate(CLOSED, training=True, seed=SEEDS[0])
        total = tf.reduce_sum(weights * [2.0, 3.0])
    np.testing.assert_array_equal(weights, [0.0, 1.0])
    np.testing.assert_array_equal(tape.gradient(total, gate.trainable_variables[0]), [0.0, 0.0])


@pytest.mark.parametrize("logits, expected", [([0.1, 0.0], [1, 0]), ([0.0, 0.1], [0, 1]), ([0.0, 0.0], [1, 0])])
def test_gumbel_without_noise_picks_the_greater_logit(logits, expected):
    gate = sharing_gate("gumbel", logits)
    for weights in (gate(OPEN), gate(OPEN, training=True), gate(OPEN, training=False, seed=SEEDS[0])):
        np.testing.assert_array_equal(weights, expected)


def test_gumbel_picks_each_encoder_as_often_as_the_softmax_says():
    gate = sharing_gate("gumbel", [np.log(3.0), 0.0])
    picks = np.array([gate(OPEN, training=True, seed=seed).numpy() for seed in SEEDS])
    assert set(map(tuple, picks.tolist())) == {(1.0, 0.0), (0.0, 1.0)}
    # Standard deviation sqrt(0.75 · 0.25 / 400) = 0.022.
    assert abs(picks[:, 0].mean() - 0.75) < 0.08


def test_gumbel_draws_follow_seed_and_path():
    def draws(path):
        gate = sharing_gate("gumbel", path=path)
        return [float(gate(OPEN, training=True, seed=seed)[0]) for seed in SEEDS[:60]]

    assert draws("gate_0_a") == draws("gate_0_a") != draws("gate_1_b")


def test_gumbels_gradient_is_that_of_the_soft_gate():
    gate = sharing_gate("gumbel", [0.02, 0.0], temperature=0.5)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(gate(OPEN, training=True) * [2.0, 5.0])
    # softmax(l / τ) = (s, 1 − s); d/dl_0 (2 s + 5 (1 − s)) = −3 s (1 − s) / τ.
    s = 1 / (1 + np.exp(-0.02 / 0.5))
    expected = -3 * s * (1 - s) / 0.5
    np.testing.assert_allclose(tape.gradient(total, gate.trainable_variables[0]), [expected, -expected], rtol=1e-5)


def test_unknown_kinds_are_refused():
    with pytest.raises(ValueError, match="`gate` should be `softmax`, `sigmoid` or `gumbel`. Received: 'relu'"):
        SharingGate("relu", 0.1, "gate")
