"""Folders that a run could not write, and paths that TFX's readers could not follow."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.config import RunSettings
from pipeline.places import RUNS_VARIABLE, RunFolder, is_held

# TFX, Beam and TensorFlow look for their own files by patterns that begin with the folder, and escape nothing.
PATTERN_SIGNS = "*?[]\\"
# In bytes: SQLite opens no longer path, and what TFX and Beam put below the folder has to fit into the system's 4096.
LONGEST_METADATA = 500
_LONGEST_PATH = 4096
_LONGEST_BELOW = 1000


def problems(settings: RunSettings, folder: RunFolder) -> Iterator[str]:
    """A sentence for each folder that a run on this machine would fail to write or to read back."""
    where = f"the folder of runs ({RUNS_VARIABLE}, or `runs` beside where you are)"
    another = f"set {RUNS_VARIABLE} to another folder"
    found = [*_signs(folder.root, where, another), *_length(folder, where, another)]
    yield from found or _unwritable(folder.root, where, another)
    if settings.push.directory is not None:
        yield from _unwritable(folder.serving, "push.directory", "name another folder, or make this one writable")
    yield from _temporary()


def unreadable(settings: RunSettings) -> Iterator[str]:
    """A sentence for each file beside the log that is named and cannot be read."""
    frontier = settings.report.frontier
    if frontier is not None and "://" not in frontier and not Path(frontier).is_file():
        yield f"report.frontier: expected a CSV file at {frontier}. Received: none; `make frontier` writes one"


def _signs(path: Path, where: str, another: str) -> Iterator[str]:
    wrong = sorted({sign for sign in str(path) if sign in PATTERN_SIGNS or not sign.isprintable()})
    if wrong:
        yield (
            f"{where}: expected a path without {' '.join(PATTERN_SIGNS)}, which TFX takes for patterns. "
            f"Received: {path}; {another}"
        )


def _length(folder: RunFolder, where: str, another: str) -> Iterator[str]:
    size = len(os.fsencode(folder.metadata))
    if size > LONGEST_METADATA:
        yield (
            f"{where}: expected a path of at most {LONGEST_METADATA} bytes up to `{folder.metadata.name}`, which SQLite can "
            f"open. Received: {size} bytes, {folder.metadata}; {another}"
        )
    size = len(os.fsencode(folder.serving))
    if size > _LONGEST_PATH - _LONGEST_BELOW:
        yield f"push.directory: expected a path of at most {_LONGEST_PATH - _LONGEST_BELOW} bytes. Received: {size} bytes"


def _unwritable(folder: Path, where: str, another: str) -> Iterator[str]:
    """Tries to write and lock a file in the folder, or in the nearest one above it that is there; nothing is left."""
    try:
        there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        missing = folder.relative_to(there).parts
        if any(len(os.fsencode(name)) > os.pathconf(there, "PC_NAME_MAX") for name in missing):
            raise OSError("a name in it is longer than the file system allows")
        with tempfile.TemporaryFile(dir=there) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        yield f"{where}: expected a folder that can be written and locked. Received: {folder} ({_reason(error)}); {another}"


def in_use(folder: RunFolder) -> Iterator[str]:
    """A sentence where another run works on the folder."""
    try:
        held = is_held(folder.lock)
    except OSError:
        # Told by the folder's own check.
        return
    if held:
        yield f"another run works on {folder.root}; wait for it, or set {RUNS_VARIABLE}"


def _temporary() -> Iterator[str]:
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        yield f"TMPDIR: expected a folder for temporary files. Received: none ({_reason(error)}); set TMPDIR to one"
        return
    yield from _signs(folder, "TMPDIR, the folder of temporary files", "set TMPDIR to another folder")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
