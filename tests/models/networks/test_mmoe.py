import models  # noqa: F401

# isort: split
import numpy as np
import tensorflow as tf


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def gate_of(network, task):
    return next(variable for variable in network.task_variables[task] if "gate" in variable.name)


def test_logits_follow_the_papers_formula(build, batch):
    network = build("mmoe", experts=3, gate_temperature=0.5)
    shared = network.trunk(batch)
    experts, embedded = shared["experts"].numpy().astype(np.float64), shared["embedded"].numpy().astype(np.float64)
    assert experts.shape == (64, 3, 8)
    logits = network.heads(shared)
    for task in network.tasks:
        gate, kernel, bias, out, out_bias = (variable.numpy() for variable in network.task_variables[task])
        mixture = np.einsum("ne,ned->nd", softmax(embedded @ gate / 0.5), experts)
        expected = np.maximum(mixture @ kernel + bias, 0) @ out + out_bias
        np.testing.assert_allclose(logits[task], expected[:, 0], rtol=1e-4, atol=1e-6)


def test_gates_belong_to_tasks_and_experts_are_shared(build):
    network = build("mmoe", experts=3)
    shared_names = [variable.name for variable in network.shared_variables]
    assert sum("expert" in name and "kernel" in name for name in shared_names) == 3
    assert not any("gate" in name for name in shared_names)
    for task in network.tasks:
        assert gate_of(network, task).shape[-1] == 3


def test_mean_gate_weights_sum_to_one_and_follow_the_gate(build, batch):
    network = build("mmoe", experts=3)
    weights = network.mean_gate_weights(batch)
    assert list(weights) == list(network.tasks)
    embedded = network.trunk(batch)["embedded"].numpy()
    for task, value in weights.items():
        assert abs(value.numpy().sum() - 1) < 1e-6
        expected = softmax(embedded @ gate_of(network, task).numpy()).mean(axis=0)
        np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_an_untrained_gate_of_zeros_mixes_evenly(build, batch):
    network = build("mmoe", experts=4)
    gate = gate_of(network, "apple")
    gate.assign(tf.zeros_like(gate))
    np.testing.assert_allclose(network.mean_gate_weights(batch)["apple"], [0.25] * 4, rtol=1e-6)


def test_temperature_flattens(build, batch):
    def spread(temperature):
        weights = build("mmoe", gate_temperature=temperature).mean_gate_weights(batch)
        return max(np.ptp(value) for value in weights.values())

    assert spread(100.0) < spread(1.0) < spread(0.01)


def test_one_expert_is_a_shared_bottom(build, batch):
    network = build("mmoe", experts=1)
    shared = network.trunk(batch)
    moved = {**shared, "embedded": shared["embedded"] + 1.0}
    for task, value in network.heads(shared).items():
        np.testing.assert_allclose(network.heads(moved)[task], value, rtol=1e-6)
