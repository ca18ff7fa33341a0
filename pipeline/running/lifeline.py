"""Ties a process's life to its parent's, so that a killed command leaves nothing running behind it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_GROUP_GONE_S = 5.0


def die_with_parent() -> None:
    """Asks Linux to kill this process when its parent ends; does nothing on other systems.

    Called in the child itself, between fork and exec or at its start.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have ended before the call.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def kill_descendants(root: int) -> None:
    """Kills all processes below the process ``root``; does nothing where the system does not list them under /proc."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        # It may end while it is looked at.
        with contextlib.suppress(OSError):
            # The name, in brackets, may hold anything.
            parent = int(path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        waiting += below
        for child in below:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)


@contextlib.contextmanager
def guarded_group(leader: subprocess.Popen[Any]) -> Iterator[None]:
    """Has the process group that a child process leads killed as a whole when this process ends in between, however it ends.

    ``die_with_parent`` ties one process to another. Beam's workers have a shell between them and the run, and wait for ever
    for one that was killed. So a process of its own waits for the end of a pipe that only this process holds.

    Args:
      leader: A child that was started with ``start_new_session``.
    """
    guard = subprocess.Popen(
        ["/bin/sh", "-c", 'read -r line; kill -s KILL -- "-$1"', "sh", str(leader.pid)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={},
        start_new_session=True,
    )
    try:
        yield
    finally:
        # Before the pipe ends: the group's number may belong to others by then.
        guard.kill()
        guard.communicate()


def end_group(leader: subprocess.Popen[Any]) -> None:
    """Kills all that is left of the process group that a child process leads, and waits until it is gone.

    Args:
      leader: A child that was started with ``start_new_session``.
    """
    deadline = time.monotonic() + _GROUP_GONE_S
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(leader.pid, signal.SIGKILL)
            leader.poll()
            time.sleep(0.02)
    leader.wait()
