"""Single-task learning (STL): a network of its own for each task, the baseline of ARFG and ARE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import tensorflow as tf
import tf_keras as keras

from models.config.networks import SingleTaskSettings
from models.networks.base import MultiTaskNetwork, NetworkSpec, Tower


class SingleTask(MultiTaskNetwork):
    """T networks that share nothing but the batch.

    Capacity rule: each task gets what ``SharedBottom`` gives one task, that is an encoder, ``shared_units``,
    ``tower_units`` and a logit. A gap between the two is then sharing's doing, not size's.

    The trunk is empty: ``shared`` is the features themselves, and there are no shared variables.
    """

    settings_class = SingleTaskSettings

    def _make_layers(self, spec: NetworkSpec) -> None:
        names = [f"{index}_{task}" for index, task in enumerate(spec.tasks)]
        self._encoders = [spec.encoder(f"encoder_{name}") for name in names]
        self._bottoms = [spec.stack(spec.settings.shared_units, f"bottom_{name}") for name in names]
        self._towers = [Tower(spec, f"tower_{name}") for name in names]

    def _shared_layers(self) -> list[keras.layers.Layer]:
        return []

    def _task_layers(self) -> dict[str, list[keras.layers.Layer]]:
        parts = zip(self.tasks, self._encoders, self._bottoms, self._towers, strict=True)
        return {task: [encoder, bottom, tower] for task, encoder, bottom, tower in parts}

    def trunk(self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None) -> Any:
        """The inputs among ``features``, as they are."""
        return self.spec.inputs_of(features)

    def heads(self, shared: Any, training: bool = False, seed: Optional[tf.Tensor] = None) -> dict[str, tf.Tensor]:
        """Each task's whole network on the features."""
        logits = {}
        for task, encoder, bottom, tower in zip(self.tasks, self._encoders, self._bottoms, self._towers, strict=True):
            hidden = bottom(encoder(shared), training=training, seed=seed)
            logits[task] = tower(hidden, training=training, seed=seed)
        return logits

    def trunk_outputs(self, shared: Any) -> list[tf.Tensor]:
        """None: the inputs depend on no variable."""
        return []
