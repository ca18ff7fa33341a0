"""What every network says of its trunk's output and of its gates: what weightings, robustness and reports rely on."""

import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.networks.registry import NETWORKS

ALL_NETWORKS = sorted([*NETWORKS, "dsmtl_search", "dsmtl_compact"])
every_network = pytest.mark.parametrize("name", ALL_NETWORKS)
sharing_network = pytest.mark.parametrize("name", [name for name in ALL_NETWORKS if name != "single_task"])


@every_network
def test_what_the_trunk_hands_on_depends_on_its_variables(name, build, batch):
    network = build(name)
    with tf.GradientTape(persistent=True) as tape:
        shared = network.trunk(batch)
        outputs = network.trunk_outputs(shared)
        totals = [tf.reduce_sum(output) for output in outputs]
    assert len({id(output) for output in outputs}) == len(outputs)
    variables = network.shared_variables
    for total in totals:
        assert any(gradient is not None for gradient in tape.gradient(total, variables))
    assert all(gradient is not None for gradient in tape.gradient(totals, variables))
    assert bool(outputs) == (name != "single_task")


@every_network
def test_gradients_pass_through_the_trunks_outputs_alone(name, build, batch):
    network = build(name)
    with tf.GradientTape(persistent=True) as tape:
        shared = network.trunk(batch)
        outputs = network.trunk_outputs(shared)
        total = tf.add_n([tf.reduce_sum(tf.square(value)) for value in network.heads(shared).values()])
    variables = network.shared_variables
    expected = tape.gradient(total, variables)
    upstream = tape.gradient(total, outputs, unconnected_gradients="zero")
    found = tape.gradient(outputs, variables, output_gradients=upstream)
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(left), tf.convert_to_tensor(right), rtol=1e-4, atol=1e-6)


@sharing_network
def test_the_representation_is_a_part_of_the_trunks_outputs(name, build, batch):
    network = build(name)
    shared = network.trunk(batch)
    outputs = {id(output) for output in network.trunk_outputs(shared)}
    parts = tf.nest.flatten(network.representation(shared))
    assert parts and {id(part) for part in parts} <= outputs


@every_network
def test_gates_have_a_name_for_each_weight(name, build, batch):
    network = build(name)
    if name in ("single_task", "shared_bottom", "dsmtl_compact"):
        assert network.gate_names == {} and not hasattr(network, "mean_gate_weights")
        return
    weights, names = network.mean_gate_weights(batch), network.gate_names
    assert list(weights) == list(names) == list(network.tasks)
    for task in network.tasks:
        assert weights[task].shape == (len(names[task]),) and weights[task].dtype == tf.float32
        assert len(set(names[task])) == len(names[task])
