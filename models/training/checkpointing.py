"""Checkpoints from which an interrupted training goes on to the same weights.

The same bits on a CPU, where operations are deterministic. On a GPU they are not (see `training_run.prepare_process`), and
two undisturbed runs differ too; what is kept there is weights, optimiser, random state and position, so that
every row is seen as often as without the interruption.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import time
import zipfile
from collections.abc import Iterable
from typing import Any, Optional, cast

import numpy as np
import tensorflow as tf

_KEEP = 2
_STALE_SECONDS = 7 * 24 * 3600


def checkpoint_key(*parts: Any) -> str:
    """Name of the folder of a training that ``parts`` (JSON values: inputs, settings, code) determine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclasses.dataclass
class Position:
    """Where a training stands, apart from weights and optimiser.

    Attributes:
      epoch: Epochs that are done.
      step: Batches of the next epoch that are done.
      best_loss: Lowest validation figure of those that the epoch is selected by; None before the first epoch is done.
      best_excess: Of the same epoch, the largest ratio of a gap to its target; 1 where every target is held.
      best_epoch: Index of its epoch.
      waited: Epochs since.
      seconds: Wall time in training, over all attempts.
      history: One record per epoch.
    """

    epoch: int = 0
    step: int = 0
    best_loss: Optional[float] = None
    best_excess: float = 1.0
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
        # Within TensorFlow's file, for this class alone: NaN stays NaN, so that a resumed history is the same.
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
      folder: On a disk or on any file system that TensorFlow reaches (``gs://``, ``s3://``, …). Made where it does not
        exist; None keeps nothing there (the best weights then stay in memory).
      position: Updated in place by ``restore``.
      **objects: Trackables with all their variables made.
    """

    def __init__(self, folder: Optional[str], position: Position, **objects: Any) -> None:
        self._folder = folder or ""
        self._position = position
        self._best: Optional[list[np.ndarray]] = None
        self._best_epoch: Optional[int] = None
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
        self._best_epoch = self._position.best_epoch
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

    def keep_best(self, weights: Iterable[np.ndarray], epoch: int) -> None:
        """Takes ``weights`` as those of the best epoch so far. A ``save`` has to follow.

        With a folder they go there one after the other, so that an iterator over large tables holds one at a time.
        """
        if self._manager is None:
            self._best = list(weights)
            return
        path = self._best_path(epoch)
        with tf.io.gfile.GFile(f"{path}.partial", "wb") as file:
            _write_arrays(file, weights)
        tf.io.gfile.rename(f"{path}.partial", path, overwrite=True)
        self._best_epoch = epoch

    def best_weights(self) -> Optional[list[np.ndarray]]:
        """The weights of the best epoch; None before the first epoch is done."""
        return self._best if self._best_epoch is None else self._read_best(self._best_epoch)

    def _read_best(self, epoch: int) -> list[np.ndarray]:
        with tf.io.gfile.GFile(self._best_path(epoch), "rb") as file, np.load(io.BytesIO(file.read())) as arrays:
            return [arrays[name] for name in arrays.files]

    def _best_path(self, epoch: Optional[int]) -> str:
        return os.path.join(self._folder, f"best-{epoch}.npz")


class _WriteOnly:
    """A file of which ``zipfile`` is told nothing but ``write``: remote file systems cannot go back to fill in sizes."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, content: Any) -> int:
        self._file.write(bytes(content))
        return len(content)

    def flush(self) -> None:
        self._file.flush()


def _write_arrays(file: Any, arrays: Iterable[np.ndarray]) -> None:
    """What ``numpy.savez`` writes, without a copy of the whole in memory; ``numpy.load`` reads it."""
    with zipfile.ZipFile(cast(Any, _WriteOnly(file)), "w") as archive:
        for index, array in enumerate(arrays):
            with archive.open(f"arr_{index}.npy", "w", force_zip64=True) as part:
                np.lib.format.write_array(part, np.asanyarray(array))


def sweep_stale(root: str) -> None:
    """Removes the folders in ``root`` that were not written to for a week: trainings that nobody went on with.

    A folder of which the file system tells no time at all stays.
    """
    if not tf.io.gfile.isdir(root):
        return
    for name in tf.io.gfile.listdir(root):
        folder = os.path.join(root, name.rstrip("/"))
        if not tf.io.gfile.isdir(folder):
            continue
        times = [_modified(os.path.join(folder, entry)) for entry in tf.io.gfile.listdir(folder)]
        newest = max([_modified(folder), *times])
        # Object stores have no time for a folder and give 0.
        if newest > 0 and time.time() - newest > _STALE_SECONDS:
            tf.io.gfile.rmtree(folder)


def _modified(path: str) -> float:
    return tf.io.gfile.stat(path).mtime_nsec / 1e9
