"""The contract of every multi-task network: a trunk that tasks share, and a head for each task."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, Optional

import tensorflow as tf
import tf_keras as keras

from models.config.networks import NetworkSettings
from models.networks.layers import glorot, layer_name
from models.networks.spec import NetworkSpec, spec_of_config


class Tower(keras.layers.Layer):
    """The end of a head: ``tower_units`` and a logit.

    Args:
      spec: The network's.
      path: The tower's name within its network.
    """

    def __init__(self, spec: NetworkSpec, path: str, **kwargs: Any) -> None:
        super().__init__(name=kwargs.pop("name", layer_name(path)), **kwargs)
        self._stack = spec.stack(spec.settings.tower_units, f"{path}/stack")
        self._logit = keras.layers.Dense(1, kernel_initializer=glorot(spec.seed, f"{path}/logit"), name="logit")

    def call(self, inputs: tf.Tensor, training: bool = False, seed: Optional[tf.Tensor] = None) -> tf.Tensor:
        """Logits.

        Args:
          inputs: [n, d].
          training: Whether to drop units.
          seed: int32 [2]; None drops nothing.

        Returns:
          float32 [n], whatever the compute dtype.
        """
        outputs = self._logit(self._stack(inputs, training=training, seed=seed))
        return tf.cast(outputs[:, 0], tf.float32)


class MultiTaskNetwork(keras.Model, abc.ABC):
    """``shared = trunk(features)`` and ``logits = heads(shared)``.

    Everything specific to a task (tower, gate, private encoder) lies in ``heads``; a fairness loss is routed by
    stopping gradients at ``shared`` (heads only) or by differentiating with respect to it (trunk only). There is no
    batch normalisation, so a row's output does not depend on the others of its batch.

    All variables exist once the network is constructed. Building the same spec twice gives the same weights.

    To export, let the exported module track ``network.variables`` beside its signature functions. Tracking the network
    itself makes Keras trace every layer by itself: five tasks took 29 s to save instead of 2.5 s.

    Args:
      spec: What to build.
      **kwargs: Keras' own (``name``).

    Attributes:
      settings_class: The class of the network's settings; it says too what the network can do.
    """

    settings_class: ClassVar[type[NetworkSettings]]

    def __init__(self, spec: NetworkSpec, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._spec = spec
        self._make_layers(spec)
        # tfrs' Cross makes its weights when first called, so a call is the only complete way to build.
        self(spec.empty_batch())

    @abc.abstractmethod
    def _make_layers(self, spec: NetworkSpec) -> None:
        """Creates the layers, those of the heads in the order of ``spec.tasks``."""

    @abc.abstractmethod
    def _shared_layers(self) -> list[keras.layers.Layer]:
        """The layers of the trunk."""

    @abc.abstractmethod
    def _task_layers(self) -> dict[str, list[keras.layers.Layer]]:
        """The layers of each head, in the order of ``tasks``."""

    @abc.abstractmethod
    def trunk(self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None) -> Any:
        """What the tasks share.

        Args:
          features: See ``FeatureEncoder``.
          training: Whether to drop units.
          seed: int32 [2], the step's seed for dropout (another one for each replica); None drops nothing.

        Returns:
          A nest of tensors whose first axis is the batch. None of them is computed from another, so that a gradient at
          each is that of the heads alone (``tf.identity`` parts a tensor that the trunk itself reads on).
        """

    @abc.abstractmethod
    def heads(self, shared: Any, training: bool = False, seed: Optional[tf.Tensor] = None) -> dict[str, tf.Tensor]:
        """The tasks' logits.

        Args:
          shared: What ``trunk`` returned, or a copy with the same structure.
          training: Whether to drop units.
          seed: int32 [2]; the same seed drops the same units in every call. None drops nothing.

        Returns:
          Task → float32 [n], in the order of ``tasks``.
        """

    # Autograph has nothing to convert here, and takes seconds of the first trace to find that out.
    @tf.autograph.experimental.do_not_convert
    def call(
        self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, tf.Tensor]:
        """``heads(trunk(features))``; arguments and result as there."""
        return self.heads(self.trunk(features, training=training, seed=seed), training=training, seed=seed)

    def representation(self, shared: Any) -> Any:
        """The final activations of what the tasks share.

        Args:
          shared: What ``trunk`` returned.

        Returns:
          A nest of [n, …], a part of ``shared`` that holds neither inputs nor what only gates read.
        """
        return shared

    def trunk_outputs(self, shared: Any) -> list[tf.Tensor]:
        """The tensors through which the tasks' gradients reach the shared variables.

        Args:
          shared: What ``trunk`` returned.

        Returns:
          Those of its floating tensors that depend on shared variables, each once.
        """
        return [part for part in tf.nest.flatten(shared) if part.dtype.is_floating]

    @property
    def gate_names(self) -> dict[str, list[str]]:
        """Task → what its ``mean_gate_weights`` belong to, in their order; empty for networks without gates."""
        return {}

    @property
    def closed_tasks(self) -> tuple[str, ...]:
        """The tasks that share nothing although others do; none where the network has no gates that close."""
        return ()

    def final_gates(self) -> dict[str, list[float]]:
        """Task → its gate's weights, where they hang on no row; empty for other networks."""
        return {}

    def found(self) -> Any:
        """What a search found and no setting says, as plain values; None where there was none."""
        return None

    @property
    def spec(self) -> NetworkSpec:
        """What the network was built from."""
        return self._spec

    @property
    def tasks(self) -> tuple[str, ...]:
        """Task names in declared order."""
        return self._spec.tasks

    @property
    def shared_variables(self) -> list[tf.Variable]:
        """Trainable variables of the trunk; none where the tasks share nothing."""
        return _variables(self._shared_layers())

    @property
    def task_variables(self) -> dict[str, list[tf.Variable]]:
        """Trainable variables of each head; disjoint from each other and from the shared ones."""
        return {task: _variables(layers) for task, layers in self._task_layers().items()}

    def get_config(self) -> dict[str, Any]:
        """The spec as plain values."""
        return {
            "settings": self._spec.settings.model_dump(mode="json"),
            "features": self._spec.features.model_dump(mode="json"),
            "vocabulary_sizes": dict(self._spec.vocabulary_sizes),
            "tasks": list(self._spec.tasks),
            "seed": self._spec.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> MultiTaskNetwork:
        """The inverse of ``get_config``: the same network with its initial weights."""
        return cls(spec_of_config(config))


def _variables(layers: list[keras.layers.Layer]) -> list[tf.Variable]:
    return [variable for layer in layers for variable in layer.trainable_variables]
