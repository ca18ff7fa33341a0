"""Building blocks of the networks: seeds, names and stacks of dense layers."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Optional

import tensorflow as tf
import tf_keras as keras

from models.formats.names import safe_name

# One more than the largest seed: Keras initialisers and stateless ops take seeds below 2**31.
_SEED_SPAN = 2**31 - 1


def derived_seed(seed: int, name: str) -> int:
    """A seed for the thing called ``name``, the same in every process (Python's own ``hash`` is salted).

    Args:
      seed: The run's seed.
      name: Any text; different names give different seeds, up to chance.

    Returns:
      An integer in [0, 2³¹ − 1).
    """
    return zlib.crc32(f"{seed}/{name}".encode()) % _SEED_SPAN


def layer_name(path: str, *names: str) -> str:
    """A name that TensorFlow takes as a scope; task and feature names may hold anything, and stay apart.

    Args:
      path: What the network calls the layer, in parts between ``/``.
      *names: Names of tasks or features, each of which stands whole.

    Returns:
      All of them, joined by ``_``.
    """
    name = "_".join(safe_name(part, keep=".-") for part in (*path.split("/"), *names))
    return name if name[0].isalnum() or name[0] == "." else f"layer_{name}"


def glorot(seed: int, name: str) -> keras.initializers.Initializer:
    """Glorot-uniform initialiser of the layer called ``name``."""
    return keras.initializers.GlorotUniform(seed=derived_seed(seed, name))


class DenseStack(keras.layers.Layer):
    """ReLU layers one after another, each followed by dropout.

    The dropout mask depends on the call's ``seed`` and on the layer only, so two calls with one seed, in one step,
    drop the same units: a fairness term then sees the network that the task loss saw.

    Args:
      units: Width of each layer. Empty: the stack returns its input.
      dropout: Share of the units to drop, in [0, 1).
      seed: The run's seed; with ``path`` it fixes the initial weights.
      path: The stack's name within its network, different for each stack.
      first: Index of the first layer: a part of a longer stack starts with the weights, and drops the units, that the
        whole would.
    """

    def __init__(
        self, units: Sequence[int], dropout: float, seed: int, path: str, first: int = 0, **kwargs: Any
    ) -> None:
        name = layer_name(path, str(first)) if first else layer_name(path)
        super().__init__(name=kwargs.pop("name", name), **kwargs)
        self._units = tuple(units)
        self._dropout = dropout
        self._seed = seed
        self._path = path
        self._first = first
        indices = range(first, first + len(self._units))
        names = [f"{path}/dense_{index}" for index in indices]
        self._salts = tuple(derived_seed(0, name) for name in names)
        self._dense = [
            keras.layers.Dense(width, activation="relu", kernel_initializer=glorot(seed, name), name=f"dense_{index}")
            for index, width, name in zip(indices, self._units, names, strict=True)
        ]

    def call(self, inputs: tf.Tensor, training: bool = False, seed: Optional[tf.Tensor] = None) -> tf.Tensor:
        """Applies the stack.

        Args:
          inputs: [n, d].
          training: Whether to drop units.
          seed: int32 [2]; None drops nothing.

        Returns:
          [n, units[-1]].
        """
        outputs = inputs
        for layer, salt in zip(self._dense, self._salts, strict=True):
            outputs = layer(outputs)
            if training and seed is not None and self._dropout > 0:
                mask_seed = tf.random.experimental.stateless_fold_in(seed, salt)
                outputs = tf.nn.experimental.stateless_dropout(outputs, rate=self._dropout, seed=mask_seed)
        return outputs

    def get_config(self) -> dict[str, Any]:
        """Arguments that build an equal stack."""
        config = super().get_config()
        config.update(
            units=list(self._units), dropout=self._dropout, seed=self._seed, path=self._path, first=self._first
        )
        return config
