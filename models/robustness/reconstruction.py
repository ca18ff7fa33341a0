"""The auxiliary task of regularised multi-task learning: reconstruct a corrupted input from the shared representation."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf
import tf_keras as keras

from models.config.robustness import RegularisedMTL
from models.config.settings import FeatureSettings, NumericFeature
from models.networks.encoder import check_vocabulary_sizes
from models.networks.layers import glorot, layer_name
from models.robustness.corruption import corrupt, is_unscaled

# Standard deviations. The square of a count's far tail would outweigh all other cells of a batch.
_LARGEST = 5.0

Reduce = Callable[[tf.Tensor], tf.Tensor]


def alone(value: tf.Tensor) -> tf.Tensor:
    """The sum over replicas where there is one."""
    return value


class Reconstruction(keras.layers.Layer):
    """A linear head for each feature on the shared representation h, used in training alone.

    The heads belong to the shared side: their loss trains the trunk. They are in the checkpoint and not in the export.

    L_aux is the mean over all corrupted cells of the batch, of whatever feature, of

    * (ŷ − x)² for a standardised number, which is cut at ±5, and is no target where it is exactly 0: so a missing value
      reads;
    * the cross-entropy of a category's id, divided by log(classes);
    * for a list of categories the mean of the same over the ids that the row has; an empty list is no target.

    With these scales a head that knows nothing but the feature's spread loses about 1 whatever the feature, so that α
    means the same in all data sets. A feature with more than ``settings.max_classes`` ids is predicted modulo that
    number: exact softmax over millions of ids would cost more than the network. One with a single id is no target, nor is a
    number with ``scale: none``.

    Cells that were left as they are do not count, as in masked language modelling: h of the row holds them anyway.

    Args:
      features: The model's inputs.
      vocabulary_sizes: Number of ids of each categorical feature, out-of-vocabulary buckets included.
      width: d of the shared representation.
      settings: Corruption and ``max_classes`` are read.
      seed: Fixes the initial weights.

    Raises:
      ValueError: No feature can be reconstructed, or a vocabulary size is missing.
    """

    def __init__(
        self,
        features: FeatureSettings,
        vocabulary_sizes: Mapping[str, int],
        width: int,
        settings: RegularisedMTL,
        seed: int,
        **kwargs: Any,
    ) -> None:
        check_vocabulary_sizes(features, vocabulary_sizes)
        # The heads are small, and their losses need more than bfloat16's eight bits.
        super().__init__(name=kwargs.pop("name", "reconstruction"), **{**kwargs, "dtype": "float32"})
        self._features = features
        self._sizes = tuple((name, int(size)) for name, size in vocabulary_sizes.items())
        self._width = width
        self._settings = settings
        self._seed = seed
        self._numbers = [
            feature.name
            for feature in features.inputs
            if isinstance(feature, NumericFeature) and not is_unscaled(feature)
        ]
        # Name, number of classes, and whether a cell holds several.
        self._classes = [
            (feature.name, min(vocabulary_sizes[feature.name], settings.max_classes), feature.type != "categorical")
            for feature in features.inputs
            if not isinstance(feature, NumericFeature) and vocabulary_sizes[feature.name] > 1
        ]
        if not self._numbers and not self._classes:
            raise ValueError(
                "reconstruction needs a standardised numeric feature, or a categorical one with two ids or more. Received: "
                f"{[feature.name for feature in features.inputs]}"
            )
        # One layer for all numbers: two hundred products of one column each would cost more than the network.
        self._number_heads = [self._head("numbers", len(self._numbers))] if self._numbers else []
        self._class_heads = [self._head("feature", classes, name) for name, classes, _ in self._classes]
        self.built = True

    def _head(self, what: str, units: int, *names: str) -> keras.layers.Dense:
        initializer = glorot(self._seed, "/".join(("reconstruction", what, *names)))
        head = keras.layers.Dense(units, kernel_initializer=initializer, name=layer_name(what, *names), dtype="float32")
        head.build([None, self._width])
        return head

    def corrupt(
        self, features: Mapping[str, tf.Tensor], seed: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Corrupted features and the corrupted cells; see ``models.robustness.corruption.corrupt``."""
        return corrupt(
            features,
            seed,
            inputs=self._features,
            vocabulary_sizes=dict(self._sizes),
            kind=self._settings.corruption,
            share=self._settings.share,
        )

    def loss(
        self,
        hidden: tf.Tensor,
        features: Mapping[str, tf.Tensor],
        cells: Mapping[str, tf.Tensor],
        reduce: Reduce = alone,
    ) -> tf.Tensor:
        """L_aux.

        Args:
          hidden: float32 [n, d], the representation of the corrupted features.
          features: Before corruption.
          cells: By feature bool [n], true where corrupted.
          reduce: Sums a tensor over replicas.

        Returns:
          float32 scalar: this replica's sum over the global number of targets, so that the replicas' values, and their
          gradients, add up to those of one device. 0 where nothing is a target.
        """
        parts = [self._number_loss(hidden, features, cells)] if self._numbers else []
        for head, (name, classes, several) in zip(self._class_heads, self._classes, strict=True):
            cross_entropy = _list_loss if several else _class_loss
            losses, known = cross_entropy(head(hidden), features[name], classes)
            targets = tf.cast(cells[name] & known, tf.float32)
            parts.append((tf.reduce_sum(losses * targets) / math.log(classes), tf.reduce_sum(targets)))
        total, count = (tf.add_n(list(values)) for values in zip(*parts, strict=True))
        return tf.math.divide_no_nan(total, reduce(count))

    def _number_loss(
        self, hidden: tf.Tensor, features: Mapping[str, tf.Tensor], cells: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Sum of squared errors over the targets, and their number."""
        wanted, targets = [], []
        for name in self._numbers:
            value = tf.cast(features[name], tf.float32)
            wanted.append(tf.clip_by_value(value, -_LARGEST, _LARGEST))
            targets.append(tf.cast(cells[name] & tf.not_equal(value, 0.0), tf.float32))
        mask = tf.stack(targets, axis=1)
        errors = self._number_heads[0](hidden) - tf.stack(wanted, axis=1)
        return tf.reduce_sum(mask * tf.square(errors)), tf.reduce_sum(mask)

    def get_config(self) -> dict[str, Any]:
        """Arguments that build an equal layer, as plain values."""
        config = super().get_config()
        config.update(
            features=self._features.model_dump(mode="json"),
            vocabulary_sizes=dict(self._sizes),
            width=self._width,
            settings=self._settings.model_dump(mode="json"),
            seed=self._seed,
        )
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Reconstruction:
        """The inverse of ``get_config``."""
        features = FeatureSettings.model_validate(config["features"])
        settings = RegularisedMTL.model_validate(config["settings"])
        return cls(**{**config, "features": features, "settings": settings})


def _class_loss(logits: tf.Tensor, ids: tf.Tensor, classes: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy [n] of one id a row, and which rows have one."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids % classes, logits=logits)
    return losses, tf.ones_like(ids, tf.bool)


def _list_loss(logits: tf.Tensor, ids: tf.Tensor, classes: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean cross-entropy [n] over a row's ids, padded with −1 [n, L], and which rows have one."""
    present = tf.cast(ids >= 0, tf.float32)
    # Floor modulo sends padding to a class, whose term `present` drops.
    chosen = tf.gather(tf.nn.log_softmax(logits), ids % classes, batch_dims=1)
    count = tf.reduce_sum(present, axis=1)
    return -tf.math.divide_no_nan(tf.reduce_sum(present * chosen, axis=1), count), count > 0
