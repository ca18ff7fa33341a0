"""Removes what runs on this machine left and can make again; models that were pushed stay.

Runs on any Python 3 with the standard library alone, as a script (it is no part of the package): there may be no
environment.
"""

import fcntl
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What a run writes below `runs/<dataset>`, beside `serving`. Whatever else lies there is somebody's own.
MADE = ("artifacts", "checkpoints", "frontier", "logs", "tfx", "metadata.sqlite", "summary.json", "lock")
# What marks a folder of `runs` as a dataset's, and one of `data` as the generated sample.
MARKS = ("lock", "metadata.sqlite", "tfx", "frontier")
SAMPLE_MARK = "sample.json"


def size(path):
    """Bytes of a file, or of all files below a folder."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(size(below) for below in path.iterdir())


def megabytes(count):
    """A size in words: ``12 MB``."""
    return f"{round(count / 1e6):,} MB"


def is_locked(folder):
    """Whether a run or a frontier works on a dataset's folder."""
    for lock in (folder / "lock", folder / "frontier" / "lock"):
        if lock.is_file():
            with lock.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
    return False


def remove(path):
    """Removes a file or a folder, and says so."""
    freed = size(path)
    if path.is_symlink() or not path.is_dir():
        path.unlink()
    else:
        shutil.rmtree(str(path))
    print(f"removed {path} ({megabytes(freed)})")


def clean_dataset(folder):
    """Removes what runs of one dataset wrote; returns whether it could.

    Args:
      folder: ``runs/<dataset>``.
    """
    if is_locked(folder):
        print(f"left {folder}: a run works on it; wait for it or end it")
        return False
    for path in sorted(folder.iterdir()):
        if path.name in MADE or path.name.startswith("metadata.sqlite-"):
            remove(path)
    serving = folder / "serving"
    if serving.is_dir() and not any(serving.iterdir()):
        serving.rmdir()
    for path in sorted(folder.iterdir()):
        what = "models that were pushed" if path == serving else "not written by a run"
        print(f"left {path} ({what}, {megabytes(size(path))}); remove it yourself where nobody needs it")
    if not any(folder.iterdir()):
        folder.rmdir()
    return True


def clean(runs, data):
    """Cleans all datasets' folders and the generated samples; returns the exit code.

    Args:
      runs: The folder with a folder for each dataset.
      data: The folder where the shipped sample is made.
    """
    whole = True
    for folder in sorted(runs.iterdir()) if runs.is_dir() else ():
        if any((folder / mark).exists() for mark in MARKS):
            whole = clean_dataset(folder) and whole
    for folder in sorted(data.iterdir()) if data.is_dir() else ():
        if (folder / SAMPLE_MARK).is_file():
            remove(folder)
        else:
            print(f"left {folder}: no generated sample")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(clean(Path(os.environ.get("FAIR_RUNS_DIR") or ROOT / "runs"), ROOT / "data"))
