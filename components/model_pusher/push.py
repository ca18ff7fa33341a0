"""Putting a model into a serving directory, whole or not at all.

A model server takes any numeric folder as a version, so the model is copied into a folder it does not look at and renamed
when it is complete and is what was judged. Versions are Unix seconds, and always above the newest one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional, Union

from models.formats.file_digest import folder_digest

# No server takes them for a version, which is a number.
_ASIDE = ".pushing-"
_LOCK = ".pushing.lock"


class ChangedModelError(RuntimeError):
    """The model's files are not those that were judged."""


def versions(directory: Path) -> list[int]:
    """The versions that stand in ``directory``, ascending."""
    if not directory.is_dir():
        return []
    return sorted(int(entry.name) for entry in directory.iterdir() if entry.name.isdigit() and entry.is_dir())


def push(model: Path, directory: Path, digest: Optional[str] = None) -> Path:
    """Copies the SavedModel folder ``model`` into ``directory`` as its newest version and returns where it stands.

    Args:
      model: The folder that was judged.
      directory: The serving directory. Several runs may push there; each waits for the one before it.
      digest: Of what was judged (``models/formats/file_digest.py``); None where nobody took one.

    Raises:
      FileNotFoundError: ``model`` holds no ``saved_model.pb``.
      ChangedModelError: What was copied is not what was judged, or not what stands in ``model``.
    """
    if not (model / "saved_model.pb").is_file():
        raise FileNotFoundError(f"{model}: expected a SavedModel (saved_model.pb), found none; nothing was pushed")
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory):
        _sweep(directory)
        aside = directory / f"{_ASIDE}{uuid.uuid4().hex}"
        try:
            shutil.copytree(model, aside)
            check(aside, model, digest)
            version = max([int(time.time()), *(number + 1 for number in versions(directory))])
            target = directory / str(version)
            os.rename(aside, target)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    return target


def check(copy: Union[str, Path], model: Union[str, Path], digest: Optional[str]) -> None:
    """Compares the copy with what was judged: the last look before it is served.

    Raises:
      ChangedModelError: They differ.
    """
    found = folder_digest(copy)
    if found != (digest or folder_digest(model)):
        raise ChangedModelError(
            f"{model}: expected the model that was judged ({digest}). Received other files ({found}); nothing was pushed. "
            "Restore the folder, or delete it to train and judge anew"
            if digest
            else f"{model}: expected that no file changes while it is copied; nothing was pushed. Run again"
        )


@contextmanager
def _alone(directory: Path, wait: bool = True) -> Iterator[bool]:
    """Holds the directory's lock, which the system frees whatever ends the process; yields whether it was to be had."""
    with (directory / _LOCK).open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def sweep(directory: Path) -> None:
    """Removes what a killed push left aside; leaves it where somebody pushes just now, who may own it."""
    with _alone(directory, wait=False) as alone:
        if alone:
            _sweep(directory)


def _sweep(directory: Path) -> None:
    # Whoever pushes holds the lock, so what lies aside now is nobody's.
    for left in directory.glob(f"{_ASIDE}*"):
        shutil.rmtree(left)
