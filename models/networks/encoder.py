"""Turns a batch of features into one dense vector a row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras as keras

from models.config.networks import NetworkSettings, network_settings
from models.config.settings import FeatureSettings, NumericFeature
from models.networks.layers import derived_seed, layer_name


def check_vocabulary_sizes(features: FeatureSettings, vocabulary_sizes: Mapping[str, int]) -> None:
    """Checks that every categorical feature has a table size.

    Raises:
      ValueError: A categorical feature has no entry in ``vocabulary_sizes``, or one below 1.
    """
    for feature in features.inputs:
        if isinstance(feature, NumericFeature):
            continue
        size = vocabulary_sizes.get(feature.name)
        if size is None:
            raise ValueError(
                f"`vocabulary_sizes` should name every categorical feature. Missing: `{feature.name}`; "
                f"received: {sorted(vocabulary_sizes)}"
            )
        if size < 1:
            raise ValueError(f"`vocabulary_sizes` of `{feature.name}` should be at least 1. Received: {size}")


class FeatureEncoder(keras.layers.Layer):
    """Embeds categorical features, appends numbers and crosses.

    Inputs are a dict: a numeric feature is float32 [n], a categorical one int64 [n] of ids, a multi-categorical one
    int64 [n, L] of ids padded with −1, whose embeddings are averaged (zeros where a row has none). Further keys are
    ignored.

    Each of ``features.crosses`` is one DCN-v2 layer (``tfrs.layers.dcn.Cross``), x₀ ⊙ (W x₀ + b) + x₀, over the
    features that it names; its output is appended. ``settings.cross_layers`` more of them run over the whole vector,
    x_{i+1} = x₀ ⊙ (W x_i + b) + x_i.

    An id at or above the table's size is a defect of the preprocessing. It never reads another row's memory: on a CPU
    the lookup raises ``InvalidArgumentError`` with the id, on a GPU it returns zeros, which is what TensorFlow's
    ``gather`` defines. A negative id does the same in a categorical feature and is padding in a multi-categorical one.

    Args:
      features: The model's inputs and crosses.
      settings: ``embedding_units`` and ``cross_layers`` are read.
      vocabulary_sizes: Number of ids of each categorical feature, out-of-vocabulary buckets included.
      seed: The run's seed; with ``path`` it fixes the initial weights.
      path: The encoder's name within its network, different for each encoder.
    """

    def __init__(
        self,
        features: FeatureSettings,
        settings: NetworkSettings,
        vocabulary_sizes: Mapping[str, int],
        seed: int,
        path: str = "encoder",
        **kwargs: Any,
    ) -> None:
        check_vocabulary_sizes(features, vocabulary_sizes)
        super().__init__(name=kwargs.pop("name", layer_name(path)), **kwargs)
        self._features = features
        self._settings = settings
        self._sizes = tuple((name, int(size)) for name, size in vocabulary_sizes.items())
        self._seed = seed
        self._path = path
        # A list in declared order: Keras sorts what it tracks in a dict.
        self._embeddings = [
            self._embedding(feature, vocabulary_sizes[feature.name])
            for feature in features.inputs
            if not isinstance(feature, NumericFeature)
        ]
        self._crosses = [self._cross(f"cross_{index}") for index in range(len(features.crosses))]
        self._deep_crosses = [self._cross(f"deep_cross_{index}") for index in range(settings.cross_layers)]

    def _embedding(self, feature: Any, size: int) -> keras.layers.Embedding:
        name = f"{self._path}/embedding/{feature.name}"
        return keras.layers.Embedding(
            size,
            feature.embedding or self._settings.embedding_units,
            embeddings_initializer=keras.initializers.RandomUniform(-0.05, 0.05, seed=derived_seed(self._seed, name)),
            name=layer_name("embedding", feature.name),
        )

    def _cross(self, name: str) -> keras.layers.Layer:
        seed = derived_seed(self._seed, f"{self._path}/{name}")
        return tfrs.layers.dcn.Cross(kernel_initializer=keras.initializers.TruncatedNormal(seed=seed), name=name)

    def call(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Encodes a batch.

        Args:
          features: As the class says.

        Returns:
          [n, D], float32 (the layer's compute dtype under a mixed-precision policy).

        Raises:
          KeyError: A feature is missing from ``features``.
        """
        columns = self._columns(features)
        blocks = list(columns.values())
        for names, cross in zip(self._features.crosses, self._crosses, strict=True):
            blocks.append(cross(tf.concat([columns[name] for name in names], axis=1)))
        first = tf.concat(blocks, axis=1)
        outputs = first
        for cross in self._deep_crosses:
            outputs = cross(first, outputs)
        return outputs

    def _columns(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Each feature as [n, width], in declared order."""
        embeddings = iter(self._embeddings)
        columns = {}
        for feature in self._features.inputs:
            if feature.name not in features:
                raise KeyError(f"feature `{feature.name}` is missing. Received: {sorted(features)}")
            value = features[feature.name]
            if isinstance(feature, NumericFeature):
                columns[feature.name] = tf.cast(value, self.compute_dtype)[:, tf.newaxis]
            elif feature.type == "categorical":
                columns[feature.name] = next(embeddings)(value)
            else:
                columns[feature.name] = _mean_embedding(next(embeddings), value)
        return columns

    def get_config(self) -> dict[str, Any]:
        """Arguments that build an equal encoder, as plain values."""
        config = super().get_config()
        config.update(
            features=self._features.model_dump(mode="json"),
            settings=self._settings.model_dump(mode="json"),
            vocabulary_sizes=dict(self._sizes),
            seed=self._seed,
            path=self._path,
        )
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FeatureEncoder:
        """The inverse of ``get_config``."""
        features = FeatureSettings.model_validate(config["features"])
        settings = network_settings(**config["settings"])
        return cls(**{**config, "features": features, "settings": settings})


def _mean_embedding(embedding: keras.layers.Embedding, ids: tf.Tensor) -> tf.Tensor:
    """Mean embedding of the ids that are not padding.

    Args:
      embedding: The table.
      ids: int64 [n, L]; negative = padding.

    Returns:
      [n, width]; zeros where a row has no id.
    """
    present = ids >= 0
    vectors = embedding(tf.where(present, ids, tf.zeros_like(ids)))
    mask = tf.cast(present, vectors.dtype)
    total = tf.einsum("nl,nld->nd", mask, vectors)
    return tf.math.divide_no_nan(total, tf.reduce_sum(mask, axis=1, keepdims=True))
