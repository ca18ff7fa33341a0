"""A digest of a folder: equal where all files below it have equal names and bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

# Custom property of the blessings of Evaluator and Gate: the digest of the serving model that was judged.
JUDGED = "model_digest"
_BLOCK = 1 << 20


def folder_digest(folder: Union[str, Path]) -> str:
    """SHA-256 over the files below ``folder``, by name and content; empty folders and times do not count.

    Args:
      folder: On this machine, or on what TensorFlow's file systems reach (``gs://…``).

    Raises:
      FileNotFoundError: There is no such folder.
    """
    files = _remote(str(folder)) if "://" in str(folder) else _local(Path(folder))
    digest = hashlib.sha256()
    for name, opened in sorted(files, key=lambda pair: pair[0]):
        content = hashlib.sha256()
        with opened() as file:
            while block := file.read(_BLOCK):
                content.update(block)
        digest.update(f"{len(name.encode())}:{name}".encode() + content.digest())
    return f"sha256:{digest.hexdigest()}"


def _local(folder: Path) -> Iterator[tuple[str, Any]]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: expected a folder")
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), lambda path=path: path.open("rb")


def _remote(folder: str) -> Iterator[tuple[str, Any]]:
    # Only here: a push on this machine needs no TensorFlow.
    import tensorflow as tf

    folder = folder.rstrip("/")
    if not tf.io.gfile.isdir(folder):
        raise FileNotFoundError(f"{folder}: expected a folder")
    for parent, _, names in tf.io.gfile.walk(folder):
        for name in names:
            # An empty name stands for the folder itself in an object store.
            if name:
                path = os.path.join(parent, name)
                yield path[len(folder) :].strip("/"), lambda path=path: tf.io.gfile.GFile(path, "rb")
