"""Generated evaluation data of any size, and models that read their scores from it.

What is measured with them is the evaluation, and no network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx_bsl.coders import example_coder

from components.tradeoff_metrics.counting.accumulator import MODELS
from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from models.formats.features import group_key, label_key, negative_key, weight_key
from models.metrics.decision import DECISION_FILE
from pipeline.evaluation import build_eval_config

SEGMENT = "segment"
USER = "user_id"
_CHUNK = 20_000


@dataclass(frozen=True)
class Shape:
    """What grows: tasks, and slices. ``slices`` None are the pipeline's own, by three group keys and kinds of negatives."""

    tasks: int = 3
    slices: int | None = None
    clustered: bool = False

    @property
    def names(self) -> list[str]:
        """The tasks'."""
        return [f"task{t:02d}" for t in range(self.tasks)]

    @property
    def groups(self) -> list[str]:
        """The group keys."""
        return ["gender", "age_band", "gender_x_age"] if self.slices is None else ["age_band"]

    def eval_config(self, batched: bool) -> tfma.EvalConfig:
        """The pipeline's EvalConfig; with ``slices``: overall, three age bands, and segments for the rest."""
        plain = self.slices is None
        evaluation = EvaluationSettings.model_validate(
            {
                "batched": batched,
                "slice_negative_kinds": plain,
                "slices": [] if plain or self.slices == 4 else [[SEGMENT]],
                "cluster": USER if self.clustered else None,
            }
        )
        gate = GateSettings.model_validate({"arfg_max": 1.0})
        return build_eval_config([(task, "base_rate") for task in self.names], self.groups, evaluation, gate, code="")


def score_column(model: str, task: str) -> str:
    """The column that a model returns as its score."""
    return f"{model}_score/{task}"


def write_examples(path: Path, rows: int, shape: Shape, seed: int) -> None:
    """Examples with groups, labels (one in five missing), kinds of negatives, segments and both models' scores."""
    rng = np.random.default_rng(seed)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for start in range(0, rows, _CHUNK):
            count = min(_CHUNK, rows - start)
            offsets = np.arange(count + 1, dtype=np.int32)
            columns = _columns(rng, count, shape)
            lists = {name: pa.ListArray.from_arrays(offsets, pa.array(values)) for name, values in columns.items()}
            for example in example_coder.RecordBatchToExamples(pa.RecordBatch.from_pydict(lists)):
                writer.write(example)


def _columns(rng: np.random.Generator, rows: int, shape: Shape) -> dict[str, np.ndarray]:
    gender = rng.choice(["female", "male"], rows)
    age = rng.choice(["under_29", "29_to_39", "40_and_over"], rows)
    crossed = np.char.add(np.char.add(gender, " x "), age)
    groups = {"gender": gender, "age_band": age, "gender_x_age": crossed}
    result = {group_key(name): groups[name].astype("S") for name in shape.groups}
    result[SEGMENT] = rng.integers(0, max(1, (shape.slices or 4) - 4), rows).astype("S")
    result[USER] = rng.integers(0, max(1, rows // 10), rows).astype("S")
    for task in shape.names:
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

    def __init__(self, name: str, tasks: list[str]):
        super().__init__()
        self._columns = {task: score_column(name, task) for task in tasks}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        features = {column: tf.io.FixedLenFeature([], tf.float32) for column in self._columns.values()}
        parsed = tf.io.parse_example(examples, features)
        return {task: parsed[column] for task, column in self._columns.items()}


def save_models(folder: Path, shape: Shape) -> dict[str, str]:
    """Both models, with decision thresholds; their paths by name."""
    for name in MODELS:
        model = _Scores(name, shape.names)
        tf.saved_model.save(model, str(folder / name), signatures={"serving_default": model.serve})
        path = folder / name / DECISION_FILE
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"thresholds": dict.fromkeys(shape.names, 0.5)}), encoding="utf-8")
    return {name: str(folder / name) for name in MODELS}
