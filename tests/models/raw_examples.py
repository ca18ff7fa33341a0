"""Raw examples, as the negative splitter writes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from models.training.sweep import SweepData


def feature(value: Any) -> tf.train.Feature:
    values = value if isinstance(value, list) else [value]
    if values and isinstance(values[0], str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode() for text in values]))
    if values and isinstance(values[0], float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def example(row: dict[str, Any]) -> bytes:
    # A feature without values has no type of its own.
    features = {name: feature(value) for name, value in row.items() if value != []}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def with_test(data: Any, folder: Path, files: Sequence[Sequence[dict[str, Any]]]) -> SweepData:
    """The splits of ``conftest.Data``, and a test split of raw rows in as many files as there are lists."""
    for shard, rows in enumerate(files):
        with tf.io.TFRecordWriter(str(folder / f"test-{shard}.gz"), options="GZIP") as writer:
            for row in rows:
                writer.write(example(row))
    (train,), (validation,) = data.patterns("train"), data.patterns("validation")
    return SweepData(data.transform_dir, train, validation, str(folder / "test-*"))
