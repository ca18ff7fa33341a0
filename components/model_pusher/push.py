"""Putting a model into a serving directory, whole or not at all.

A model server takes any numeric folder as a version, so the model is copied into a folder it does not look at and renamed
when it is complete. Versions are Unix seconds, and always above the newest one.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from pathlib import Path

_ASIDE = ".pushing-"


def versions(directory: Path) -> list[int]:
    """The versions that stand in ``directory``, ascending."""
    if not directory.is_dir():
        return []
    return sorted(int(entry.name) for entry in directory.iterdir() if entry.name.isdigit() and entry.is_dir())


def push(model: Path, directory: Path) -> Path:
    """Copies the SavedModel folder ``model`` into ``directory`` as its newest version and returns where it stands.

    Raises:
      FileNotFoundError: ``model`` holds no ``saved_model.pb``.
    """
    if not (model / "saved_model.pb").is_file():
        raise FileNotFoundError(f"{model}: expected a SavedModel (saved_model.pb), found none; nothing was pushed")
    directory.mkdir(parents=True, exist_ok=True)
    sweep(directory)
    aside = directory / f"{_ASIDE}{uuid.uuid4().hex}"
    try:
        shutil.copytree(model, aside)
        version = max([int(time.time()), *(number + 1 for number in versions(directory))])
        target = directory / str(version)
        os.rename(aside, target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return target


def sweep(directory: Path) -> None:
    """Removes what a killed push left aside."""
    for left in directory.glob(f"{_ASIDE}*"):
        shutil.rmtree(left)
