"""The shared representation h as one matrix."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from models.networks.base import MultiTaskNetwork


def representation(network: MultiTaskNetwork, shared: Any) -> tf.Tensor:
    """The final activations of what the tasks share, as ``network.representation`` gives them.

    A trunk's output may hold more than h: MMoE hands its embedded input to the gates as well, and a reconstruction that
    read this would bypass the experts.

    Args:
      network: The network.
      shared: What its ``trunk`` returned.

    Returns:
      float32 [n, d], all axes but the first flattened.

    Raises:
      ValueError: The network shares nothing, or the width of h is not static.
    """
    parts = tf.nest.flatten(network.representation(shared)) if network.shared_variables else []
    if not parts:
        raise ValueError(
            f"the network `{network.name}` shares nothing between its tasks, so there is no shared representation to "
            "reconstruct from or to penalise"
        )
    return tf.concat([_flat(part) for part in parts], axis=1)


def representation_width(network: MultiTaskNetwork) -> int:
    """d of ``representation``; runs the trunk on no rows.

    Raises:
      ValueError: As ``representation``.
    """
    return int(representation(network, network.trunk(network.spec.empty_batch())).shape[1])


def _flat(part: tf.Tensor) -> tf.Tensor:
    if None in part.shape[1:]:
        raise ValueError(f"a shared representation should have static widths. Received: shape {part.shape}")
    return tf.cast(tf.reshape(part, [tf.shape(part)[0], math.prod(part.shape[1:])]), tf.float32)
