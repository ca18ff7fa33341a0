"""Putting a model into a serving directory that TensorFlow's file systems reach, such as ``gs://``.

An object store has no rename, so the model is copied file by file, and ``saved_model.pb``, without which no server loads a
version, comes last. A push that was killed leaves a version without it, which the next push removes.
"""

from __future__ import annotations

import posixpath
import time
from typing import Optional

import tensorflow as tf

from components.model_pusher.push import check

_LAST = "saved_model.pb"


def versions(directory: str) -> list[int]:
    """The versions in ``directory``, complete or not, ascending."""
    if not tf.io.gfile.isdir(directory):
        return []
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(directory)]
    return sorted(int(name) for name in names if name.isdigit())


def push(model: str, directory: str, digest: Optional[str] = None) -> str:
    """Copies the SavedModel folder ``model`` into ``directory`` as its newest version and returns where it stands.

    Args:
      model: The folder that was judged.
      directory: The serving directory.
      digest: Of what was judged (``models/formats/file_digest.py``); None where nobody took one.

    Raises:
      FileNotFoundError: ``model`` holds no ``saved_model.pb``.
      ChangedModelError: The model's files are not those that were judged, or changed while they were copied.
    """
    if not tf.io.gfile.exists(posixpath.join(model, _LAST)):
        raise FileNotFoundError(f"{model}: expected a SavedModel (saved_model.pb), found none; nothing was pushed")
    sweep(directory)
    version = max([int(time.time()), *(number + 1 for number in versions(directory))])
    target = posixpath.join(directory, str(version))
    # Before the last file is there, no server loads the version; then it is too late to look at the model.
    check(model, model, digest)
    try:
        for name in sorted(_files(model), key=lambda name: (name == _LAST, name)):
            place = posixpath.join(target, name)
            tf.io.gfile.makedirs(posixpath.dirname(place))
            tf.io.gfile.copy(posixpath.join(model, name), place)
        check(target, model, digest)
    except BaseException:
        if tf.io.gfile.exists(target):
            tf.io.gfile.rmtree(target)
        raise
    return target


def sweep(directory: str) -> None:
    """Removes the versions that a killed push left without ``saved_model.pb``."""
    for version in versions(directory):
        folder = posixpath.join(directory, str(version))
        if not tf.io.gfile.exists(posixpath.join(folder, _LAST)):
            tf.io.gfile.rmtree(folder)


def _files(folder: str) -> list[str]:
    """The files below ``folder``, relative to it."""
    found = []
    for parent, _, names in tf.io.gfile.walk(folder):
        relative = parent[len(folder.rstrip("/")) :].strip("/")
        # An empty name stands for the folder itself.
        found += [posixpath.join(relative, name) for name in names if name]
    return found
