"""What a run needs of this machine beside folders: semaphores, a home, a user's name."""

from __future__ import annotations

import contextlib
import getpass
import multiprocessing
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Measured on a small run: under 3.8 GiB it came to its last stage, and its largest process has reserved 3.4 GiB.
_SURELY_ENOUGH_THREADS = 100_000
LEAST_THREADS = 200


class _Limit(NamedTuple):
    """A limit that the system puts on a process, and the least that a run needs of it."""

    option: str
    kind: int
    least: int
    what: str

    def shown(self, value: int) -> str:
        """With its unit."""
        return f"{value >> 20:,} MiB" if self.kind != resource.RLIMIT_NOFILE else f"{value:,}"


_LIMITS = (
    _Limit("ulimit -v", resource.RLIMIT_AS, 3 << 30, "address space, most of which TensorFlow only reserves"),
    _Limit("ulimit -f", resource.RLIMIT_FSIZE, 64 << 20, "a file's size"),
    _Limit("ulimit -n", resource.RLIMIT_NOFILE, 128, "open files"),
)


def problems() -> Iterator[str]:
    """A sentence for what is missing."""
    yield from _limits()
    yield from _semaphores()


def _limits() -> Iterator[str]:
    """A sentence for each limit of this process under which no run comes to its end."""
    for limit in _LIMITS:
        most = resource.getrlimit(limit.kind)[0]
        if most != resource.RLIM_INFINITY and most < limit.least:
            yield (
                f"{limit.option}: expected a limit of at least {limit.shown(limit.least)} of {limit.what}. "
                f"Received: {limit.shown(most)}; raise it, or start the command without it"
            )
    yield from _threads()


def _threads() -> Iterator[str]:
    """A sentence where this user may start too few threads; the limit counts all of the user's, and none of root's."""
    most = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if most == resource.RLIM_INFINITY or os.getuid() == 0 or most > _SURELY_ENOUGH_THREADS:
        return
    free = most - sum(_threads_of_this_user())
    if free < LEAST_THREADS:
        yield (
            f"ulimit -u: expected room for at least {LEAST_THREADS} more processes and threads of this user. "
            f"Received: {max(free, 0)} of {most}; raise it, or end other programs"
        )


def _threads_of_this_user() -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        # It may end while it is looked at.
        with contextlib.suppress(OSError):
            if process.stat().st_uid == os.getuid():
                yield len(os.listdir(process / "task"))


def _semaphores() -> Iterator[str]:
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
