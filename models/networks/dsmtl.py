"""Deep safe multi-task learning (DSMTL): a public encoder, and for each task a private one and a gate between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional

import tensorflow as tf
import tf_keras as keras

from models.config.networks import DsmtlSettings
from models.networks.base import MultiTaskNetwork, NetworkSpec, Tower
from models.networks.gates import SharingGate


class Dsmtl(MultiTaskNetwork):
    """logit_t = tower_t(a_t · public(x) + b_t · private_t(x)), (a_t, b_t) a gate that does not read x.

    Yue et al., "Deep Safe Multi-Task Learning", arXiv 2111.10601. a_t = 0, b_t = 1 is single-task learning, a_t = 1,
    b_t = 0 hard sharing. ``settings.gate`` says how (a_t, b_t) come about (see ``SharingGate``).

    Every encoder has ``shared_units``. The private encoders and towers are those of ``SingleTask``, with the same initial
    weights and dropout, and the public encoder is that of ``SharedBottom``: a closed gate makes the task's network the
    single-task network, bit by bit.

    The trunk is the public encoder; private encoders, gates and towers belong to the heads, so the trunk's output hands
    the inputs on: ``public`` [n, d] and ``features``.
    """

    settings_class = DsmtlSettings

    def _make_layers(self, spec: NetworkSpec) -> None:
        settings, paths = spec.own(DsmtlSettings), spec.task_paths()
        self._encoder = spec.encoder("encoder")
        self._bottom = spec.stack(settings.shared_units, "bottom")
        self._private_encoders = [spec.encoder(f"encoder_{path}") for path in paths]
        self._private_bottoms = [spec.stack(settings.shared_units, f"bottom_{path}") for path in paths]
        self._gates = [SharingGate(settings.gate, settings.gumbel_temperature, f"gate_{path}") for path in paths]
        self._towers = [Tower(spec, f"tower_{path}") for path in paths]
        self._closed = tf.Variable(
            tf.zeros([len(paths)]),
            trainable=False,
            name="closed",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def _shared_layers(self) -> list[keras.layers.Layer]:
        return [self._encoder, self._bottom]

    def _task_layers(self) -> dict[str, list[keras.layers.Layer]]:
        parts = zip(self.tasks, self._private_encoders, self._private_bottoms, self._gates, self._towers, strict=True)
        return {task: layers for task, *layers in parts}

    def trunk(
        self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, Any]:
        """``public`` [n, d], and the inputs as ``features``."""
        inputs = self.spec.inputs_of(features)
        return {"public": self._bottom(self._encoder(inputs), training=training, seed=seed), "features": inputs}

    def heads(
        self, shared: dict[str, Any], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, tf.Tensor]:
        """Each tower on its gate's mixture of the public and the private encoder."""
        public, logits = shared["public"], {}
        gates = self._gate_weights(training, seed)
        parts = zip(self.tasks, self._private_encoders, self._private_bottoms, gates, self._towers, strict=True)
        for task, encoder, bottom, gate, tower in parts:
            private = bottom(encoder(shared["features"]), training=training, seed=seed)
            a, b = tf.unstack(tf.cast(gate, public.dtype))
            logits[task] = tower(a * public + b * private, training=training, seed=seed)
        return logits

    def _gate_weights(self, training: bool = False, seed: Optional[tf.Tensor] = None) -> list[tf.Tensor]:
        closed = tf.unstack(tf.convert_to_tensor(self._closed))
        return [gate(flag, training=training, seed=seed) for gate, flag in zip(self._gates, closed, strict=True)]

    def close(self, tasks: Iterable[str]) -> None:
        """Makes ``tasks`` use their private encoders only, until they are opened: (a_t, b_t) = (0, 1).

        Raises:
          ValueError: There is no such task.
        """
        self._set_closed(tasks, 1.0)

    def open(self, tasks: Iterable[str]) -> None:
        """Lets the gates of ``tasks`` weigh again, as they did before they were closed.

        Raises:
          ValueError: There is no such task.
        """
        self._set_closed(tasks, 0.0)

    def _set_closed(self, tasks: Iterable[str], value: float) -> None:
        flags = dict(zip(self.tasks, self._closed.numpy().tolist(), strict=True))
        for task in tasks:
            if task not in flags:
                raise ValueError(f"gates belong to the tasks {list(self.tasks)}. Received: {task!r}")
            flags[task] = value
        self._closed.assign(list(flags.values()))

    @property
    def closed_tasks(self) -> tuple[str, ...]:
        """The tasks whose gates are closed."""
        return tuple(task for task, flag in zip(self.tasks, self._closed.numpy(), strict=True) if flag > 0)

    @property
    def private_variables(self) -> list[tf.Variable]:
        """Trainable variables of the private encoders and the towers: the single-task networks."""
        parts: list[keras.layers.Layer] = [*self._private_encoders, *self._private_bottoms, *self._towers]
        return [variable for layer in parts for variable in layer.trainable_variables]

    @property
    def public_variables(self) -> list[tf.Variable]:
        """Trainable variables of the public encoder and the gates."""
        parts: list[keras.layers.Layer] = [self._encoder, self._bottom, *self._gates]
        return [variable for layer in parts for variable in layer.trainable_variables]

    def representation(self, shared: dict[str, Any]) -> tf.Tensor:
        """The public encoder's output."""
        return shared["public"]

    def trunk_outputs(self, shared: dict[str, Any]) -> list[tf.Tensor]:
        """The public encoder's output."""
        return [shared["public"]]

    @property
    def gate_names(self) -> dict[str, list[str]]:
        """The encoder that all tasks share, and the task's own."""
        return {task: ["public", "private"] for task in self.tasks}

    def final_gates(self) -> dict[str, list[float]]:
        """Task → (a_t, b_t)."""
        return {task: pair.numpy().tolist() for task, pair in self.mean_gate_weights({}).items()}

    def mean_gate_weights(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """How much each task uses the public and its private encoder; the same for all ``features``.

        Returns:
          Task → float32 [2], (a_t, b_t) as they are without noise, in the order of ``tasks``.
        """
        return dict(zip(self.tasks, self._gate_weights(), strict=True))
