"""Predictions of all models in one pass.

TFMA calls one model after the other, each with its own parsing and Transform. Here all are called inside one
``tf.function``, on whose graph TensorFlow's optimiser computes what the models have in common once (the parsing of the
examples, every part of Transform that needs no vocabulary of a model's own), and which runs their parts side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.extractors import predictions_extractor
from tensorflow_model_analysis.utils import model_util


def predictions_extractor_of(eval_shared_model: Any, eval_config: tfma.EvalConfig) -> tfma.extractors.Extractor:
    """In place of TFMA's predictions extractor, where several models take serialized examples."""
    models = eval_shared_model if isinstance(eval_shared_model, list) else [eval_shared_model]
    if len(models) < 2:
        return predictions_extractor.PredictionsExtractor(eval_config=eval_config, eval_shared_model=eval_shared_model)
    signatures = {spec.name: spec.signature_name for spec in eval_config.model_specs}
    return tfma.extractors.Extractor(
        stage_name=predictions_extractor.PREDICTIONS_EXTRACTOR_STAGE_NAME, ptransform=_Predict(models, signatures)
    )


class _Predict(beam.PTransform):
    def __init__(self, models: list[Any], signatures: Mapping[str, str]):
        super().__init__()
        self._loaders = {model.model_name: model.model_loader for model in models}
        self._signatures = dict(signatures)

    def expand(self, extracts: beam.PCollection) -> beam.PCollection:
        return extracts | "PredictTogether" >> beam.ParDo(PredictTogetherFn(self._loaders, self._signatures))


class PredictTogetherFn(model_util.DoFnWithModels):
    """Adds the predictions of all models to a batch: {model: {output: [n, …]}}, or {model: [n, …]} of one output."""

    def __init__(self, model_loaders: dict[str, Any], signatures: dict[str, str]):
        super().__init__(model_loaders)
        self._signatures = signatures

    def setup(self) -> None:
        """Loads the models and binds them together."""
        super().setup()
        functions = {name: self._signature(name) for name in self._loaded_models}
        inputs = {name: next(iter(f.structured_input_signature[1])) for name, f in functions.items()}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
        def predict(examples: tf.Tensor) -> dict[str, Any]:
            return {name: function(**{inputs[name]: examples}) for name, function in functions.items()}

        self._predict = predict

    def _signature(self, name: str) -> Any:
        signatures = self._loaded_models[name].signatures
        wanted = self._signatures[name]
        if wanted not in signatures:
            raise ValueError(f"the model `{name}` should have a signature `{wanted}`. It has: {sorted(signatures)}")
        function = signatures[wanted]
        specs = list(function.structured_input_signature[1].values())
        if len(specs) != 1 or specs[0].dtype != tf.string:
            raise ValueError(
                f"the signature `{wanted}` of the model `{name}` should take one string tensor, of serialized examples. "
                f"Received: {specs}"
            )
        return function

    def process(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the batch with predictions."""
        examples = tf.constant(np.ravel(batch[constants.INPUT_KEY]), tf.string)
        predictions = {
            model: {output: values.numpy() for output, values in outputs.items()}
            for model, outputs in self._predict(examples).items()
        }
        # TFMA looks for the only output of a model without its name.
        plain = {model: next(iter(o.values())) if len(o) == 1 else o for model, o in predictions.items()}
        yield {**batch, constants.PREDICTIONS_KEY: plain}
