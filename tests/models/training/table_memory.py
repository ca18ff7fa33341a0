"""Memory and time of an embedding table's first steps, for `test_large_tables.py`, which runs this file.

    python tests/models/table_memory.py OPTIMIZER ROWS

prints a JSON line: the table's size, and the peaks of this process's memory above what it took before the model was made,
in multiples of it. A process of its own, so that nothing else is counted.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import models  # noqa: F401  before TensorFlow

# isort: split
import numpy as np
import tensorflow as tf

from models.config.networks import network_settings
from models.config.settings import FeatureSettings, ModelTask, TrainingSettings
from models.networks.registry import build_network
from models.training.optimizers import make_optimizer
from models.training.step import MultiTaskModel

WIDTH = 16
BATCH = 512
STEPS = 5
_PAGE = 4096


class Peak(threading.Thread):
    """Watches the resident memory of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.bytes = resident()

    def run(self) -> None:
        while True:
            self.bytes = max(self.bytes, resident())
            time.sleep(0.002)


def resident() -> int:
    """Bytes of this process that lie in memory."""
    with open("/proc/self/statm", encoding="utf-8") as file:
        return int(file.read().split()[1]) * _PAGE


def make_model(optimizer: str, rows: int) -> MultiTaskModel:
    """Two tasks over one hashed feature."""
    inputs = [{"type": "categorical", "name": "item", "hash_buckets": rows, "embedding": WIDTH}]
    network = build_network(
        network_settings(shared_units=(8,), tower_units=(4,)),
        FeatureSettings.model_validate({"inputs": inputs}),
        {"item": rows},
        ["a", "b"],
        1,
    )
    model = MultiTaskModel(network, [ModelTask(name="a"), ModelTask(name="b")])
    model.compile(optimizer=make_optimizer(TrainingSettings.model_validate({"optimizer": optimizer})))
    model.optimizer.build(model.trainable_variables)
    return model


def steps(model: MultiTaskModel, rows: int) -> list[float]:
    """Seconds of each step."""
    rng = np.random.default_rng(0)
    step = tf.function(model.train_step, autograph=False)
    seconds = []
    for _ in range(STEPS):
        columns = {task: tf.constant(rng.integers(0, 2, BATCH), tf.float32) for task in ("a", "b")}
        batch: dict[str, Any] = {
            "features": {"item": tf.constant(rng.integers(0, rows, BATCH))},
            "labels": columns,
            "weights": dict.fromkeys(columns, tf.ones([BATCH])),
        }
        started = time.perf_counter()
        step(batch)
        seconds.append(time.perf_counter() - started)
    return seconds


def main(optimizer: str, rows: int) -> None:
    """Measures after a rehearsal with a small table, whose tracing and libraries then are in memory."""
    steps(make_model(optimizer, 1000), 1000)
    before = resident()
    peak = Peak()
    peak.start()
    model = make_model(optimizer, rows)
    table = rows * WIDTH * 4
    built = peak.bytes
    seconds = steps(model, rows)
    print(
        json.dumps(
            {
                "megabytes": table / 2**20,
                "built": (built - before) / table,
                "peak": (peak.bytes - before) / table,
                "step_ms": 1000 * min(seconds),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
