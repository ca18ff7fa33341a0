"""Stops the run on anomalies that ExampleValidator wrote."""

from __future__ import annotations

import json
import os
from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

ANOMALIES_KEY = "anomalies"
CHECKED_KEY = "checked"
CHECKED_FILE = "checked.json"


class Executor(base_executor.BaseExecutor):
    """Executor of AnomalyGate."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads the anomalies of every split.

        Args:
            input_dict: ``anomalies``, as ExampleValidator writes them.
            output_dict: ``checked``, gets ``checked.json`` {"splits": [name], "anomalies": 0}.
            exec_properties: Not read.

        Raises:
            FileNotFoundError: A split's anomalies are not there.
            ValueError: There are anomalies, of whatever severity; lists them per split and column.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(input_dict[ANOMALIES_KEY])
        splits = artifact_utils.decode_split_names(artifact.split_names)
        if not splits:
            raise ValueError(f"AnomalyGate: expected anomalies of at least one split. Received: none in {artifact.uri}")
        found: list[str] = []
        for split in splits:
            found += describe(split, _load(split, artifact_utils.get_split_uri([artifact], split)))
        if found:
            raise ValueError(
                "\n  - ".join(
                    [
                        f"AnomalyGate: the examples differ from the schema in {len(found)} places; correct the log or "
                        "the dataset's schema.pbtxt:",
                        *found,
                    ]
                )
            )
        path = os.path.join(artifact_utils.get_single_uri(output_dict[CHECKED_KEY]), CHECKED_FILE)
        tf.io.gfile.makedirs(os.path.dirname(path))
        with tf.io.gfile.GFile(path, "w") as file:
            json.dump({"splits": splits, "anomalies": 0}, file, allow_nan=False)


def describe(split: str, anomalies: anomalies_pb2.Anomalies) -> list[str]:
    """One line per anomaly of a split, columns ascending: "split `train`, column `age`: <TFDV's short>: <long>"."""
    found = []
    if anomalies.data_missing:
        found.append(f"split `{split}`: there is no data (TFDV was given no statistics of any row)")
    if anomalies.HasField("dataset_anomaly_info"):
        found.append(f"split `{split}`, the data set as a whole: {_text(anomalies.dataset_anomaly_info)}")
    for column in sorted(anomalies.anomaly_info):
        found.append(f"split `{split}`, column `{column}`: {_text(anomalies.anomaly_info[column])}")
    return found


def _text(info: anomalies_pb2.AnomalyInfo) -> str:
    if info.reason:
        return "; ".join(f"{reason.short_description}: {reason.description}" for reason in info.reason)
    return f"{info.short_description}: {info.description}"


def _load(split: str, folder: str) -> anomalies_pb2.Anomalies:
    path = os.path.join(folder, DEFAULT_FILE_NAME)
    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(f"AnomalyGate: split `{split}`: expected anomalies at {path}. Received: no such file")
    with tf.io.gfile.GFile(path, "rb") as file:
        return anomalies_pb2.Anomalies.FromString(file.read())
