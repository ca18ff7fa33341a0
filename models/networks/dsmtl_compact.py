"""DSMTL's architecture learning: the network that is left of the search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import tensorflow as tf
import tf_keras as keras

from models.config.networks import DsmtlSettings
from models.networks.architecture import Architecture
from models.networks.base import MultiTaskNetwork, NetworkSpec, Tower
from models.networks.blocks import block_count, encoder_block, run_block
from models.networks.spec import spec_of_config


class DsmtlCompact(MultiTaskNetwork):
    """The public encoder, and for each task blocks of its own from the depth on at which it branches off, and a tower.

    Equals ``DsmtlSearch`` whose architecture parameters pick ``architecture`` with certainty, without the blocks that then
    reach no logit. All public makes it ``SharedBottom``, all private ``SingleTask``, with the same initial weights.

    The trunk is what at least two tasks use of the public encoder; what one task alone uses of it is a part of its head.
    The trunk's output holds ``public``, what the public encoder makes of the input at each depth at which a head begins,
    and, where a head begins at the input, ``features``.

    Args:
      spec: What to build.
      architecture: Of the same tasks and number of blocks.
      **kwargs: Keras' own (``name``).

    Raises:
      ValueError: The architecture is another network's.
    """

    settings_class = DsmtlSettings

    def __init__(self, spec: NetworkSpec, architecture: Architecture, **kwargs: Any) -> None:
        architecture.check(spec.tasks, block_count(spec))
        self._architecture = architecture
        super().__init__(spec, **kwargs)

    def _make_layers(self, spec: NetworkSpec) -> None:
        paths = spec.task_paths()
        depth = self._architecture.trunk_depth
        self._public = [encoder_block(spec, index, "encoder", "bottom") for index in range(depth)]
        self._own = [self._own_blocks(spec, task, path) for task, path in zip(spec.tasks, paths, strict=True)]
        self._towers = [Tower(spec, f"tower_{path}") for path in paths]

    def _own_blocks(self, spec: NetworkSpec, task: str, path: str) -> list[keras.layers.Layer]:
        blocks = []
        for index in range(self._start(task), block_count(spec)):
            public = index < self._architecture.depth(task)
            names = ("encoder", "bottom") if public else (f"encoder_{path}", f"bottom_{path}")
            blocks.append(encoder_block(spec, index, *names))
        return blocks

    def found(self) -> Any:
        """The architecture."""
        return self._architecture.to_json()

    def _start(self, task: str) -> int:
        """Number of blocks of the trunk that the task's head stands on."""
        return min(self._architecture.depth(task), self._architecture.trunk_depth)

    def _shared_layers(self) -> list[keras.layers.Layer]:
        return list(self._public)

    def _task_layers(self) -> dict[str, list[keras.layers.Layer]]:
        return {task: [*own, tower] for task, own, tower in zip(self.tasks, self._own, self._towers, strict=True)}

    def trunk(
        self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, Any]:
        """``public``: depth → [n, d]; ``features`` where a head begins at the input."""
        starts = {self._start(task) for task in self.tasks}
        value: Any = self.spec.inputs_of(features)
        shared: dict[str, Any] = {"public": {}}
        if 0 in starts:
            shared["features"] = value
        for index, block in enumerate(self._public):
            value = run_block(block, value, training, seed)
            if index + 1 in starts:
                shared["public"][str(index + 1)] = tf.identity(value)
        return shared

    def heads(
        self, shared: dict[str, Any], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, tf.Tensor]:
        """Each tower on the task's own blocks on what it shares."""
        logits = {}
        for task, own, tower in zip(self.tasks, self._own, self._towers, strict=True):
            start = self._start(task)
            value = shared["public"][str(start)] if start else shared["features"]
            for block in own:
                value = run_block(block, value, training, seed)
            logits[task] = tower(value, training=training, seed=seed)
        return logits

    @property
    def architecture(self) -> Architecture:
        """What the network was built from, beside its spec."""
        return self._architecture

    def representation(self, shared: dict[str, Any]) -> list[tf.Tensor]:
        """The public encoder's output where it ends; empty where the tasks share nothing."""
        depth = self._architecture.trunk_depth
        return [shared["public"][str(depth)]] if depth else []

    def trunk_outputs(self, shared: dict[str, Any]) -> list[tf.Tensor]:
        """The public encoder's outputs at the depths where heads begin."""
        return list(shared["public"].values())

    def get_config(self) -> dict[str, Any]:
        """Spec and architecture as plain values."""
        return {**super().get_config(), "architecture": self._architecture.to_json()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> DsmtlCompact:
        """The inverse of ``get_config``: the same network with its initial weights."""
        return cls(spec_of_config(config), Architecture.from_json(config["architecture"]))
