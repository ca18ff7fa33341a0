"""Hard parameter sharing: one encoder and bottom for all tasks, a tower for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import tensorflow as tf
import tf_keras as keras

from models.config.networks import SharedBottomSettings
from models.networks.base import MultiTaskNetwork, NetworkSpec, Tower


class SharedBottom(MultiTaskNetwork):
    """logit_t = tower_t(bottom(encoder(x))), as in Caruana, "Multitask Learning", Machine Learning 28, 1997.

    ``shared_units`` make the bottom, ``tower_units`` each tower. The trunk's output is [n, shared_units[-1]].
    """

    settings_class = SharedBottomSettings

    def _make_layers(self, spec: NetworkSpec) -> None:
        self._encoder = spec.encoder("encoder")
        self._bottom = spec.stack(spec.settings.shared_units, "bottom")
        self._towers = [Tower(spec, f"tower_{index}_{task}") for index, task in enumerate(spec.tasks)]

    def _shared_layers(self) -> list[keras.layers.Layer]:
        return [self._encoder, self._bottom]

    def _task_layers(self) -> dict[str, list[keras.layers.Layer]]:
        return {task: [tower] for task, tower in zip(self.tasks, self._towers, strict=True)}

    def trunk(
        self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> tf.Tensor:
        """The bottom's output, [n, d]."""
        return self._bottom(self._encoder(features), training=training, seed=seed)

    def heads(
        self, shared: tf.Tensor, training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, tf.Tensor]:
        """Each tower on the bottom's output."""
        return {
            task: tower(shared, training=training, seed=seed)
            for task, tower in zip(self.tasks, self._towers, strict=True)
        }
