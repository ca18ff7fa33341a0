"""What the Evaluator adds to TFMA's extractors: the decision thresholds that each model carries, and names of outputs.

Thresholds are fixed on the validation split by the trainer and stored in ``assets.extra/decision.json`` of the SavedModel,
so that a model is judged at the thresholds it will decide with. The EvalConfig is made before they are known.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, Optional

import apache_beam as beam
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.batched_evaluation.extractors import batched_extractors
from components.batched_evaluation.names import is_batched
from components.batched_evaluation.outputs import named_outputs_extractor
from models.formats.listing import quoted
from models.metrics.decision import DECISION_FILE

# Extracts key of {model name: {task: threshold}}.
THRESHOLDS_KEY = "decision_thresholds"

Thresholds = dict[str, dict[str, float]]


def custom_extractors(
    eval_shared_model: Any, eval_config: tfma.EvalConfig, tensor_adapter_config: Optional[Any] = None
) -> list[tfma.extractors.Extractor]:
    """The hook that TFX's Evaluator looks up in its ``module_path``.

    Args:
        eval_shared_model: The models, one or a list, each with ``model_name`` and ``model_path``.
        eval_config: Its model specs' ``label_keys`` name the tasks.
        tensor_adapter_config: As in ``tfma.default_extractors``.

    Raises:
        FileNotFoundError: A model has no decision file.
        ValueError: A decision file has no number for a task.
    """
    thresholds = model_thresholds(eval_shared_model, eval_config)
    given = {
        "eval_shared_model": eval_shared_model,
        "eval_config": eval_config,
        "tensor_adapter_config": tensor_adapter_config,
    }
    if is_batched(eval_config):
        extractors = batched_extractors(**given, keep=cluster_columns(eval_config))
    else:
        extractors = tfma.default_extractors(**given)
    # TFMA's evaluators read what the slice key extractor puts out, and nothing that comes after it.
    stages = [extractor.stage_name for extractor in extractors]
    position = stages.index(tfma.extractors.SLICE_KEY_EXTRACTOR_STAGE_NAME)
    added = [tfma.extractors.Extractor(stage_name="ExtractDecisionThresholds", ptransform=_AddThresholds(thresholds))]
    named = named_outputs_extractor(eval_config)
    return [*extractors[:position], *([named] if named else []), *added, *extractors[position:]]


def cluster_columns(eval_config: tfma.EvalConfig) -> list[str]:
    """The columns that the trade-off metrics read beside the groups'."""
    configs = [
        json.loads(metric.config)
        for spec in eval_config.metrics_specs
        for metric in spec.metrics
        if metric.class_name == "FairnessTradeoff"
    ]
    return sorted({config["cluster"] for config in configs if config.get("cluster") is not None})


def model_thresholds(eval_shared_model: Any, eval_config: tfma.EvalConfig) -> Thresholds:
    """Thresholds of every model and task."""
    tasks = {spec.name: list(spec.label_keys) for spec in eval_config.model_specs}
    if isinstance(eval_shared_model, dict):
        models: Iterable[Any] = eval_shared_model.values()
    else:
        # A shared model is itself a (named) tuple.
        models = eval_shared_model if isinstance(eval_shared_model, list) else [eval_shared_model]
    return {model.model_name: read_thresholds(model.model_path, tasks[model.model_name]) for model in models}


def read_thresholds(model_path: str, tasks: Iterable[str]) -> dict[str, float]:
    """Reads the thresholds of ``tasks`` from the decision file of a SavedModel."""
    path = os.path.join(model_path, DECISION_FILE)
    if not tf.io.gfile.exists(path):
        raise FileNotFoundError(
            f"the model `{model_path}` should carry its decision thresholds in `{DECISION_FILE}`; there is no such file"
        )
    with tf.io.gfile.GFile(path) as file:
        thresholds = json.load(file).get("thresholds", {})
    for task in tasks:
        if isinstance(thresholds.get(task), bool) or not isinstance(thresholds.get(task), (int, float)):
            raise ValueError(
                f"`{path}` should hold a number for each of the tasks {quoted(tasks)} under `thresholds`. "
                f"Received: {thresholds}"
            )
    return {task: float(thresholds[task]) for task in tasks}


class _AddThresholds(beam.PTransform):
    def __init__(self, thresholds: Thresholds):
        super().__init__()
        self._thresholds = thresholds

    def expand(self, extracts: beam.PCollection) -> beam.PCollection:
        thresholds = self._thresholds
        # One dictionary that all rows share: a reference a row, nothing to split or copy.
        return extracts | "AddThresholds" >> beam.Map(lambda row: {**row, THRESHOLDS_KEY: thresholds})
