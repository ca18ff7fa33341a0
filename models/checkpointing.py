"""Checkpoints from which an interrupted training goes on to the same weights."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import time
from typing import Any, Optional

import numpy as np
import tensorflow as tf

_KEEP = 2
_STALE_SECONDS = 7 * 24 * 3600


def checkpoint_key(*parts: Any) -> str:
    """Name of the folder of a training that ``parts`` (JSON values: inputs, settings, code) determine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclasses.dataclass
class Position:
    """Where a training stands, apart from weights and optimiser.

    Attributes:
      epoch: Epochs that are done.
      step: Batches of the next epoch that are done.
      best_loss: Lowest validation loss; None before the first epoch is done.
      best_epoch: Index of its epoch.
      waited: Epochs since.
      seconds: Wall time in training, over all attempts.
      history: One record per epoch.
    """

    epoch: int = 0
    step: int = 0
    best_loss: Optional[float] = None
    best_epoch: Optional[int] = None
    waited: int = 0
    seconds: float = 0.0
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)


class _PositionState(tf.train.experimental.PythonState):
    """Keeps a ``Position`` in the same checkpoint as the weights that belong to it."""

    def __init__(self, position: Position) -> None:
        super().__init__()
        self.position = position

    def serialize(self) -> str:
        return json.dumps(dataclasses.asdict(self.position))

    def deserialize(self, string_value: bytes) -> None:
        for key, value in json.loads(string_value).items():
            setattr(self.position, key, value)


class Checkpoints:
    """Checkpoints of one training in one folder.

    A checkpoint holds the given objects and the position. The best epoch's weights lie beside it in a file of their own
    that carries the epoch in its name, written before any checkpoint speaks of it. TensorFlow writes a checkpoint aside
    and renames it, so a kill at any time leaves the one before.

    Args:
      folder: Made where it does not exist; None keeps nothing on disk (the best weights then stay in memory).
      position: Updated in place by ``restore``.
      **objects: Trackables with all their variables made.
    """

    def __init__(self, folder: Optional[str], position: Position, **objects: Any) -> None:
        self._folder = folder or ""
        self._position = position
        self._best: Optional[list[np.ndarray]] = None
        self._checkpoint = tf.train.Checkpoint(position=_PositionState(position), **objects)
        self._manager = None
        if folder is not None:
            tf.io.gfile.makedirs(folder)
            self._manager = tf.train.CheckpointManager(self._checkpoint, folder, max_to_keep=_KEEP)

    def restore(self) -> bool:
        """Takes up the newest checkpoint, if there is one; says whether."""
        if self._manager is None or self._manager.latest_checkpoint is None:
            return False
        self._checkpoint.restore(self._manager.latest_checkpoint).assert_consumed()
        if self._position.best_epoch is not None:
            self._best = self._read_best(self._position.best_epoch)
        return True

    def save(self) -> None:
        """Writes a checkpoint and drops what is not needed any more."""
        if self._manager is None:
            return
        self._manager.save()
        # Only the newest checkpoint is ever restored, so only its best epoch is needed.
        for path in tf.io.gfile.glob(os.path.join(self._folder, "best-*")):
            if path != self._best_path(self._position.best_epoch):
                tf.io.gfile.remove(path)

    def keep_best(self, weights: list[np.ndarray], epoch: int) -> None:
        """Takes ``weights`` as those of the best epoch so far. A ``save`` has to follow."""
        self._best = weights
        if self._manager is None:
            return
        buffer = io.BytesIO()
        np.savez(buffer, *weights)
        path = self._best_path(epoch)
        with tf.io.gfile.GFile(f"{path}.partial", "wb") as file:
            file.write(buffer.getvalue())
        tf.io.gfile.rename(f"{path}.partial", path, overwrite=True)

    def best_weights(self) -> Optional[list[np.ndarray]]:
        """The weights of the best epoch; None before the first epoch is done."""
        return self._best

    def _read_best(self, epoch: int) -> list[np.ndarray]:
        with tf.io.gfile.GFile(self._best_path(epoch), "rb") as file, np.load(io.BytesIO(file.read())) as arrays:
            return [arrays[name] for name in arrays.files]

    def _best_path(self, epoch: Optional[int]) -> str:
        return os.path.join(self._folder, f"best-{epoch}.npz")


def sweep_stale(root: str) -> None:
    """Removes the folders in ``root`` that were not written to for a week: trainings that nobody went on with."""
    if not tf.io.gfile.isdir(root):
        return
    for name in tf.io.gfile.listdir(root):
        folder = os.path.join(root, name.rstrip("/"))
        newest = max((_modified(os.path.join(folder, entry)) for entry in tf.io.gfile.listdir(folder)), default=0.0)
        if time.time() - max(newest, _modified(folder)) > _STALE_SECONDS:
            tf.io.gfile.rmtree(folder)


def _modified(path: str) -> float:
    return tf.io.gfile.stat(path).mtime_nsec / 1e9
