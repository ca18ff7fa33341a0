"""Two replicas must train as one does: gathered losses, divided by the number of replicas.

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

TASKS = ("zebra", "apple")
SPLIT = 70  # of 100 rows: replicas need not be equally full


def test_two_replicas_give_the_gradient_of_one():
    root = pathlib.Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    result = subprocess.run(
        [sys.executable, __file__], capture_output=True, text=True, timeout=500, env=environment, encoding="utf-8"
    )
    if result.returncode:
        pytest.fail(result.stdout[-3000:] + result.stderr[-6000:])
    assert result.stdout.count("agrees") == 3


def make_data():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (100, 2))
    kinds = np.where(labels == 1, 0, np.where(labels[:, ::-1] == 1, 2, 1))
    group = rng.integers(0, 2, 100)
    return {
        "x": (rng.normal(size=100) + group).astype(np.float32),
        "c": rng.integers(0, 5, 100),
        "labels": labels.astype(np.float32),
        "kinds": kinds,
        "group": group,
    }


def gradients_of(network, data, mode, gather, replicas):
    """Value and gradients of the summed terms on one replica's rows."""
    from models.config.settings import FairnessSettings
    from models.fairness.mtaf import FairnessBatch, routed_fairness
    from models.fairness.registry import build_fairness_loss

    columns = {key: dict(zip(TASKS, tf.unstack(data[key], axis=1), strict=True)) for key in ("labels", "kinds")}
    with tf.GradientTape() as tape:
        shared = network.trunk(data)
        batch = FairnessBatch(
            shared,
            network.heads(shared),
            columns["labels"],
            {task: tf.ones_like(label) for task, label in columns["labels"].items()},
            columns["kinds"],
            data["group"],
        )
        terms = routed_fairness(
            network,
            batch,
            {task: build_fairness_loss(FairnessSettings(), 2, None) for task in TASKS},
            mode=mode,
            on="both",
            strength={"zebra": 1.0, "apple": 0.5},
            head_ratio={"zebra": 2.0, "apple": 1.0},
            task_weight=dict.fromkeys(TASKS, 0.5),
            has_specific=dict.fromkeys(TASKS, True),
            empty_specific="none",
            heads_call=network.heads,
            gather=gather,
        )
        value = tf.add_n([term for parts in terms.values() for term in parts.values()])
        total = value / replicas
    return value, [tf.convert_to_tensor(g) for g in tape.gradient(total, network.trainable_variables)]


def main():
    from models.config.networks import network_settings
    from models.config.settings import FeatureSettings
    from models.networks.registry import build_network

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    features = FeatureSettings.model_validate(
        {"inputs": [{"type": "numeric", "name": "x"}, {"type": "categorical", "name": "c"}]}
    )
    data = {key: tf.constant(value) for key, value in make_data().items()}
    halves = [{key: value[:SPLIT] for key, value in data.items()}, {key: value[SPLIT:] for key, value in data.items()}]
    for name, mode in (("shared_bottom", "vanilla"), ("mmoe", "mtaf"), ("shared_bottom", "mtaf_difference")):
        arguments = (network_settings(network=name, embedding_units=3), features, {"c": 5}, TASKS, 1)
        alone = build_network(*arguments)
        with strategy.scope():
            mirrored = build_network(*arguments)
        np.testing.assert_array_equal(alone(data)["zebra"], mirrored(data)["zebra"])
        expected, expected_gradients = gradients_of(alone, data, mode, None, 1)
        # The terms are not zero: without the division the gradient would be twice as large, and that would show.
        assert max(np.abs(gradient).max() for gradient in expected_gradients) > 1e-3

        def step(rows, mode=mode, mirrored=mirrored):
            context = tf.distribute.get_replica_context()
            value, gradients = gradients_of(mirrored, rows, mode, lambda t: context.all_gather(t, axis=0), 2)
            return value, context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)

        rows = strategy.experimental_distribute_values_from_function(
            lambda context: halves[context.replica_id_in_sync_group]
        )
        run = tf.function(lambda rows, step=step: strategy.run(step, args=(rows,)), autograph=False)
        values, gradients = run(rows)
        for value in strategy.experimental_local_results(values):
            np.testing.assert_allclose(value, expected, rtol=1e-5)
        for got, wanted in zip(gradients, expected_gradients, strict=True):
            for local in strategy.experimental_local_results(got):
                np.testing.assert_allclose(local, wanted, rtol=1e-3, atol=1e-6)
        print(name, mode, "agrees")


if __name__ == "__main__":
    main()
