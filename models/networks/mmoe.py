"""Multi-gate mixture of experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

import tensorflow as tf
import tf_keras as keras

from models.config.networks import MMoESettings
from models.networks.base import MultiTaskNetwork, NetworkSpec, Tower
from models.networks.gates import ExpertGate, mixture


class MMoE(MultiTaskNetwork):
    """Experts that all tasks share, mixed for each task by its own softmax gate.

    logit_t = tower_t(Σ_e g_t(x)_e · expert_e(x)),  g_t(x) = softmax(W_t x / temperature), x the embedded input
    (Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts", KDD 2018).

    Encoder and experts (``shared_units`` each) are shared; a gate belongs to its task. A ``gate_temperature`` above 1
    flattens the gates, which keeps experts from dying early; below 1 it sharpens them. The trunk's output holds the
    ``experts`` [n, e, d] and the ``embedded`` input [n, D] that the gates read.
    """

    settings_class = MMoESettings

    def _make_layers(self, spec: NetworkSpec) -> None:
        settings = spec.own(MMoESettings)
        self._encoder = spec.encoder("encoder")
        self._experts = [spec.stack(settings.shared_units, f"expert_{index}") for index in range(settings.experts)]
        self._gates = [
            ExpertGate(settings.experts, settings.gate_temperature, spec.seed, f"gate_{path}")
            for path in spec.task_paths()
        ]
        self._towers = [Tower(spec, f"tower_{path}") for path in spec.task_paths()]

    def _shared_layers(self) -> list[keras.layers.Layer]:
        return [self._encoder, *self._experts]

    def _task_layers(self) -> dict[str, list[keras.layers.Layer]]:
        return {task: [gate, tower] for task, gate, tower in zip(self.tasks, self._gates, self._towers, strict=True)}

    def trunk(
        self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, tf.Tensor]:
        """``experts`` [n, e, d] and ``embedded`` [n, D]."""
        embedded = self._encoder(features)
        experts = [expert(embedded, training=training, seed=seed) for expert in self._experts]
        return {"experts": tf.stack(experts, axis=1), "embedded": tf.identity(embedded)}

    def heads(
        self, shared: dict[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, tf.Tensor]:
        """Each tower on its gate's mixture of the experts."""
        logits = {}
        for task, gate, tower in zip(self.tasks, self._gates, self._towers, strict=True):
            mixed = mixture(gate(shared["embedded"]), shared["experts"])
            logits[task] = tower(mixed, training=training, seed=seed)
        return logits

    def representation(self, shared: dict[str, tf.Tensor]) -> tf.Tensor:
        """The experts' outputs."""
        return shared["experts"]

    @property
    def gate_names(self) -> dict[str, list[str]]:
        """The experts, counted from 1."""
        return {task: [f"expert {index + 1}" for index in range(len(self._experts))] for task in self.tasks}

    def mean_gate_weights(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """How much each task uses each expert, on average over a batch.

        Args:
          features: See ``FeatureEncoder``.

        Returns:
          Task → float32 [e], summing to 1, in the order of ``tasks``.
        """
        embedded = self._encoder(features)
        return {
            task: tf.reduce_mean(gate(embedded), axis=0) for task, gate in zip(self.tasks, self._gates, strict=True)
        }
