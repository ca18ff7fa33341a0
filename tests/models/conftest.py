"""A small log with known structure, through Transform in process: what training tests train on."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import Any, Optional

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

import models  # noqa: F401  before TensorFlow
from models.config.settings import TrainerSettings
from models.data.input_pipeline import ExampleSource
from models.data.preprocessing import PreprocessingSettings, preprocessing_fn
from models.formats.features import group_key, label_key, negative_key, weight_key

# Not in alphabetical order, so that an output that is taken by position shows.
TASKS = ("like", "click", "buy")

FEATURES = {
    "inputs": [
        {"type": "numeric", "name": "age"},
        {"type": "numeric", "name": "clicks", "scale": "log1p_standardize"},
        {"type": "categorical", "name": "device/type", "vocabulary": 3},
        {"type": "multi_categorical", "name": "tags", "vocabulary": 10},
    ]
}


def _make_settings(**blocks: Any) -> TrainerSettings:
    """Settings of a small training; ``blocks`` update ``model``, ``fairness`` and ``training``."""
    settings: dict[str, Any] = {
        "tasks": [{"name": task} for task in TASKS],
        "groups": ["gender", "region"],
        "features": FEATURES,
        "model": {"network": "shared_bottom", "embedding_units": 4, "shared_units": [16], "tower_units": [8]},
        "fairness": {"mode": "none"},
        "min_specific": 5,
        "training": {"epochs": 2, "batch_size": 64, "learning_rate": 0.01, "shuffle_rows": 500},
    }
    for key, block in blocks.items():
        settings[key] = {**settings[key], **block} if isinstance(block, dict) else block
    return TrainerSettings.model_validate(settings)


def make_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Raw rows with labels that depend on the features and, through ``age``, on gender; some labels are missing."""
    random = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        gender = int(random.random() < 0.35)
        age = random.normal(30 + 6 * gender, 8)
        tags = [f"t{t}" for t in random.choice(6, size=random.integers(0, 4), replace=False)]
        score = (age - 32) / 8 + 0.8 * ("t0" in tags)
        row: dict[str, Any] = {
            "age": [] if random.random() < 0.05 else [float(age)],
            "clicks": [int(random.poisson(3))],
            "device/type": [] if random.random() < 0.1 else [("phone", "tablet", "tv", "web")[random.integers(4)]],
            "tags": [",".join(tags)] if index % 2 and tags else tags,
            group_key("gender"): "unknown" if random.random() < 0.04 else ("men", "women")[gender],
            group_key("region"): ("north", "south", "west")[random.integers(3)],
        }
        labels: dict[str, Optional[int]] = {
            task: None if random.random() < 0.1 else int(score + random.normal(0, 1) > shift)
            for task, shift in zip(TASKS, (0.3, -0.2, 0.0), strict=True)
        }
        rows.append({**row, **outcome_columns(labels)})
    return rows


def outcome_columns(labels: dict[str, Optional[int]]) -> dict[str, Any]:
    """Label, weight and kind of negative for each task, by the paper's rule."""
    columns: dict[str, Any] = {}
    for task, label in labels.items():
        others = [other for name, other in labels.items() if name != task and other is not None]
        kind = 0
        if label == 0:
            kind = 3 if not others else 2 if all(others) else 1
        columns[label_key(task)] = label or 0
        columns[weight_key(task)] = float(label is not None)
        columns[negative_key(task)] = kind
    return columns


def raw_feature_spec() -> dict[str, Any]:
    """Features may be missing, what the splitter writes is always there."""
    spec: dict[str, Any] = {
        "age": tf.io.VarLenFeature(tf.float32),
        "clicks": tf.io.VarLenFeature(tf.int64),
        "device/type": tf.io.VarLenFeature(tf.string),
        "tags": tf.io.VarLenFeature(tf.string),
    }
    for name in ("gender", "region"):
        spec[group_key(name)] = tf.io.FixedLenFeature([], tf.string)
    for task in TASKS:
        spec[label_key(task)] = tf.io.FixedLenFeature([], tf.int64)
        spec[weight_key(task)] = tf.io.FixedLenFeature([], tf.float32)
        spec[negative_key(task)] = tf.io.FixedLenFeature([], tf.int64)
    return spec


@dataclasses.dataclass(frozen=True)
class Data:
    """Transformed splits on disk."""

    folder: pathlib.Path
    transform_dir: str
    raw_validation: list[dict[str, Any]]

    def patterns(self, split: str) -> tuple[str, ...]:
        return (str(self.folder / f"{split}-*"),)

    def source(self, split: str, settings: Optional[TrainerSettings] = None) -> ExampleSource:
        settings = settings or _make_settings()
        return ExampleSource(
            patterns=self.patterns(split),
            feature_spec=tft.TFTransformOutput(self.transform_dir).transformed_feature_spec(),
            features=settings.features,
            tasks=tuple(task.name for task in settings.tasks),
            groups=settings.groups,
            split=split,
        )


def transform_rows(
    folder: pathlib.Path,
    train: list[dict[str, Any]],
    validation: list[dict[str, Any]],
    shards: int = 3,
    **blocks: Any,
) -> Data:
    """Runs Transform on ``train`` and writes both splits as TFX does: TFRecord files, compressed."""
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(raw_feature_spec()))
    config = {"settings": PreprocessingSettings.of(_make_settings(**blocks)).model_dump_json(), "code": "0"}
    function = functools.partial(preprocessing_fn, custom_config=config)
    transform_dir = str(folder / "transform")
    with tft_beam.Context(temp_dir=str(folder / "temp")):
        (rows, transformed), transform = (train, metadata) | tft_beam.AnalyzeAndTransformDataset(function)
        transform | tft_beam.WriteTransformFn(transform_dir)
        later, _ = ((validation, metadata), transform) | tft_beam.TransformDataset()
    metadata_io.write_metadata(metadata, str(folder / "transform" / "metadata"))
    coder = tft.coders.ExampleProtoCoder(transformed.schema)
    for split, part in (("train", rows), ("validation", later)):
        for shard in range(shards):
            path = str(folder / f"{split}-{shard}.gz")
            with tf.io.TFRecordWriter(path, options="GZIP") as writer:
                for row in part[shard::shards]:
                    writer.write(coder.encode(row))
    return Data(folder, transform_dir, validation)


@pytest.fixture(scope="session")
def make_data(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Data]:
    """1,000 train rows (a last batch of 40) and 300 validation rows, transformed under the given blocks of settings."""

    def make(**blocks: Any) -> Data:
        return transform_rows(tmp_path_factory.mktemp("data"), make_rows(1000, 1), make_rows(300, 2), **blocks)

    return make


@pytest.fixture(scope="session")
def data(make_data: Callable[..., Data]) -> Data:
    """As ``make_data`` with the usual settings."""
    return make_data()


@pytest.fixture(scope="session")
def make_settings() -> Callable[..., TrainerSettings]:
    """Settings of a small training; the given blocks update those of the same name."""
    return _make_settings
