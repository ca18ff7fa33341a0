"""Two replicas take the step that one takes: local sums over global counts, and the same cell weights.

Logical devices have to be made before TensorFlow starts, so the check runs in a process of its own.
"""

import models  # noqa: F401

# isort: split
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

ROWS, SPLIT, STEPS = 60, 41, 5
TASKS = ("zebra", "apple")


def test_two_replicas_are_one():
    root = pathlib.Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    result = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, timeout=500, env=environment, encoding="utf-8"
    )
    if result.returncode:
        pytest.fail(result.stdout[-3000:] + result.stderr[-6000:])
    assert result.stdout.split() == ["group_dro", "agrees", "regularised", "agrees"]


def sum_over_replicas(value):
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def draw():
    rng = np.random.default_rng(0)
    # Sorted: the first replica hardly sees the last group.
    return {
        "x": tf.constant(rng.normal(size=ROWS), tf.float32),
        "c": tf.constant(rng.integers(0, 5, ROWS), tf.int64),
        "y": tf.constant(rng.integers(0, 2, ROWS), tf.float32),
        "known": tf.constant(rng.random(ROWS) < 0.8, tf.float32),
        "group": tf.constant(np.sort(rng.integers(-1, 3, ROWS)), tf.int64),
        "cells": tf.constant(rng.random([2, ROWS]).T < 0.4),
    }


def features_of(rows):
    return {"x": rows["x"], "c": rows["c"]}


def dro_step(network, dro, rows, reduce):
    """Value and gradients of both tasks' GroupDRO losses."""
    with tf.GradientTape() as tape:
        logits = network(features_of(rows))
        parts = [
            dro.task_loss(
                index,
                tf.nn.sigmoid_cross_entropy_with_logits(rows["y"], logits[task]),
                rows["y"],
                rows["known"],
                rows["group"],
                reduce,
            )
            for index, task in enumerate(TASKS)
        ]
        loss = tf.add_n(parts)
    return loss, tape.gradient(loss, network.trainable_variables, unconnected_gradients="zero")


def regularised_step(network, layer, rows, reduce):
    """Value and gradients of reconstruction and L1 on given cells: the seed of a corruption is each replica's own."""
    from models.robustness.regularised import mean_absolute

    with tf.GradientTape() as tape:
        hidden = network.trunk(features_of(rows))
        cells = {"x": rows["cells"][:, 0], "c": rows["cells"][:, 1]}
        loss = layer.loss(hidden, features_of(rows), cells, reduce) + mean_absolute(hidden, reduce)
    variables = network.shared_variables + layer.trainable_variables
    return loss, tape.gradient(loss, variables)


def compare(step, alone, mirrored, strategy, rows):
    """One device against two, ``STEPS`` times."""
    halves = [{key: value[part] for key, value in rows.items()} for part in (slice(SPLIT), slice(SPLIT, None))]
    shares = strategy.experimental_distribute_values_from_function(lambda c: halves[c.replica_id_in_sync_group])

    def replica(part):
        value, gradients = step(*mirrored, part, sum_over_replicas)
        return sum_over_replicas(value), [sum_over_replicas(tf.convert_to_tensor(g)) for g in gradients]

    one = tf.function(lambda: step(*alone, rows, lambda value: value), autograph=False)
    two = tf.function(lambda: strategy.run(replica, args=(shares,)), autograph=False)
    for _ in range(STEPS):
        loss, gradients = one()
        values, found = two()
        for value in strategy.experimental_local_results(values):
            np.testing.assert_allclose(value, loss, rtol=2e-5)
        for wanted, got in zip(gradients, found, strict=True):
            for local in strategy.experimental_local_results(got):
                np.testing.assert_allclose(local, tf.convert_to_tensor(wanted), rtol=1e-3, atol=1e-6)
    assert float(loss) > 0.1


def main():
    from models.config.networks import network_settings
    from models.config.robustness import RegularisedMTL
    from models.config.settings import FeatureSettings
    from models.networks.registry import build_network
    from models.robustness.group_dro import GroupDRO
    from models.robustness.regularised import build_reconstruction

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    inputs = FeatureSettings.model_validate(
        {"inputs": [{"type": "numeric", "name": "x"}, {"type": "categorical", "name": "c"}]}
    )

    def build():
        network = build_network(network_settings(embedding_units=3, shared_units=(8,)), inputs, {"c": 5}, TASKS, 1)
        layer = build_reconstruction(network, RegularisedMTL(method="regularised"))
        return network, layer, GroupDRO(TASKS, 3, 0.5)

    alone = build()
    with strategy.scope():
        mirrored = build()
    rows = draw()
    compare(dro_step, alone[::2], mirrored[::2], strategy, rows)
    for task in TASKS:
        weights = alone[2].weights()[task]
        assert np.ptp(weights) > 0.01
        np.testing.assert_allclose(mirrored[2].weights()[task], weights, rtol=1e-5)
    print("group_dro agrees")
    compare(regularised_step, alone[:2], mirrored[:2], strategy, rows)
    print("regularised agrees")


if __name__ == "__main__":
    main()
