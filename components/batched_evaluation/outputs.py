"""The outputs of one-task models, under their names.

TFMA takes the only output of a model out of its dictionary, and then looks for it by the name that the EvalConfig gives
in ``output_names``: an evaluation that names its outputs, as ours does, fails on a single one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants

STAGE = "ExtractNamedOutputs"


def named_outputs_extractor(eval_config: tfma.EvalConfig) -> Optional[tfma.extractors.Extractor]:
    """Puts a lone output's predictions back under its name, in batches and in rows; None where no model has one task."""
    lone = {spec.name: next(iter(spec.label_keys)) for spec in eval_config.model_specs if len(spec.label_keys) == 1}
    if not lone:
        return None
    return tfma.extractors.Extractor(
        stage_name=STAGE, ptransform=_NameOutputs(lone, several_models=len(eval_config.model_specs) > 1)
    )


class _NameOutputs(beam.PTransform):
    def __init__(self, lone: Mapping[str, str], several_models: bool):
        super().__init__()
        self._lone, self._several_models = dict(lone), several_models

    def expand(self, extracts: beam.PCollection) -> beam.PCollection:
        lone, several = self._lone, self._several_models
        return extracts | "NameOutputs" >> beam.Map(
            lambda element: {
                **element,
                constants.PREDICTIONS_KEY: named_outputs(element[constants.PREDICTIONS_KEY], lone, several),
            }
        )


def named_outputs(predictions: Any, lone: Mapping[str, str], several_models: bool) -> Any:
    """The predictions of an element with every model's outputs under their names.

    Args:
        predictions: {model: {output: values}}, or {model: values} of a model with one output; without the level of the
            models where there is one model.
        lone: Model → its only output, for models with one.
        several_models: Whether ``predictions`` has the level of the models.
    """
    if not several_models:
        return _named(predictions, next(iter(lone.values())))
    return {model: _named(values, lone[model]) if model in lone else values for model, values in predictions.items()}


def _named(values: Any, output: str) -> Mapping[str, Any]:
    return values if isinstance(values, Mapping) else {output: values}
