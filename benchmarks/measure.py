"""Trains a setting and measures it against a baseline with the figures of the pipeline's own metrics."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.prepare import Prepared
from components.tradeoff_metrics.accumulator import GroupAccumulator
from components.tradeoff_metrics.extractor import read_thresholds
from components.tradeoff_metrics.summary import summarise
from models.features import group_key, label_key, weight_key
from models.settings import TrainerSettings
from models.training_job import TrainingJob

ROOT = Path(__file__).resolve().parent.parent
_BATCH = 4096


def train(name: str, settings: TrainerSettings, data: Prepared, code: str, folder: Path) -> Path:
    """Trains one setting in a process of its own and returns its SavedModel; one that stands there is taken as it is.

    Raises:
      RuntimeError: The training failed; its last lines follow.
    """
    model = folder / name / "model"
    job = TrainingJob(
        settings=settings,
        code=code,
        train_files=(data.train,),
        validation_files=(data.validation,),
        transform_dir=str(data.transform),
        model_dir=str(folder / name / "model.partial"),
        log_dir=str(folder / name / "log"),
    )
    stamp = folder / name / "job.json"
    if model.exists() and stamp.exists() and stamp.read_text() == job.model_dump_json():
        return model
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).mkdir(parents=True)
    (folder / name / "running.json").write_text(job.model_dump_json())
    # The training ends when its input does: the open pipe says that this process is still there.
    read, write = os.pipe()
    done = subprocess.run(
        [sys.executable, "-m", "models.train_child", str(folder / name / "running.json")],
        stdin=read,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2"),
    )
    os.close(read)
    os.close(write)
    if done.returncode:
        raise RuntimeError(f"training `{name}` failed:\n" + "\n".join(done.stdout.splitlines()[-15:]))
    os.rename(folder / name / "model.partial", model)
    os.rename(folder / name / "running.json", stamp)
    return model


def _batches(data: Prepared, tasks: list[str], group: str) -> Iterator[tuple[tf.Tensor, dict[str, np.ndarray]]]:
    spec: dict[str, Any] = {group_key(group): tf.io.FixedLenFeature([], tf.string)}
    for task in tasks:
        spec[label_key(task)] = tf.io.FixedLenFeature([], tf.int64)
        spec[weight_key(task)] = tf.io.FixedLenFeature([], tf.float32)
    files = sorted(tf.io.gfile.glob(data.test))
    for serialized in tf.data.TFRecordDataset(files, compression_type="GZIP").batch(_BATCH):
        yield serialized, {name: column.numpy() for name, column in tf.io.parse_example(serialized, spec).items()}


class Scores:
    """Probabilities [n, T] of one model on the test split, and its decision thresholds [T]."""

    def __init__(self, model: Path, data: Prepared, tasks: list[str], group: str):
        signature = tf.saved_model.load(str(model)).signatures["serving_default"]
        parts = []
        for serialized, _ in _batches(data, tasks, group):
            predicted = signature(examples=serialized)
            parts.append(np.stack([predicted[task].numpy().reshape(-1) for task in tasks], axis=1))
        self.probabilities = np.concatenate(parts)
        thresholds = read_thresholds(str(model), tasks)
        self.thresholds = np.array([thresholds[task] for task in tasks])


def compare(candidate: Scores, baseline: Scores, data: Prepared, tasks: list[str], group: str) -> dict[str, Any]:
    """Values of the trade-off metrics by name, each {value, lower, upper, reason}."""
    accumulator = GroupAccumulator(tasks, np.stack([candidate.thresholds, baseline.thresholds]))
    start = 0
    for _, columns in _batches(data, tasks, group):
        rows = slice(start, start + len(columns[group_key(group)]))
        start = rows.stop
        accumulator.add_batch(
            np.stack([columns[label_key(task)] for task in tasks], axis=1),
            np.stack([columns[weight_key(task)] for task in tasks], axis=1),
            np.stack([candidate.probabilities[rows], baseline.probabilities[rows]]),
            np.char.decode(columns[group_key(group)].astype(bytes)),
        )
    _, details = summarise(accumulator, group, None)
    return json.loads(json.dumps(details["values"]))
