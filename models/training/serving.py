"""The SavedModel: raw features in, one probability per task out."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from models.config.settings import CategoricalFeature, Feature, FeatureSettings, NumericFeature
from models.formats import strict_json
from models.formats.names import distinct_names, marked_name
from models.networks.base import MultiTaskNetwork

EXAMPLES_SIGNATURE = "serving_default"
TENSORS_SIGNATURE = "serving_tensors"

# Beside the SavedModel: tensor of ``TENSORS_SIGNATURE`` → the feature that it is.
TENSORS_FILE = os.path.join("assets.extra", "tensors.json")


class ServingModel(tf.Module):
    """A network behind its Transform graph.

    Labels, weights and groups are not needed: Transform drops what its missing inputs would give.

    Args:
      network: Trained.
      transform: What Transform wrote.
      features: The network's inputs.
    """

    def __init__(self, network: MultiTaskNetwork, transform: tft.TFTransformOutput, features: FeatureSettings) -> None:
        super().__init__()
        # The variables are tracked, the Keras objects are not: saving those would trace every layer's call for several
        # seconds, to restore layers that nobody asks a served model for.
        self.weights = network.variables
        self._logits = functools.partial(network.call, training=False, seed=None)
        # What Transform's own layer does: the loaded graph is tracked, so that its vocabularies are saved as assets.
        loader = SavedModelLoader(transform.transform_savedmodel_dir)
        self.transform_graph = dict(vars(loader))
        self._transform = loader.apply_transform_model
        raw_spec = transform.raw_feature_spec()
        self._raw_spec = {feature.name: raw_spec[feature.name] for feature in features.inputs}
        self._features = features

    def examples_signature(self) -> Any:
        """``examples``: serialized tf.Examples of raw features, string [n] → {task: float32 [n, 1]}."""

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
        def serve(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            return self._probabilities(tf.io.parse_example(examples, self._raw_spec))

        return serve

    def tensors_signature(self) -> Any:
        """One tensor for each raw feature, named by ``tensor_names`` → {task: float32 [n, 1]}.

        Numeric: float32 [n], NaN = missing. Categorical: string [n], "" = missing. Multi-categorical: string [n, L],
        padded with "".
        """
        names = tensor_names(self._features)
        specs = {names[feature.name]: _tensor_spec(feature, names[feature.name]) for feature in self._features.inputs}

        @tf.function(input_signature=[specs], autograph=False)
        def serve(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return self._probabilities(
                {name: _raw_column(inputs[names[name]], spec) for name, spec in self._raw_spec.items()}
            )

        return serve

    def _probabilities(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        columns = self._transform(dict(raw))
        features = {
            feature.name: tf.sparse.to_dense(columns[feature.name], default_value=-1)
            if isinstance(columns[feature.name], tf.SparseTensor)
            else columns[feature.name]
            for feature in self._features.inputs
        }
        logits = self._logits(features)
        return {task: tf.sigmoid(values)[:, tf.newaxis] for task, values in logits.items()}


def save_model(
    model_dir: str, network: MultiTaskNetwork, transform: tft.TFTransformOutput, features: FeatureSettings
) -> None:
    """Writes the SavedModel with its two signatures, and ``TENSORS_FILE``, to ``model_dir``, which should not exist."""
    serving = ServingModel(network, transform, features)
    signatures = {
        EXAMPLES_SIGNATURE: serving.examples_signature(),
        TENSORS_SIGNATURE: serving.tensors_signature(),
    }
    tf.saved_model.save(serving, model_dir, signatures=signatures)
    tf.io.gfile.makedirs(os.path.join(model_dir, "assets.extra"))
    with tf.io.gfile.GFile(os.path.join(model_dir, TENSORS_FILE), "w") as file:
        file.write(strict_json.dumps({tensor: name for name, tensor in tensor_names(features).items()}, indent=2))


def tensor_names(features: FeatureSettings) -> dict[str, str]:
    """Feature → the name of its tensor, in which TensorFlow takes ASCII letters, digits and ``_`` only.

    Other signs become ``_`` where that is enough to tell the feature from all others; where it is not, or leaves nothing to
    read, the name ends in a mark of its own (see ``models.formats.names``).
    """
    return distinct_names({feature.name: _plain(feature.name) for feature in features.inputs})


def _plain(name: str) -> str:
    # A signature is called with the tensors' names as arguments, and has one of its own already.
    if name == "self" or not re.search(r"[A-Za-z0-9]", name):
        return marked_name(name)
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return plain if plain[0].isalpha() else f"f_{plain}"


def _tensor_spec(feature: Feature, name: str) -> tf.TensorSpec:
    if isinstance(feature, NumericFeature):
        return tf.TensorSpec([None], tf.float32, name=name)
    shape = [None] if isinstance(feature, CategoricalFeature) else [None, None]
    return tf.TensorSpec(shape, tf.string, name=name)


def _raw_column(tensor: tf.Tensor, spec: Any) -> Any:
    """``tensor`` in the form that Transform was traced with."""
    if isinstance(spec, tf.io.FixedLenFeature):
        return _cast(tf.reshape(tensor, [-1, *spec.shape]), spec.dtype)
    matrix = tf.reshape(tensor, [tf.shape(tensor)[0], -1])
    indices = tf.where(tf.not_equal(matrix, "") if matrix.dtype == tf.string else tf.math.is_finite(matrix))
    values = _cast(tf.gather_nd(matrix, indices), spec.dtype)
    return tf.SparseTensor(indices, values, tf.shape(matrix, out_type=tf.int64))


def _cast(tensor: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    return tensor if tensor.dtype == dtype else tf.cast(tensor, dtype)
