"""DSMTL's architecture learning: the network that holds every choice at once, and searches among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import tensorflow as tf
import tf_keras as keras

from models.config.networks import DsmtlSettings
from models.networks.architecture import PRIVATE, PUBLIC, Architecture
from models.networks.base import MultiTaskNetwork, NetworkSpec, Tower
from models.networks.blocks import block_count, block_names, encoder_blocks, run_block


class DsmtlSearch(MultiTaskNetwork):
    """Per task and block, a mixture of the public and the private encoder.

    With p^0, …, p^L what the blocks of the public encoder make of the input, one after the other, and f_t^l the blocks of
    task t's private encoder (blocks are the feature encoder and each layer of ``shared_units``):

      z_t^l = α_tl · p^l + (1 − α_tl) · f_t^l(z_t^{l−1}),   logit_t = tower_t(z_t^L),   (α_tl, 1 − α_tl) = softmax(A_tl)

    as in differentiable architecture search (Liu et al., "DARTS", ICLR 2019). A is to be trained on rows that train nothing
    else (``architecture_variables``), and rounded to public or private (``architecture``); ``DsmtlCompact`` is what is left
    then. The paper (Yue et al., arXiv 2111.10601) searches which encoders a task uses; to search by block, and to let a
    public block read the public encoder alone, is this code's reading of it. It keeps p the same for all tasks.

    The trunk is the public encoder, and its output holds ``public``, a list of p^l [n, d_l], and the inputs as
    ``features``. Private encoders, A and towers are the heads.
    """

    settings_class = DsmtlSettings

    def _make_layers(self, spec: NetworkSpec) -> None:
        paths = spec.task_paths()
        self._public = encoder_blocks(spec, "encoder", "bottom")
        self._private = [encoder_blocks(spec, f"encoder_{path}", f"bottom_{path}") for path in paths]
        self._choices = [BlockChoice(block_count(spec), name=f"choice_{index}") for index in range(len(paths))]
        self._towers = [Tower(spec, f"tower_{path}") for path in paths]

    def _shared_layers(self) -> list[keras.layers.Layer]:
        return list(self._public)

    def _task_layers(self) -> dict[str, list[keras.layers.Layer]]:
        parts = zip(self.tasks, self._private, self._choices, self._towers, strict=True)
        return {task: [*private, choice, tower] for task, private, choice, tower in parts}

    def trunk(
        self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, Any]:
        """``public``, a list of [n, d_l] by block, and the inputs as ``features``."""
        inputs = self.spec.inputs_of(features)
        value: Any = inputs
        public: list[tf.Tensor] = []
        for block in self._public:
            value = run_block(block, value, training, seed)
            public.append(tf.identity(value))
        return {"public": public, "features": inputs}

    def heads(
        self, shared: dict[str, Any], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, tf.Tensor]:
        """Each tower on the task's last mixture."""
        logits = {}
        for task, private, choice, tower in zip(self.tasks, self._private, self._choices, self._towers, strict=True):
            value: Any = shared["features"]
            for block, public, weights in zip(private, shared["public"], choice.rows(), strict=True):
                alpha, other = tf.unstack(tf.cast(weights, public.dtype))
                value = alpha * public + other * run_block(block, value, training, seed)
            logits[task] = tower(value, training=training, seed=seed)
        return logits

    @property
    def architecture_variables(self) -> list[tf.Variable]:
        """A_t of each task, [blocks, 2], in the order of ``tasks``."""
        return [choice.logits for choice in self._choices]

    @property
    def architecture(self) -> Architecture:
        """The greater choice of each task and block; at a tie the public one, which costs less."""
        choices = {}
        for task, choice in zip(self.tasks, self._choices, strict=True):
            public, private = choice.logits.numpy().T
            choices[task] = tuple(
                PUBLIC if left >= right else PRIVATE for left, right in zip(public, private, strict=True)
            )
        return Architecture(choices)

    def representation(self, shared: dict[str, Any]) -> tf.Tensor:
        """The public encoder's output."""
        return shared["public"][-1]

    def trunk_outputs(self, shared: dict[str, Any]) -> list[tf.Tensor]:
        """What each block of the public encoder makes of the input."""
        return list(shared["public"])

    @property
    def gate_names(self) -> dict[str, list[str]]:
        """The blocks of the public encoder."""
        names = [f"public {name}" for name in block_names(self.spec)]
        return {task: list(names) for task in self.tasks}

    def mean_gate_weights(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """How much each task uses each block of the public encoder; the same for all ``features``.

        Returns:
          Task → float32 [blocks], α_t of each block, in the order of ``tasks``.
        """
        return {task: tf.stack(choice.rows())[:, 0] for task, choice in zip(self.tasks, self._choices, strict=True)}


class BlockChoice(keras.layers.Layer):
    """The architecture parameters of one task: two logits for each block, which start at 0.

    Args:
      blocks: Number of blocks.
    """

    def __init__(self, blocks: int, **kwargs: Any) -> None:
        super().__init__(dtype=tf.float32, **kwargs)
        self.logits = self.add_weight(name=f"{self.name}/logits", shape=[blocks, 2], initializer="zeros")

    def rows(self) -> list[tf.Tensor]:
        """For each block float32 [2], the weights of public and private."""
        return tf.unstack(tf.nn.softmax(tf.convert_to_tensor(self.logits)))
