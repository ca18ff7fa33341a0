import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def dense(stack, inputs):
    kernel, bias = (variable.numpy().astype(np.float64) for variable in stack.trainable_variables)
    return np.maximum(inputs @ kernel + bias, 0)


def gated(gate, inputs, experts, temperature):
    (kernel,) = gate.trainable_variables
    weights = softmax(inputs @ kernel.numpy().astype(np.float64) / temperature)
    assert weights.shape[1] == len(experts)
    return sum(weights[:, [index]] * expert for index, expert in enumerate(experts))


def papers_logits(network, batch, temperature, numpy_layers):
    """Equations of the paper, level by level, without a trunk or heads."""
    common = network._encoder(batch).numpy().astype(np.float64)
    inputs = [common for _ in network.tasks]
    levels = len(network._own_experts)
    for level in range(levels):
        shared = [dense(expert, common) for expert in network._shared_experts[level]]
        own = [[dense(e, x) for e in experts] for experts, x in zip(network._own_experts[level], inputs, strict=True)]
        inputs = [
            gated(gate, x, [*mine, *shared], temperature)
            for gate, x, mine in zip(network._gates[level], inputs, own, strict=True)
        ]
        if level < levels - 1:
            everything = [output for mine in own for output in mine] + shared
            common = gated(network._shared_gates[level], common, everything, temperature)
    return [numpy_layers(tower.trainable_variables).tower(x) for tower, x in zip(network._towers, inputs, strict=True)]


@pytest.mark.parametrize("name, levels", [("cgc", 1), ("ple", 2), ("ple", 3), ("ple", 4)])
def test_logits_follow_the_papers_equations(name, levels, build, batch, numpy_layers):
    network = build(name, levels=max(levels, 2), experts=3, task_experts=2, gate_temperature=0.5)
    expected = papers_logits(network, batch, 0.5, numpy_layers)
    logits = network(batch)
    for task, value in zip(network.tasks, expected, strict=True):
        np.testing.assert_allclose(logits[task], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_what_several_tasks_train_is_shared(levels, build, batch):
    network = build("ple", levels=levels)
    with tf.GradientTape(persistent=True) as tape:
        logits = [tf.reduce_sum(value) for value in network(batch).values()]
    variables = network.trainable_variables
    reached = [[gradient is not None for gradient in tape.gradient(logit, variables)] for logit in logits]
    trained_by = {variable.ref(): count for variable, count in zip(variables, np.sum(reached, axis=0), strict=True)}
    shared = {variable.ref() for variable in network.shared_variables}
    assert shared == {reference for reference, count in trained_by.items() if count == 3}
    assert set(trained_by.values()) == {1, 3}


def test_a_task_never_reads_anothers_experts_of_its_level(build, batch):
    network = build("cgc")
    before = network(batch)
    for experts in network._own_experts[0][:1]:
        for expert in experts:
            for variable in expert.trainable_variables:
                variable.assign_add(variable * 0 + 1)
    after = network(batch)
    assert not np.allclose(after["zebra"], before["zebra"])
    for task in ("long/view", "apple"):
        np.testing.assert_array_equal(after[task], before[task])


@pytest.mark.parametrize("name", ["cgc", "ple"])
def test_mean_gate_weights_are_the_last_gates(name, build, batch):
    network = build(name, experts=3, task_experts=2)
    assert network.gate_names["apple"] == [
        "own expert 1",
        "own expert 2",
        "shared expert 1",
        "shared expert 2",
        "shared expert 3",
    ]
    weights = network.mean_gate_weights(batch)
    shared = network.trunk(batch)
    for index, value in enumerate(weights.values()):
        (kernel,) = network._gates[-1][index].trainable_variables
        inputs = network._last_inputs(shared, index).numpy()
        np.testing.assert_allclose(value, softmax(inputs @ kernel.numpy()).mean(axis=0), rtol=1e-4)
        assert abs(value.numpy().sum() - 1) < 1e-6


def test_a_gate_on_own_experts_alone_leaves_nothing_of_the_shared(build, batch):
    network = build("cgc", experts=1, task_experts=1)
    shared = network.trunk(batch)
    moved = {**shared, "shared": shared["shared"] + 1.0}
    changed = network.heads(moved)["apple"].numpy() != network.heads(shared)["apple"].numpy()
    assert changed.all()
    (kernel,) = network._gates[0][2].trainable_variables
    weights = network.mean_gate_weights(batch)["apple"].numpy()
    kernel.assign(np.zeros(kernel.shape))
    np.testing.assert_allclose(network.mean_gate_weights(batch)["apple"], [0.5, 0.5])
    assert not np.allclose(weights, [0.5, 0.5])


def test_sizes_follow_the_settings(build):
    def size(**capacity):
        return sum(int(np.prod(v.shape)) for v in build("cgc", **capacity).trainable_variables)

    (expert,) = {sum(int(np.prod(v.shape)) for v in e.trainable_variables) for e in build("cgc")._shared_experts[0]}
    width = build("cgc")._encoder.trainable_variables[-1].shape[-1]
    # A shared expert adds a column to each of three gates; an own one for each task adds three experts.
    assert size(experts=3) - size(experts=2) == expert + 3 * width
    assert size(task_experts=3) - size(task_experts=2) == 3 * (expert + width)
