"""Gates: how a task mixes what several encoders or experts make of a row."""

from __future__ import annotations

from typing import Any, Optional

import tensorflow as tf
import tf_keras as keras

from models.networks.layers import derived_seed, glorot, layer_name

_TINY = 1e-20


class ExpertGate(keras.layers.Layer):
    """A softmax gate that reads the input: g(x) = softmax(W x / temperature).

    Args:
      count: Number of experts.
      temperature: Above 1 flattens the weights, below 1 sharpens them.
      seed: The run's seed; with ``path`` it fixes the initial weights.
      path: The gate's name within its network, different for each gate.
    """

    def __init__(self, count: int, temperature: float, seed: int, path: str, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", layer_name(path)), **kwargs)
        self._temperature = temperature
        self._logits = keras.layers.Dense(count, use_bias=False, kernel_initializer=glorot(seed, path), name="logits")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """float32 [n, count] for inputs [n, d]; the softmax needs more than bfloat16's eight bits."""
        return tf.nn.softmax(tf.cast(self._logits(inputs), tf.float32) / self._temperature)


def mixture(weights: tf.Tensor, experts: tf.Tensor) -> tf.Tensor:
    """Σ_e weights_e · expert_e.

    Args:
      weights: [n, e].
      experts: [n, e, d].

    Returns:
      [n, d], of the experts' type.
    """
    return tf.einsum("ne,ned->nd", tf.cast(weights, experts.dtype), experts)


class SharingGate(keras.layers.Layer):
    """A gate between a public and a private encoder that does not read the input.

    (a, b) come from two logits that start at 0, so every gate but ``gumbel`` starts at ½, ½:

    * ``softmax``: (a, b) = softmax(logits).
    * ``sigmoid``: each of a and b is the sigmoid of its logit; they need not sum to 1.
    * ``gumbel``: (a, b) is (1, 0) or (0, 1). In training the greater of logit + Gumbel noise wins, one draw a step, and
      the gradient is that of softmax((logits + noise) / τ) (the straight-through estimator of Jang et al., "Categorical
      Reparameterization with Gumbel-Softmax", ICLR 2017); without noise the greater logit wins, at a tie the public one.

    A closed gate gives (0, 1) exactly, and its logits no gradient.

    Args:
      kind: ``softmax``, ``sigmoid`` or ``gumbel``.
      temperature: τ of ``gumbel``.
      path: The gate's name within its network, different for each gate.

    Raises:
      ValueError: The kind is unknown.
    """

    def __init__(self, kind: str, temperature: float, path: str, **kwargs: Any) -> None:
        if kind not in ("softmax", "sigmoid", "gumbel"):
            raise ValueError(f"`gate` should be `softmax`, `sigmoid` or `gumbel`. Received: {kind!r}")
        # Two numbers: whatever the compute type of the rest, they are worth float32.
        super().__init__(name=kwargs.pop("name", layer_name(path)), dtype=tf.float32, **kwargs)
        self._kind = kind
        self._temperature = temperature
        self._salt = derived_seed(0, path)
        self._logits = self.add_weight(name=f"{self.name}/logits", shape=[2], initializer="zeros")

    def call(self, closed: tf.Tensor, training: bool = False, seed: Optional[tf.Tensor] = None) -> tf.Tensor:
        """(a, b).

        Args:
          closed: Scalar, 1 for a closed gate, else 0.
          training: Whether ``gumbel`` draws noise.
          seed: int32 [2]; None draws nothing.

        Returns:
          float32 [2].
        """
        if self._kind == "softmax":
            weights = tf.nn.softmax(self._logits)
        elif self._kind == "sigmoid":
            weights = tf.sigmoid(self._logits)
        else:
            weights = self._hard(seed if training else None)
        return (1.0 - closed) * weights + closed * tf.constant([0.0, 1.0])

    def _hard(self, seed: Optional[tf.Tensor]) -> tf.Tensor:
        logits = tf.convert_to_tensor(self._logits)
        if seed is not None:
            draw_seed = tf.random.experimental.stateless_fold_in(seed, self._salt)
            uniform = tf.random.stateless_uniform([2], draw_seed, minval=_TINY, maxval=1.0)
            logits -= tf.math.log(-tf.math.log(uniform))
        soft = tf.nn.softmax(logits / self._temperature)
        # In this order the sum is exactly the one-hot vector.
        return tf.one_hot(tf.argmax(logits), 2) + (soft - tf.stop_gradient(soft))
