"""Cross-stitch networks: a column for each task, whose layers read linear combinations of all columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import numpy as np
import tensorflow as tf
import tf_keras as keras

from models.config.networks import CrossStitchSettings
from models.networks.base import MultiTaskNetwork, NetworkSpec, Tower
from models.networks.blocks import encoder_blocks


class CrossStitch(MultiTaskNetwork):
    """After each block of the columns, x̃_t = Σ_u S_tu x_u, with one learned matrix S a block.

    Misra et al., "Cross-stitch Networks for Multi-task Learning", CVPR 2016. Blocks are the feature encoder and each layer
    of ``shared_units``. S starts near the identity: ``stitch`` on the diagonal, the rest of 1 spread over the other tasks.
    (The paper may also give each channel a matrix of its own; one for all of them is its plain form.) With identities the
    network is ``SingleTask``, with the same initial weights.

    Below the last stitch every column reads every other, so all tasks' losses train all columns: they make the trunk,
    whose output is [n, T, d]. Of the last matrix, row t serves task t alone and lies in its head with the tower.
    """

    settings_class = CrossStitchSettings

    def _make_layers(self, spec: NetworkSpec) -> None:
        paths = spec.task_paths()
        self._columns = [encoder_blocks(spec, f"encoder_{path}", f"bottom_{path}") for path in paths]
        start = _near_identity(len(paths), spec.own(CrossStitchSettings).stitch)
        self._stitches = [Stitch(start, name=f"stitch_{index}") for index in range(len(spec.settings.shared_units))]
        self._last = [Stitch(start[index : index + 1], name=f"last_stitch_{index}") for index in range(len(paths))]
        self._towers = [Tower(spec, f"tower_{path}") for path in paths]

    def _shared_layers(self) -> list[keras.layers.Layer]:
        return [*(block for column in self._columns for block in column), *self._stitches]

    def _task_layers(self) -> dict[str, list[keras.layers.Layer]]:
        return {task: [row, tower] for task, row, tower in zip(self.tasks, self._last, self._towers, strict=True)}

    def trunk(
        self, features: Mapping[str, tf.Tensor], training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> tf.Tensor:
        """The columns before the last stitch, [n, T, d]."""
        blocks = list(zip(*self._columns, strict=True))
        outputs = tf.stack([encoder(features) for encoder in blocks[0]], axis=1)
        for stitch, layers in zip(self._stitches, blocks[1:], strict=True):
            inputs = tf.unstack(stitch(outputs), axis=1)
            parts = zip(layers, inputs, strict=True)
            outputs = tf.stack([layer(value, training=training, seed=seed) for layer, value in parts], axis=1)
        return outputs

    def heads(
        self, shared: tf.Tensor, training: bool = False, seed: Optional[tf.Tensor] = None
    ) -> dict[str, tf.Tensor]:
        """Each tower on its row of the last stitch."""
        parts = zip(self.tasks, self._last, self._towers, strict=True)
        return {task: tower(row(shared)[:, 0], training=training, seed=seed) for task, row, tower in parts}

    @property
    def gate_names(self) -> dict[str, list[str]]:
        """The tasks' columns."""
        return {task: [f"column of {other}" for other in self.tasks] for task in self.tasks}

    def mean_gate_weights(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """How much each task's tower uses each column; the same for all ``features``, and of any sign and sum.

        Returns:
          Task → float32 [T], its row of the last stitch, in the order of ``tasks``.
        """
        return {task: tf.convert_to_tensor(row.matrix)[0] for task, row in zip(self.tasks, self._last, strict=True)}


class Stitch(keras.layers.Layer):
    """Linear combinations of columns.

    Args:
      start: [r, T], the initial matrix.
    """

    def __init__(self, start: np.ndarray, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.matrix = self.add_weight(
            name=f"{self.name}/matrix", shape=start.shape, initializer=keras.initializers.Constant(start)
        )

    def call(self, columns: tf.Tensor) -> tf.Tensor:
        """[n, r, d] for columns [n, T, d]."""
        return tf.einsum("rt,ntd->nrd", self.matrix, columns)


def _near_identity(tasks: int, own: float) -> np.ndarray:
    """[T, T] with rows that sum to 1; one task has nothing to share with."""
    if tasks == 1:
        return np.ones([1, 1], np.float32)
    matrix = np.full([tasks, tasks], (1.0 - own) / (tasks - 1), np.float32)
    np.fill_diagonal(matrix, own)
    return matrix
