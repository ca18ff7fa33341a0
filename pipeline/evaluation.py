"""The evaluation: TFMA's EvalConfig, and the check that what it asks for was computed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Union

import tensorflow_model_analysis as tfma
from fairness_indicators.fairness_indicators_metrics import (
    FAIRNESS_INDICATORS_METRICS_NAME,
    calculate_digits,
)
from google.protobuf import wrappers_pb2

from components.batched_evaluation.names import batched_metric
from components.tradeoff_metrics.counting.accumulator import MODELS
from components.tradeoff_metrics.details import load_overall
from components.tradeoff_metrics.judging.bounds import Bound, bounds
from components.tradeoff_metrics.names import all_keys, check_names
from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings, check_threshold
from models.formats.features import group_key, label_key, negative_key, weight_key

CANDIDATE, BASELINE = MODELS
SIGNATURE = "serving_default"

# Used by Evaluator(module_path=…): it hands the metrics the models' decision thresholds.
EXTRACTOR_MODULE = "components.tradeoff_metrics.counting.extractor"

AUC_MODULE = "components.tradeoff_metrics.figures.rank_auc"

# A task and its decision threshold: a number, or how the trainer fixes it on the validation split.
TaskThreshold = tuple[str, Union[float, str]]

_TASK_METRICS = ("Calibration", "MeanLabel", "MeanPrediction", "ExampleCount", "WeightedExampleCount")
_TASK_METRIC_KEYS = ("auc", "calibration", "mean_label", "mean_prediction", "weighted_example_count")


class ExpectedKey(NamedTuple):
    """A metric that the overall slice must have."""

    model: str
    output: str
    name: str


def build_eval_config(
    tasks: Sequence[TaskThreshold],
    groups: Sequence[str],
    evaluation: EvaluationSettings,
    gate: GateSettings,
    code: str,
) -> tfma.EvalConfig:
    """The EvalConfig of a run.

    Args:
        tasks: Name and decision threshold of each task. Fairness Indicators and accuracy take a number; a threshold that
            the trainer fixes reaches the trade-off metrics only, through the model.
        groups: Group names, the primary one first, crossings included.
        evaluation: Thresholds of Fairness Indicators, slices, intervals.
        gate: Becomes thresholds on the trade-off metrics in the overall slice.
        code: Hash of the metrics' source, so that edited code is not served from TFX's cache.

    Raises:
        ValueError: Names that metric keys cannot hold, or a gate that speaks of unknown tasks or groups.
    """
    names = [name for name, _ in tasks]
    check_names(names, groups)
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                name=model,
                is_baseline=model == BASELINE,
                signature_name=SIGNATURE,
                # Left open, TFMA loads every model twice, the first time only to find out that it is not Keras'.
                model_type=tfma.TF_GENERIC,
                label_keys={name: label_key(name) for name in names},
                example_weight_keys={name: weight_key(name) for name in names},
            )
            for model in MODELS
        ],
        slicing_specs=_slicing_specs(names, groups, evaluation),
        metrics_specs=[
            *(_task_spec(name, threshold, evaluation) for name, threshold in tasks),
            _tradeoff_spec(names, groups, evaluation, gate, code),
        ],
    )


def _slicing_specs(
    tasks: Sequence[str], groups: Sequence[str], evaluation: EvaluationSettings
) -> list[tfma.SlicingSpec]:
    columns: list[tuple[str, ...]] = [(), *((group_key(group),) for group in groups)]
    if evaluation.slice_negative_kinds:
        columns += [(negative_key(task),) for task in tasks]
    columns += evaluation.slices
    return [tfma.SlicingSpec(feature_keys=keys) for keys in dict.fromkeys(columns)]


def _task_spec(task: str, threshold: Union[float, str], evaluation: EvaluationSettings) -> tfma.MetricsSpec:
    """Metrics that look at one task alone."""
    accuracy = {"threshold": threshold} if isinstance(threshold, float) else {}
    thresholds = fairness_thresholds(threshold, evaluation)
    metrics = [
        *(tfma.MetricConfig(class_name=name) for name in _TASK_METRICS),
        tfma.MetricConfig(class_name="BinaryAccuracy", config=json.dumps({"name": "accuracy", **accuracy})),
        tfma.MetricConfig(
            class_name="FairnessIndicators",
            module="fairness_indicators.fairness_indicators_metrics",
            config=json.dumps({"thresholds": thresholds}),
        ),
    ]
    if evaluation.batched:
        metrics = [batched_metric(metric) for metric in metrics]
    # TFMA's own AUC takes scores of rare positives as tied.
    rank_auc = tfma.MetricConfig(class_name="RankAUC", module=AUC_MODULE)
    return tfma.MetricsSpec(output_names=[task], metrics=[rank_auc, *metrics])


def fairness_thresholds(threshold: Union[float, str], evaluation: EvaluationSettings) -> list[float]:
    """Thresholds of Fairness Indicators for a task: those of the settings, and its own where it is a number."""
    result = set(evaluation.fairness_thresholds)
    if isinstance(threshold, float):
        check_threshold(threshold)
        result.add(threshold)
    return sorted(result)


def fairness_indicator_key(rate: str, threshold: float, thresholds: Sequence[float]) -> str:
    """Key of a Fairness Indicators rate, such as ``false_positive_rate``: its digits depend on all thresholds."""
    return f"{FAIRNESS_INDICATORS_METRICS_NAME}/{rate}@{threshold:.{calculate_digits(thresholds)}f}"


def _tradeoff_spec(
    tasks: Sequence[str], groups: Sequence[str], evaluation: EvaluationSettings, gate: GateSettings, code: str
) -> tfma.MetricsSpec:
    """The metric over all tasks. Without `output_names`: TFMA would look for each threshold once per output."""
    config = {
        "tasks": list(tasks),
        "groups": list(groups),
        "code": code,
        "bins": evaluation.histogram_bins,
        "confidence": evaluation.confidence,
        "min_count": evaluation.min_count,
        "cluster": evaluation.cluster,
    }
    spec = tfma.MetricsSpec(
        metrics=[
            tfma.MetricConfig(
                class_name="FairnessTradeoff",
                module="components.tradeoff_metrics.metrics",
                config=json.dumps(config),
            )
        ]
    )
    for bound in bounds(gate, tasks, groups):
        # The overall slice only: inside a group's own slice a value between groups is NaN, which fails every bound.
        spec.per_slice_thresholds[bound.key].thresholds.append(
            tfma.PerSliceMetricThreshold(slicing_specs=[tfma.SlicingSpec()], threshold=_threshold(bound))
        )
    return spec


def _threshold(bound: Bound) -> tfma.MetricThreshold:
    limit = wrappers_pb2.DoubleValue(value=bound.limit)
    side: dict[str, Any] = {"lower_bound" if bound.is_minimum else "upper_bound": limit}
    return tfma.MetricThreshold(value_threshold=tfma.GenericValueThreshold(**side))


def expected_keys(
    tasks: Sequence[TaskThreshold], groups: Sequence[str], evaluation: EvaluationSettings
) -> list[ExpectedKey]:
    """What the overall slice must hold for the EvalConfig of the same arguments."""
    result = [ExpectedKey(CANDIDATE, "", key) for key in all_keys([name for name, _ in tasks], groups)]
    for name, threshold in tasks:
        thresholds = fairness_thresholds(threshold, evaluation)
        keys = [*_TASK_METRIC_KEYS, "accuracy"]
        keys += [fairness_indicator_key("false_positive_rate", value, thresholds) for value in thresholds]
        result += [ExpectedKey(model, name, key) for model in MODELS for key in keys]
    return result


def check_expected(evaluation_path: str, expected: Iterable[ExpectedKey]) -> None:
    """Fails a run whose evaluation lacks what it was asked for: TFMA leaves out metrics silently.

    Raises:
        ValueError: The overall slice, or keys in it, are missing.
    """
    found = load_overall(evaluation_path)
    missing = [key for key in expected if tuple(key) not in found]
    if missing:
        named = ", ".join(f"`{key.name}` (model `{key.model}`, output `{key.output}`)" for key in missing[:5])
        raise ValueError(
            f"the evaluation `{evaluation_path}` lacks {len(missing)} metric(s) that were asked for: {named}"
            + (", …" if len(missing) > 5 else "")
        )
