"""What a report is made of, read from the artifacts of a run."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx import types
from tfx.types import artifact_utils

from components.anomaly_gate.executor import describe
from components.fairness_report.settings import ReportSettings
from components.gate.conversion import to_verdict
from components.gate.verdict_record import VERDICT_DIGEST, VerdictRecord
from components.tradeoff_metrics.counting.accumulator import MODELS
from components.tradeoff_metrics.details import decode_details, load_overall
from components.tradeoff_metrics.judging.bounds import bounds
from components.tradeoff_metrics.judging.gate import Verdict
from components.tradeoff_metrics.names import DETAILS, MetricName, suffix
from models.formats.file_digest import folder_digest

CANDIDATE, BASELINE = MODELS
# TFMA's view of one slice: output → sub key → metric → its value as a message.
SliceMetrics = list[tuple[tuple[tuple[str, Any], ...], dict[str, Any]]]


@dataclass(frozen=True)
class RunInputs:
    """A run as the report sees it.

    Attributes:
        settings: The report's settings.
        run_id: The run's id; empty where the engine gives none.
        judged: The gate's verdict.
        details: Per group key, as ``details.py`` has them.
        slices: Per model, what ``tfma.load_eval_result`` gives.
        counts: The splitter's ``counts.json``.
        log_counts: What became of the log's rows.
        training: Per model, ``training.json``.
        statistics: TFDV's statistics per split.
        anomalies: Per split, a line per anomaly.
        pushed: Where the model was pushed; None where it was refused.
    """

    settings: ReportSettings
    run_id: str
    judged: Verdict
    details: dict[str, dict[str, Any]]
    slices: dict[str, SliceMetrics]
    counts: dict[str, Any]
    log_counts: dict[str, Any]
    training: dict[str, dict[str, Any]]
    statistics: dict[str, Any]
    anomalies: dict[str, list[str]]
    pushed: Optional[str]

    @property
    def primary(self) -> dict[str, Any]:
        """Details of the primary group key."""
        return self.details[self.settings.groups[0]]


def read_inputs(settings: ReportSettings, artifacts: dict[str, list[types.Artifact]], run_id: str) -> RunInputs:
    """Reads all that the report needs.

    Args:
        settings: The report's settings.
        artifacts: The component's inputs.
        run_id: The run's id.

    Raises:
        ValueError: The verdict or the evaluation was edited since the gate, or the evaluation was made for other groups.
        FileNotFoundError: An artifact lacks its file.
    """
    evaluation = _uri(artifacts, "evaluation")
    log = artifact_utils.get_single_instance(artifacts["examples"])
    return RunInputs(
        settings=settings,
        run_id=run_id,
        judged=_verdict(artifact_utils.get_single_instance(artifacts["verdict"]), evaluation, settings),
        details=details_by_group(evaluation, list(settings.groups)),
        slices={model: load_slices(evaluation, model) for model in MODELS},
        counts=_json(_uri(artifacts, "counts"), "counts.json"),
        log_counts=json.loads(log.get_string_custom_property("row_counts")),
        training={
            CANDIDATE: _json(_uri(artifacts, "model_run"), "training.json"),
            BASELINE: _json(_uri(artifacts, "baseline_model_run"), "training.json"),
        },
        statistics=_statistics(artifact_utils.get_single_instance(artifacts["statistics"])),
        anomalies=_anomalies(artifact_utils.get_single_instance(artifacts["anomalies"])),
        pushed=_pushed(artifact_utils.get_single_instance(artifacts["pushed_model"])),
    )


def details_by_group(evaluation: str, groups: list[str]) -> dict[str, dict[str, Any]]:
    """Details of each group key, the evaluation being read once.

    Raises:
        ValueError: The evaluation lacks the details of a group key.
    """
    overall = load_overall(evaluation)
    result = {}
    for group in groups:
        key = str(MetricName(DETAILS, None, suffix(group, groups)))
        if (CANDIDATE, "", key) not in overall:
            raise ValueError(f"FairnessReport: `{evaluation}` should hold `{key}` for the group key `{group}`")
        result[group] = decode_details(overall[CANDIDATE, "", key])
    return result


def load_slices(evaluation: str, model: str) -> SliceMetrics:
    """All slices of a model, as TFMA's own views take them."""
    return tfma.load_eval_result(evaluation, model_name=model).slicing_metrics


def double(value: Optional[dict[str, Any]]) -> float:
    """The number of one of TFMA's values; NaN where it is absent, undefined or no number."""
    number = (value or {}).get("doubleValue", math.nan)
    return number if isinstance(number, float) else float(number)


def _verdict(artifact: types.Artifact, evaluation: str, settings: ReportSettings) -> Verdict:
    """The verdict as the gate wrote it; the figures beside it have to be those that it was read from."""
    record = VerdictRecord.load(artifact.uri, artifact.get_string_custom_property(VERDICT_DIGEST))
    if folder_digest(evaluation) != record.evaluation:
        raise ValueError(
            f"FairnessReport: the evaluation {evaluation} was changed after the gate had judged by it. "
            "Delete its folder, and run again"
        )
    return to_verdict(record, bounds(settings.gate, settings.task_names, settings.groups))


def _pushed(pushed: types.Artifact) -> Optional[str]:
    """Where the pusher put the model; it names no place where it put none."""
    return pushed.get_string_custom_property("pushed_destination") or None


def _statistics(artifact: types.Artifact) -> dict[str, Any]:
    parse = statistics_pb2.DatasetFeatureStatisticsList.FromString
    return {split: parse(content) for split, content in _by_split(artifact, "FeatureStats.pb").items()}


def _anomalies(artifact: types.Artifact) -> dict[str, list[str]]:
    parse = anomalies_pb2.Anomalies.FromString
    return {split: describe(split, parse(content)) for split, content in _by_split(artifact, "SchemaDiff.pb").items()}


def _by_split(artifact: types.Artifact, name: str) -> dict[str, bytes]:
    result = {}
    for split in artifact_utils.decode_split_names(artifact.split_names):
        path = os.path.join(artifact_utils.get_split_uri([artifact], split), name)
        if not tf.io.gfile.exists(path):
            raise FileNotFoundError(f"FairnessReport: split `{split}`: expected {path}. Received: no such file")
        with tf.io.gfile.GFile(path, "rb") as file:
            result[split] = file.read()
    return result


def _uri(artifacts: dict[str, list[types.Artifact]], key: str) -> str:
    return artifact_utils.get_single_uri(artifacts[key])


def _json(folder: str, name: str) -> dict[str, Any]:
    path = os.path.join(folder, name)
    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(f"FairnessReport: expected {path}. Received: no such file")
    with tf.io.gfile.GFile(path) as file:
        return json.load(file)
