"""Value and gradient of one step on two replicas and on one device, for `test_distribution.py`, which runs this file.

    python tests/models/replica_gradients.py '[{"mode": "mtaf", "loss": "mmd"}, …]'

prints one JSON line a case: the loss, and the largest difference of values and of gradients over all variables, each
divided by the largest value. A process of its own, since virtual devices have to be made before TensorFlow starts.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import models  # noqa: F401  before TensorFlow

# isort: split
import numpy as np
import tensorflow as tf

from models.config.networks import network_settings
from models.config.settings import FairnessSettings, FeatureSettings, ModelTask, TrainingSettings
from models.fairness.terms import FairnessTerms
from models.networks.registry import build_network
from models.training.optimizers import make_optimizer
from models.training.step import MultiTaskModel

TASKS = ("zebra", "apple", "mango")
ROWS = 120
# Replicas need not be equally full, nor see every group or every kind of negative.
SPLIT = 85
FEATURES = FeatureSettings.model_validate(
    {"inputs": [{"type": "numeric", "name": "x"}, {"type": "categorical", "name": "c", "hash_buckets": 7}]}
)


def make_batch(seed: int) -> dict[str, Any]:
    """Rows with three groups (and rows of none), labels of which a third is missing, and kinds by the paper's rule."""
    rng = np.random.default_rng(seed)
    group = np.sort(rng.integers(-1, 3, ROWS))
    labels = rng.integers(0, 2, (ROWS, len(TASKS)))
    known = rng.random((ROWS, len(TASKS))) < 0.67
    kinds = np.zeros_like(labels)
    for row in range(ROWS):
        for task in range(len(TASKS)):
            if known[row, task] and labels[row, task] == 0:
                others = [labels[row, o] for o in range(len(TASKS)) if o != task and known[row, o]]
                kinds[row, task] = 3 if not others else 2 if all(others) else 1

    def columns(values: np.ndarray, dtype: Any) -> dict[str, tf.Tensor]:
        return {task: tf.constant(values[:, index], dtype) for index, task in enumerate(TASKS)}

    return {
        "features": {
            "x": tf.constant(rng.normal(size=ROWS) + group, tf.float32),
            "c": tf.constant(rng.integers(0, 7, ROWS), tf.int64),
        },
        "labels": columns(labels * known, tf.float32),
        "weights": columns(known, tf.float32),
        "kinds": columns(kinds, tf.int64),
        "groups": {"g": tf.constant(group, tf.int64)},
    }


def make_model(network: str, fairness: dict[str, Any]) -> MultiTaskModel:
    """Compiled, with the initial weights that the seed gives."""
    settings = FairnessSettings.model_validate({"strength": 2.0, **fairness})
    built = build_network(
        network_settings(network=network, embedding_units=3, shared_units=(8,), tower_units=(4,)),
        FEATURES,
        {"c": 7},
        TASKS,
        3,
    )
    terms = FairnessTerms(settings, "g", 3, dict.fromkeys(TASKS, True)) if settings.mode != "none" else None
    model = MultiTaskModel(built, [ModelTask(name=task) for task in TASKS], terms, seed=5)
    model.compile(optimizer=make_optimizer(TrainingSettings(optimizer="sgd")))
    return model


def step_gradients(model: MultiTaskModel, batch: dict[str, Any]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Value and dense gradients of the model's own loss on the rows of one replica."""
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    gradients = tape.gradient(loss, model.trainable_variables, unconnected_gradients="zero")
    return loss, [tf.convert_to_tensor(gradient) for gradient in gradients]


def halves(batch: Any) -> list[Any]:
    """The rows of the two replicas."""
    return [tf.nest.map_structure(lambda t, part=part: t[part], batch) for part in (slice(SPLIT), slice(SPLIT, None))]


def compare(network: str, fairness: dict[str, Any], strategy: tf.distribute.Strategy) -> dict[str, float]:
    """Largest relative differences between two replicas and one device."""
    batch = make_batch(1)
    if fairness.get("batches") == "balanced":
        batch["fairness"] = {task: make_batch(index + 2) for index, task in enumerate(TASKS)}
    alone = make_model(network, fairness)
    loss, expected = tf.function(step_gradients, autograph=False)(alone, batch)
    with strategy.scope():
        mirrored = make_model(network, fairness)
    parts = halves(batch)
    rows = strategy.experimental_distribute_values_from_function(lambda c: parts[c.replica_id_in_sync_group])

    def replica(part: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
        value, gradients = step_gradients(mirrored, part)
        context = tf.distribute.get_replica_context()
        # What `apply_gradients` does: gradients are summed over replicas.
        return context.all_reduce(tf.distribute.ReduceOp.SUM, [value, gradients])

    value, found = tf.function(lambda part: strategy.run(replica, args=(part,)), autograph=False)(rows)
    values = [float(v) for v in strategy.experimental_local_results(value)]
    gradients = [
        np.abs(local.numpy() - wanted.numpy()).max()
        for got, wanted in zip(found, expected, strict=True)
        for local in strategy.experimental_local_results(got)
    ]
    scale = max(float(np.abs(gradient).max()) for gradient in expected)
    figures = {} if alone.fairness is None else alone.fairness.figures()
    return {
        "loss": float(loss),
        "value": max(abs(v - float(loss)) for v in values) / abs(float(loss)),
        "gradient": float(max(gradients)) / scale,
        "scale": scale,
        "fairness": float(sum(abs(mean) for parts in figures.values() for mean in parts.values())),
    }


def main() -> None:
    """Makes the devices and compares each case."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    for case in json.loads(sys.argv[1]):
        network = case.pop("network", "shared_bottom")
        print(json.dumps(compare(network, case, strategy)), flush=True)


if __name__ == "__main__":
    main()
