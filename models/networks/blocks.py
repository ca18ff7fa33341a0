"""An encoder cut into blocks: the feature encoder, and each of its dense layers."""

from __future__ import annotations

from typing import Any, Optional

import tensorflow as tf
import tf_keras as keras

from models.networks.base import NetworkSpec
from models.networks.encoder import FeatureEncoder


def block_count(spec: NetworkSpec) -> int:
    """Number of blocks of an encoder: the feature encoder and each of ``shared_units``."""
    return 1 + len(spec.settings.shared_units)


def encoder_block(spec: NetworkSpec, index: int, encoder_path: str, stack_path: str) -> keras.layers.Layer:
    """One block, with the initial weights and the dropout that it has in an encoder that is built in one piece.

    Args:
      spec: The network's.
      index: 0 is the feature encoder.
      encoder_path: Path of the feature encoder in its network.
      stack_path: Path of the stack of dense layers.
    """
    if index == 0:
        return spec.encoder(encoder_path)
    return spec.stack(spec.settings.shared_units[index - 1 : index], stack_path, first=index - 1)


def encoder_blocks(spec: NetworkSpec, encoder_path: str, stack_path: str) -> list[keras.layers.Layer]:
    """All blocks of an encoder; arguments as for ``encoder_block``."""
    return [encoder_block(spec, index, encoder_path, stack_path) for index in range(block_count(spec))]


def run_block(block: keras.layers.Layer, inputs: Any, training: bool, seed: Optional[tf.Tensor]) -> tf.Tensor:
    """[n, d]: a feature encoder on features, or dense layers on [n, d]."""
    if isinstance(block, FeatureEncoder):
        return block(inputs)
    return block(inputs, training=training, seed=seed)


def block_names(spec: NetworkSpec) -> list[str]:
    """The blocks' names in messages and reports."""
    return ["feature encoder", *(f"layer {index + 1}" for index in range(len(spec.settings.shared_units)))]
