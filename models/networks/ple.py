"""Customised gate control (CGC) and progressive layered extraction (PLE): shared experts beside each task's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Optional

import tensorflow as tf
import tf_keras as keras

from models.config.networks import CgcSettings, NetworkSettings, PleSettings
from models.networks.base import MultiTaskNetwork, NetworkSpec, Tower
from models.networks.gates import ExpertGate, mixture
from models.networks.layers import DenseStack


class Ple(MultiTaskNetwork):
    """Levels of experts; at each, a task reads its own experts and the shared ones, and never another task's.

    Tang et al., "Progressive Layered Extraction (PLE)", RecSys 2020. With x_t⁰ = x_s⁰ = x the embedded input, E_t^l and
    E_s^l the ``task_experts`` of task t and the shared ``experts`` of level l, and g softmax gates:

      x_t^l = g_t^l(x_t^{l−1}) · [E_t^l(x_t^{l−1}), E_s^l(x_s^{l−1})],   logit_t = tower_t(x_t^L)
      x_s^l = g_s^l(x_s^{l−1}) · [E_1^l(x_1^{l−1}), …, E_T^l(x_T^{l−1}), E_s^l(x_s^{l−1})],   l < L

    Each expert has ``shared_units``; ``gate_temperature`` divides the gates' logits.

    Which part belongs to whom follows from whose loss trains it. Below the last level the shared gate reads every expert,
    so all tasks' losses train those experts, a task's own included, and they lie in the trunk with the gates under them.
    Of task t alone are the gates of its last two levels, its experts of the last level and its tower: these make its
    head. The trunk's output holds the last level's ``shared`` experts [n, s, d], the ``inputs`` [n, D] that the first
    gate of a head reads (one for all tasks, or one for each) and, where there is a level below, its experts: ``below``
    [n, s, d] and each task's in ``own_below`` [n, k, d].
    """

    settings_class: ClassVar[type[NetworkSettings]] = PleSettings

    def _make_layers(self, spec: NetworkSpec) -> None:
        self._levels = self._count_levels(spec)
        self._encoder = spec.encoder("encoder")
        self._shared_experts = [self._experts(spec, level, None) for level in range(self._levels)]
        paths = spec.task_paths()
        self._own_experts = [[self._experts(spec, level, path) for path in paths] for level in range(self._levels)]
        settings = spec.own(CgcSettings)
        self._gates = [
            [self._gate(spec, level, settings.task_experts + settings.experts, path) for path in paths]
            for level in range(self._levels)
        ]
        everyone = len(paths) * settings.task_experts + settings.experts
        self._shared_gates = [self._gate(spec, level, everyone, "shared") for level in range(self._levels - 1)]
        self._towers = [Tower(spec, f"tower_{path}") for path in paths]

    def _count_levels(self, spec: NetworkSpec) -> int:
        return spec.own(PleSettings).levels

    @staticmethod
    def _experts(spec: NetworkSpec, level: int, task: Optional[str]) -> list[DenseStack]:
        settings = spec.own(CgcSettings)
        count = settings.experts if task is None else settings.task_experts
        owner = "shared" if task is None else f"own_{task}"
        return [
            spec.stack(spec.settings.shared_units, f"level_{level}/{owner}/expert_{index}") for index in range(count)
        ]

    @staticmethod
    def _gate(spec: NetworkSpec, level: int, count: int, owner: str) -> ExpertGate:
        return ExpertGate(count, spec.own(CgcSettings).gate_temperature, spec.seed, f"level_{level}/gate_{owner}")

    def _shared_layers(self) -> list[keras.layers.Layer]:
        layers = [self._encoder, *self._shared_gates]
        for level in range(self._levels):
            layers += self._shared_experts[level]
            if level < self._levels - 1:
                layers += [expert for experts in self._own_experts[level] for expert in experts]
            if level < self._levels - 2:
                layers += self._gates[level]
        return layers

    def _task_layers(self) -> dict[str, list[keras.layers.Layer]]:
        gates = self._gates[-2:]
        return {
            task: [*(level[index] for level in gates), *self._own_experts[-1][index], self._towers[index]]
            for index, task in enumerate(self.tasks)
        }

    def trunk(
        self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, Any]:
        """``shared``, ``inputs`` and, with two levels or more, ``below`` and ``own_below``."""
        common = self._encoder(features)
        inputs = [common]
        result: dict[str, Any] = {}
        for level in range(self._levels - 1):
            shared = _outputs(self._shared_experts[level], common, training, seed)
            own = [
                _outputs(experts, _of_task(inputs, index), training, seed)
                for index, experts in enumerate(self._own_experts[level])
            ]
            common = mixture(self._shared_gates[level](common), tf.concat([*own, shared], axis=1))
            if level == self._levels - 2:
                result = {"below": tf.identity(shared), "own_below": [tf.identity(outputs) for outputs in own]}
            else:
                inputs = [
                    mixture(gate(_of_task(inputs, index)), tf.concat([own[index], shared], axis=1))
                    for index, gate in enumerate(self._gates[level])
                ]
        result["inputs"] = [tf.identity(value) for value in inputs]
        return {**result, "shared": _outputs(self._shared_experts[-1], common, training, seed)}

    def heads(
        self, shared: dict[str, Any], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, tf.Tensor]:
        """Each tower on its last gate's mixture of its own and the shared experts of the last level."""
        logits = {}
        for index, task in enumerate(self.tasks):
            inputs = self._last_inputs(shared, index)
            own = _outputs(self._own_experts[-1][index], inputs, training, seed)
            mixed = mixture(self._gates[-1][index](inputs), tf.concat([own, shared["shared"]], axis=1))
            logits[task] = self._towers[index](mixed, training=training, seed=seed)
        return logits

    def _last_inputs(self, shared: dict[str, Any], index: int) -> tf.Tensor:
        """x_t^{L−1}, [n, D]."""
        inputs = _of_task(shared["inputs"], index)
        if "below" not in shared:
            return inputs
        below = tf.concat([shared["own_below"][index], shared["below"]], axis=1)
        return mixture(self._gates[-2][index](inputs), below)

    def representation(self, shared: dict[str, Any]) -> tf.Tensor:
        """The shared experts' outputs of the last level."""
        return shared["shared"]

    @property
    def gate_names(self) -> dict[str, list[str]]:
        """The last level's experts, the task's own first, counted from 1."""
        settings = self.spec.own(CgcSettings)
        own = [f"own expert {index + 1}" for index in range(settings.task_experts)]
        shared = [f"shared expert {index + 1}" for index in range(settings.experts)]
        return {task: [*own, *shared] for task in self.tasks}

    def mean_gate_weights(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """How much each task uses each expert of the last level, on average over a batch.

        Args:
          features: See ``FeatureEncoder``.

        Returns:
          Task → float32 [k + s], summing to 1, in the order of ``tasks``.
        """
        shared = self.trunk(features)
        return {
            task: tf.reduce_mean(gate(self._last_inputs(shared, index)), axis=0)
            for index, (task, gate) in enumerate(zip(self.tasks, self._gates[-1], strict=True))
        }


class Cgc(Ple):
    """``Ple`` of one level: logit_t = tower_t(g_t(x) · [E_t(x), E_s(x)]), x the embedded input.

    The encoder and the shared experts are shared; a task's experts, gate and tower are its own.
    """

    settings_class = CgcSettings

    def _count_levels(self, spec: NetworkSpec) -> int:
        return 1


def _outputs(experts: Sequence[DenseStack], inputs: tf.Tensor, training: bool, seed: Optional[tf.Tensor]) -> tf.Tensor:
    """[n, e, d]."""
    return tf.stack([expert(inputs, training=training, seed=seed) for expert in experts], axis=1)


def _of_task(inputs: Sequence[tf.Tensor], index: int) -> tf.Tensor:
    return inputs[index] if len(inputs) > 1 else inputs[0]
