"""Folders that a run could not write, and paths that TFX's readers could not follow."""

from __future__ import annotations

import csv
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.running import metadata_file, scratch
from pipeline.running.places import RUNS_VARIABLE, RunFolder, is_held
from pipeline.running.shortages import LEAST_FREE_BYTES
from pipeline.settings.config import RunSettings

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
    found = found or [*_unwritable(folder.root, where, another)]
    yield from found or _inside(folder, where, another)
    if settings.push.directory is not None:
        pushed = [*_of_others(settings, folder)]
        yield from pushed or _unwritable(
            folder.serving, "push.directory", "name another folder, or make this one writable"
        )
    yield from _temporary()


def unreadable(settings: RunSettings) -> Iterator[str]:
    """A sentence for each file beside the log that is named and cannot be read."""
    frontier = settings.report.frontier
    if frontier is None or "://" in frontier:
        return
    path = Path(frontier)
    if not path.is_file():
        found = "none" if not path.exists() else "a folder" if path.is_dir() else "no file"
        yield f"report.frontier: expected a CSV file at {frontier}. Received: {found}; `make frontier` writes one"
        return
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
    except (OSError, ValueError, csv.Error) as error:
        yield f"report.frontier: {frontier}: expected CSV in UTF-8. Received: {_reason(error)}; `make frontier` writes one"
        return
    if not {"arfg", "are"} <= set(header):
        yield (
            f"report.frontier: {frontier}: expected the columns `arfg` and `are`. "
            f"Received: {', '.join(header[:5]) or 'none'}; `make frontier` writes such a file"
        )


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


def _inside(folder: RunFolder, where: str, another: str) -> Iterator[str]:
    yield from _full(folder.root, where, another)
    yield from _taken(folder)
    yield from metadata_file.problems(folder.metadata)


def _taken(folder: RunFolder) -> Iterator[str]:
    """A sentence for each place of a run where something else lies, or what another user keeps to himself."""
    for path in (
        folder.artifacts,
        folder.checkpoints,
        folder.logs,
        folder.tfx_home,
        folder.tfx_home / folder.root.name,
    ):
        if os.path.lexists(path) and not path.is_dir():
            yield f"{path}: expected a folder. Received: a file; remove it, and run again"
        elif path.is_dir() and not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield f"{path}: expected a folder that this user may write. Received: another; give the right to, or remove it"
    for path in (folder.summary, folder.lock):
        if os.path.lexists(path) and not path.is_file():
            what = "a folder" if path.is_dir() else "no file"
            yield f"{path}: expected a file. Received: {what}; remove it, and run again"


def _full(folder: Path, where: str, another: str) -> Iterator[str]:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE_BYTES:
        yield (
            f"{where}: expected room for what a run leaves. Received: {folder}, no space left: {free >> 20} MiB are free, "
            f"at least {LEAST_FREE_BYTES >> 20} are needed; make room there, or {another}"
        )


def _of_others(settings: RunSettings, folder: RunFolder) -> Iterator[str]:
    """A sentence where models are to be pushed into a folder that holds something else, or that holds the log."""
    serving = folder.serving.resolve()
    shared = {"the folder of runs": folder.root.parent, "the folder of this dataset's runs": folder.root}
    shared["the log's folder (log.root)"] = Path(settings.log.root).resolve()
    closed = (folder.artifacts, folder.checkpoints, folder.logs, folder.tfx_home)
    what = next((name for name, path in shared.items() if path == serving), None)
    what = what or next(
        (f"in {path}, where runs keep other things" for path in closed if path in (serving, *serving.parents)), None
    )
    if what is not None:
        yield (
            f"push.directory: expected a folder for models alone. Received: {folder.serving}, {what}; name another "
            "folder, or leave `push.directory` out"
        )


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
    # Python passes over a full one without a word.
    named = Path(os.environ.get("TMPDIR") or folder)
    free = shutil.disk_usage(named).free if named.is_dir() else scratch.LEAST_FREE_BYTES
    if free < scratch.LEAST_FREE_BYTES:
        yield (
            f"TMPDIR: expected a folder with room for temporary files. Received: {named}, no space left: {free >> 20} MiB "
            f"are free, at least {scratch.LEAST_FREE_BYTES >> 20} are needed; make room in it, or set TMPDIR elsewhere"
        )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
