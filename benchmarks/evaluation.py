"""Rows per second of the evaluation: TFMA's own path and ours, side by side in one run.

Both get the same generated examples, models and EvalConfig (three tasks, two models, 24 slices, all metrics of the
pipeline); each measurement has a process of its own, and its time starts after the imports. The models read their scores
from the examples, so that what is measured is the evaluation. The two results at the same number of rows are compared.

    python -m benchmarks.evaluation            # four measurements, some minutes: nearly all of them TFMA's own
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import metrics_for_slice_pb2
from tfx_bsl.coders import example_coder

from components.tradeoff_metrics.accumulator import MODELS
from components.tradeoff_metrics.extractor import custom_extractors
from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from models.decision import DECISION_FILE
from models.features import group_key, label_key, negative_key, weight_key
from pipeline.evaluation import build_eval_config

ROOT = Path(__file__).resolve().parent.parent
TASKS = ("click", "like", "long_view")
GROUPS = ("gender", "age_band", "gender_x_age")
STOCK, OURS = "stock", "ours"
MEASUREMENTS = ((STOCK, 5_000), (OURS, 5_000), (OURS, 50_000), (OURS, 200_000))
_CHUNK = 10_000


def score_column(model: str, task: str) -> str:
    """The column that a model returns as its score."""
    return f"{model}_score/{task}"


def write_examples(path: Path, rows: int, seed: int) -> None:
    """Examples with groups, labels (one in five missing), kinds of negatives and both models' scores."""
    rng = np.random.default_rng(seed)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for start in range(0, rows, _CHUNK):
            columns = _columns(rng, min(_CHUNK, rows - start))
            offsets = np.arange(min(_CHUNK, rows - start) + 1, dtype=np.int32)
            lists = {name: pa.ListArray.from_arrays(offsets, pa.array(values)) for name, values in columns.items()}
            for example in example_coder.RecordBatchToExamples(pa.RecordBatch.from_pydict(lists)):
                writer.write(example)


def _columns(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    gender = rng.choice(["female", "male"], rows)
    age = rng.choice(["under_29", "29_to_39", "40_and_over"], rows)
    crossed = np.char.add(np.char.add(gender, " x "), age)
    result = {group_key(name): values.astype("S") for name, values in zip(GROUPS, (gender, age, crossed), strict=True)}
    for task in TASKS:
        known = rng.random(rows) < 0.8
        label = known & (rng.random(rows) < 0.3)
        kind = np.where(label, 0, np.where(known, rng.integers(1, 3, rows), 3))
        result |= {label_key(task): label.astype(np.int64), weight_key(task): known.astype(np.int64)}
        result[negative_key(task)] = kind
        for model in MODELS:
            result[score_column(model, task)] = np.clip(rng.normal(0.4 + 0.2 * label, 0.2), 0, 1).astype(np.float32)
    return result


class _Scores(tf.Module):
    """A model whose scores are columns of the examples."""

    def __init__(self, name: str):
        super().__init__()
        self._columns = {task: score_column(name, task) for task in TASKS}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = {column: tf.io.FixedLenFeature([], tf.float32) for column in self._columns.values()}
        parsed = tf.io.parse_example(examples, features)
        return {task: parsed[column] for task, column in self._columns.items()}


def save_models(folder: Path) -> None:
    """Both models, with decision thresholds, under their names."""
    for name in MODELS:
        model = _Scores(name)
        tf.saved_model.save(model, str(folder / name), signatures={"serving_default": model.serve})
        path = folder / name / DECISION_FILE
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"thresholds": dict.fromkeys(TASKS, 0.5)}))


def measure(kind: str, folder: Path, rows: int) -> dict[str, Any]:
    """Evaluates once and returns seconds, CPU seconds and peak memory in MB."""
    config = build_eval_config(
        [(task, "base_rate") for task in TASKS],
        GROUPS,
        EvaluationSettings.model_validate({"batched": kind == OURS}),
        GateSettings.model_validate({"arfg_max": 1.0}),
        code="",
    )
    started, cpu = time.perf_counter(), time.process_time()
    shared = [
        tfma.default_eval_shared_model(str(folder / name), model_name=name, eval_config=config) for name in MODELS
    ]
    tfma.run_model_analysis(
        shared,
        config,
        data_location=str(folder / f"examples-{rows}.gz"),
        output_path=str(folder / f"{kind}-{rows}"),
        extractors=custom_extractors(shared, config),
    )
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def values(evaluation: Path) -> dict[tuple, Any]:
    """Every value that an evaluation wrote, by slice, model, output and name."""
    found: dict[tuple, Any] = {}
    for path in evaluation.glob("metrics-*"):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            metrics = metrics_for_slice_pb2.MetricsForSlice.FromString(record)
            for pair in metrics.metric_keys_and_values:
                kind = pair.value.WhichOneof("type")
                value = getattr(pair.value, kind)
                name = (metrics.slice_key.SerializeToString(), pair.key.SerializeToString())
                found[name] = value.value if kind == "double_value" else value
    return found


def largest_difference(one: dict[tuple, Any], other: dict[tuple, Any]) -> float:
    """Between two evaluations, relative where values exceed 1; infinite where keys or values of another kind differ."""
    if one.keys() != other.keys():
        return math.inf
    largest = 0.0
    for name, value in one.items():
        if not isinstance(value, float):
            difference = 0.0 if value == other[name] else math.inf
        elif value == other[name] or (math.isnan(value) and math.isnan(other[name])):
            continue
        else:
            difference = abs(value - other[name]) / max(1, abs(value))
        # NaN on one side only counts as a difference too.
        largest = max(largest, math.inf if math.isnan(difference) else difference)
    return largest


def table(results: list[tuple[str, int, dict[str, Any]]]) -> str:
    """The measurements in Markdown."""
    lines = [
        "| path | rows | seconds | CPU seconds | rows per second | peak memory (MB) |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for kind, rows, result in results:
        speed = rows / result["seconds"]
        lines.append(
            f"| {kind} | {rows:,} | {result['seconds']:.1f} | {result['cpu']:.1f} | {speed:,.0f} "
            f"| {result['megabytes']:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Runs all measurements, or in a child process the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=3, metavar=("PATH", "ROWS", "FOLDER"), help="a single measurement, as JSON")
    arguments = parser.parse_args()
    if arguments.one:
        kind, rows, folder = arguments.one
        print(json.dumps(measure(kind, Path(folder), int(rows))))
        return
    with tempfile.TemporaryDirectory() as name:
        folder, results = Path(name), []
        save_models(folder)
        for rows in sorted({rows for _, rows in MEASUREMENTS}):
            write_examples(folder / f"examples-{rows}.gz", rows, seed=rows)
        for kind, rows in MEASUREMENTS:
            command = [sys.executable, "-m", "benchmarks.evaluation", "--one", kind, str(rows), str(folder)]
            done = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "."}
            )
            if done.returncode:
                raise RuntimeError(f"`{' '.join(command)}` failed:\n{done.stderr[-3000:]}")
            results.append((kind, rows, json.loads(done.stdout.splitlines()[-1])))
            print(table(results[-1:]).splitlines()[-1], flush=True)
        evaluations = [values(folder / f"{kind}-5000") for kind in (STOCK, OURS)]
        print(f"\n{table(results)}\n")
        print(
            f"{len(evaluations[0]):,} values at 5,000 rows; largest difference {largest_difference(*evaluations):.1e}"
        )


if __name__ == "__main__":
    main()
