"""What a run needs of this machine beside folders: semaphores, a home, a user's name."""

from __future__ import annotations

import getpass
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path


def problems() -> Iterator[str]:
    """A sentence for what is missing."""
    try:
        # A named semaphore, as TFX's and Beam's locks between processes are; it goes with the object.
        multiprocessing.get_context("spawn").Semaphore(1)
    except (OSError, ImportError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        yield (
            f"/dev/shm: expected a place for semaphores, with which processes wait for each other. Received: {reason}; "
            "mount it writable (in a container: `--tmpfs /dev/shm`, or an emptyDir of medium Memory)"
        )


def give_home(folder: Path) -> None:
    """Gives a user without a home or a name both, for this process and those that it starts.

    A container may run under a number that has no entry in the system's list of users. pip and other tools that TFX calls
    then stop for want of a folder of their own, some of them when they are imported.

    Args:
      folder: Becomes the home where there is none. Who needs it makes it.
    """
    if not os.path.isdir(os.path.expanduser("~")):
        os.environ["HOME"] = str(folder)
    try:
        getpass.getuser()
    # Python 3.13 raises OSError.
    except (KeyError, OSError):
        os.environ["USER"] = f"user{os.getuid()}"
