"""One folder for all temporary files of a command and of what it starts.

It is removed at the command's end; what a killed command left is swept by the next start.

TFX, Beam and TensorFlow leave files in TMPDIR, most of all when they are killed. A file in the folder is locked while the
command runs, and the system frees the lock whatever ends it: so a folder's owner is known to be dead, also where another
process has got its number since.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# Names the locked file to the processes of a run, which end where its owner has.
OWNER_VARIABLE = "FAIR_RUN_OWNER"
LEAST_FREE_BYTES = 64 << 20
_PREFIX = "fairness-run-"
_OWNER = "owner"
# A folder without the file is one that is being made, or whose maker was killed in between.
_BEING_MADE_S = 3600.0


class ScratchError(OSError):
    """There is no place for temporary files."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Makes the folder and points TMPDIR to it, for this process and those that it starts, until the end.

    Raises:
      ScratchError: TMPDIR cannot be written, or is full.
    """
    base = Path(os.environ.get("TMPDIR") or tempfile.gettempdir()).resolve()
    try:
        _sweep(base)
        _check_room(base)
        folder, owner = _make(base)
    except OSError as error:
        raise ScratchError(
            f"TMPDIR: expected a folder with room for temporary files. Received: {base} ({error.strerror or error}); "
            "make room in it, or set TMPDIR to another folder"
        ) from error
    before = {name: os.environ.get(name) for name in ("TMPDIR", OWNER_VARIABLE)}
    try:
        with owner:
            _point_to({"TMPDIR": str(folder), OWNER_VARIABLE: str(folder / _OWNER)})
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        _point_to(before)


def base_of(folder: Path) -> Path:
    """The folder that a person's TMPDIR names, where ``folder`` is the one that a command made in it."""
    return folder.parent if folder.name.startswith(_PREFIX) else folder


def _point_to(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    # Python looks at TMPDIR once.
    tempfile.tempdir = None


def _check_room(base: Path) -> None:
    free = shutil.disk_usage(base).free
    if free < LEAST_FREE_BYTES:
        raise OSError(f"{free >> 20} MiB free, at least {LEAST_FREE_BYTES >> 20} are needed")


def _make(base: Path) -> tuple[Path, BinaryIO]:
    """A new folder, and its open and locked file: that file is there under its name only once it is locked."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))
    made = folder / f"{_OWNER}.made"
    owner = made.open("wb")
    try:
        owner.write(b"temporary files of a run; they may be removed once it has ended\n")
        owner.flush()
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        made.rename(folder / _OWNER)
    except OSError:
        owner.close()
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder, owner


def _sweep(base: Path) -> None:
    """Removes the folders of commands that were killed."""
    for folder in base.glob(f"{_PREFIX}*"):
        # In a place that all may write to, only what is this user's.
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
            continue
        try:
            owner = (folder / _OWNER).open("rb")
        except FileNotFoundError:
            if time.time() - folder.stat().st_mtime > _BEING_MADE_S:
                shutil.rmtree(folder, ignore_errors=True)
            continue
        with owner:
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            shutil.rmtree(folder, ignore_errors=True)
