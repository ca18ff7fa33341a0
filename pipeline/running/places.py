"""Where a run on one machine keeps things: all under ``runs/<dataset>``."""

from __future__ import annotations

import fcntl
import itertools
import os
import time
from pathlib import Path
from typing import NamedTuple

from pipeline.settings.config import ConfigError, RunSettings

# The environment through which the command line speaks to the runner file, which `tfx run create` starts without
# arguments.
CONFIG_VARIABLE = "FAIR_RUN_CONFIG"
EVENTS_VARIABLE = "FAIR_RUN_EVENTS"
RUNS_VARIABLE = "FAIR_RUNS_DIR"


class RunFolder(NamedTuple):
    """The folders and files of one dataset's runs."""

    root: Path
    artifacts: Path
    metadata: Path
    checkpoints: Path
    serving: Path
    logs: Path
    summary: Path
    tfx_home: Path
    lock: Path


def is_held(lock: Path) -> bool:
    """Whether a run holds the lock of its folder: the system frees the lock of a run that was killed."""
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def runs_root() -> Path:
    """The folder with one folder a dataset: ``runs``, or where ``FAIR_RUNS_DIR`` says.

    Raises:
      ConfigError: That is no folder of this machine.
    """
    named = os.environ.get(RUNS_VARIABLE) or "runs"
    if "://" in named or (os.path.exists(named) and not os.path.isdir(named)):
        what = "a place of another file system" if "://" in named else "a file"
        raise ConfigError(
            f"{RUNS_VARIABLE}: expected a folder of this machine. Received: {named}, {what}; set it to a folder"
        )
    return Path(named).resolve()


def run_folder(settings: RunSettings) -> RunFolder:
    """The places of a run on this machine. ``FAIR_RUNS_DIR`` moves ``runs`` elsewhere.

    Raises:
      ConfigError: Models are to be pushed to another file system, where a run on this machine cannot rename them in place.
    """
    if "://" in (settings.push.directory or ""):
        raise ConfigError(
            "push.directory: a run on this machine pushes to a folder of this machine. "
            f"Received: {settings.push.directory}; name a folder, or compile the pipeline for Kubeflow (`make kubeflow`)"
        )
    root = runs_root() / settings.dataset
    return RunFolder(
        root=root,
        artifacts=root / "artifacts",
        metadata=root / "metadata.sqlite",
        checkpoints=root / "checkpoints",
        serving=Path(settings.push.directory) if settings.push.directory else root / "serving",
        logs=root / "logs",
        summary=root / "summary.json",
        tfx_home=root / "tfx",
        lock=root / "lock",
    )


def new_log(folder: Path, name: str = "") -> Path:
    """An empty log that is named for this second, and that no other command has: ``20240613-101500.log``.

    Args:
      folder: Of the logs; made where it is missing.
      name: Put behind the time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stem = time.strftime("%Y%m%d-%H%M%S") + (f"-{name}" if name else "")
    for number in itertools.count(1):
        path = folder / (f"{stem}.log" if number == 1 else f"{stem}_{number}.log")
        try:
            path.open("xb").close()
        except FileExistsError:
            continue
        return path
    raise AssertionError("unreachable")
