"""Whether two evaluations hold the same values."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow_model_analysis.proto import metrics_for_slice_pb2


def values(evaluation: Path) -> dict[tuple[bytes, bytes], Any]:
    """Every value that an evaluation wrote, by slice and key."""
    found: dict[tuple[bytes, bytes], Any] = {}
    for path in evaluation.glob("metrics-*"):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            metrics = metrics_for_slice_pb2.MetricsForSlice.FromString(record)
            for pair in metrics.metric_keys_and_values:
                kind = pair.value.WhichOneof("type")
                value = getattr(pair.value, kind)
                name = (metrics.slice_key.SerializeToString(), pair.key.SerializeToString())
                found[name] = value.value if kind == "double_value" else value
    return found


def largest_difference(one: dict[tuple[bytes, bytes], Any], other: dict[tuple[bytes, bytes], Any]) -> float:
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
