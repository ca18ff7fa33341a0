"""Train steps per second of the pipeline's own model by batch size and precision, on a GPU and on the CPU beside it.

A smoke test of training on a GPU as much as a benchmark: it fails where a step's loss is not finite. Where TensorFlow sees
no GPU it says so and ends well.

    python -m benchmarks.gpu.steps [--table benchmarks/gpu/README.md]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("<!-- steps -->", "<!-- end of steps -->")
PRECISIONS = ("float32", "mixed_bfloat16")
BATCH_SIZES = (512, 4096, 32768)
WARM_UP, STEPS = 5, 50
TASKS = ("click", "long_view", "like")
NUMERIC, CATEGORICAL, VOCABULARY = 20, 10, 100_000


def skipped() -> str | None:
    """Why there is nothing to measure; None where there is a GPU."""
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return None
    built = "is built with CUDA" if tf.test.is_built_with_cuda() else "is built without CUDA"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (
        f"skipped: TensorFlow {tf.__version__} sees no GPU here (it {built}; CUDA_VISIBLE_DEVICES is "
        f"{'not set' if hidden is None else repr(hidden)}). Nothing was measured"
    )


def make_model(precision: str) -> Any:
    """An MMoE with MTA-F losses, 20 numbers and 10 embedded ids."""
    import tf_keras as keras

    from models.config.networks import network_settings
    from models.config.settings import FairnessSettings, FeatureSettings, ModelTask, TrainingSettings
    from models.fairness.terms import FairnessTerms
    from models.networks.registry import build_network
    from models.training.optimizers import make_optimizer
    from models.training.step import MultiTaskModel

    keras.mixed_precision.set_global_policy(precision)
    numeric = [{"type": "numeric", "name": f"n{i}"} for i in range(NUMERIC)]
    categorical = [{"type": "categorical", "name": f"c{i}", "hash_buckets": VOCABULARY} for i in range(CATEGORICAL)]
    network = build_network(
        network_settings(network="mmoe", shared_units=(256, 128), tower_units=(64,)),
        FeatureSettings.model_validate({"inputs": [*numeric, *categorical]}),
        {f"c{i}": VOCABULARY for i in range(CATEGORICAL)},
        TASKS,
        1,
    )
    terms = FairnessTerms(FairnessSettings(loss="correlation"), "gender", 2, dict.fromkeys(TASKS, True))
    model = MultiTaskModel(network, [ModelTask(name=task) for task in TASKS], terms)
    model.compile(optimizer=make_optimizer(TrainingSettings(optimizer="lazy_adam")))
    return model


def make_batch(rows: int) -> dict[str, Any]:
    """Random rows, on the device: what is measured is the step, and no input pipeline."""
    import numpy as np
    import tensorflow as tf

    rng = np.random.default_rng(rows)
    features = {f"n{i}": tf.constant(rng.normal(size=rows), tf.float32) for i in range(NUMERIC)}
    features |= {f"c{i}": tf.constant(rng.integers(0, VOCABULARY, rows)) for i in range(CATEGORICAL)}
    labels = rng.integers(0, 2, (rows, len(TASKS)))
    kinds = np.where(labels == 1, 0, np.where(labels.sum(1, keepdims=True) == len(TASKS) - 1, 2, 1))
    return {
        "features": features,
        "labels": {task: tf.constant(labels[:, i], tf.float32) for i, task in enumerate(TASKS)},
        "weights": {task: tf.ones([rows]) for task in TASKS},
        "kinds": {task: tf.constant(kinds[:, i]) for i, task in enumerate(TASKS)},
        "groups": {"gender": tf.constant(rng.integers(0, 2, rows))},
    }


def measure(device: str, precision: str, rows: int, steps: int = STEPS) -> dict[str, float]:
    """Steps per second on one device.

    Raises:
      FloatingPointError: The loss became NaN or infinite.
    """
    import models  # noqa: F401  chooses the Keras 2 API

    # isort: split
    import tensorflow as tf

    with tf.device(device):
        model, batch = make_model(precision), make_batch(rows)
        step = tf.function(model.train_step, autograph=False)
        for _ in range(WARM_UP):
            loss = float(step(batch)["loss"])
        started = time.perf_counter()
        for _ in range(steps):
            found = step(batch)
        # Reading the loss waits for the device.
        loss = float(found["loss"])
        seconds = time.perf_counter() - started
    if not math.isfinite(loss):
        raise FloatingPointError(f"{device}, {precision}, batches of {rows:,}: the loss is {loss}")
    return {"steps_per_second": steps / seconds, "rows_per_second": rows * steps / seconds, "loss": loss}


def child(device: str, precision: str, rows: int) -> dict[str, float]:
    """Measures in a process of its own, whose precision and memory are its own.

    Raises:
      RuntimeError: It failed; its last lines follow.
    """
    command = [sys.executable, "-m", "benchmarks.gpu.steps", "--one", json.dumps([device, precision, rows])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    if device.startswith("/CPU"):
        environment["CUDA_VISIBLE_DEVICES"] = ""
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"{device}, {precision}, batches of {rows:,} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure_all() -> list[str]:
    """Lines of the table."""
    import tensorflow as tf

    gpu = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0]).get("device_name", "GPU")
    lines = [
        "| device | precision | batch | steps per second | rows per second | loss after |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for device, name in (("/GPU:0", gpu), ("/CPU:0", f"CPU, {os.cpu_count()} cores")):
        for precision in PRECISIONS if device == "/GPU:0" else PRECISIONS[:1]:
            for rows in BATCH_SIZES:
                found = child(device, precision, rows)
                lines.append(
                    f"| {name} | {precision} | {rows:,} | {found['steps_per_second']:.1f} "
                    f"| {found['rows_per_second']:,.0f} | {found['loss']:.4f} |"
                )
                print(lines[-1], flush=True)
    return lines


def main() -> None:
    """Measures all, or in a child process the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", help="a single measurement, as JSON: device, precision, batch size")
    parser.add_argument("--table", type=Path, help="the Markdown file whose table is replaced")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(*json.loads(arguments.one))))
        return
    reason = skipped()
    if reason is not None:
        print(reason)
        return
    lines = measure_all()
    if arguments.table:
        before, rest = arguments.table.read_text(encoding="utf-8").split(MARKS[0])
        arguments.table.write_text(
            "\n".join([before + MARKS[0], *lines, MARKS[1] + rest.split(MARKS[1])[1]]), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
