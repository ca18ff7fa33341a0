"""How a process answers when it is asked to end: SIGINT (Ctrl-C), SIGTERM, and SIGHUP, a terminal that was closed.

A shell without job control hands SIGINT down ignored to what it starts in the background, so each process says itself what
it does. A command raises ``Stopped``, which takes it through its cleaning up; a process below it ends at once, because the
next start sweeps what it leaves.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Optional

from rich.console import Console

from pipeline.running.lifeline import kill_descendants

# `timeout` and process managers send a signal to the process and then to its group: the second one says nothing new.
_SAME_REQUEST_S = 1.0


class Stopped(BaseException):
    """A signal asked the command to end.

    No ``Exception``, so that nothing takes it for an error of its own; no ``KeyboardInterrupt``, which click answers itself.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number

    @property
    def exit_code(self) -> int:
        """The code that shells give a process which the signal ended: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.number


def raise_on_signals() -> None:
    """Makes each of the signals raise ``Stopped`` in the main thread."""
    last = -_SAME_REQUEST_S

    def stop(number: int, frame: Optional[FrameType]) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SAME_REQUEST_S:
            last = now
            raise Stopped(number)

    _handle(stop)


def end_at_once(say: Optional[Callable[[str], None]] = None) -> None:
    """Makes each of the signals end this process and those below it, without a traceback.

    Args:
      say: Takes a sentence before that.
    """

    def end(number: int, frame: Optional[FrameType]) -> None:
        stopped = Stopped(number)
        try:
            if say is not None:
                say(f"{stopped}; run the same command again, and it goes on where it was")
            kill_descendants(os.getpid())
        finally:
            os._exit(stopped.exit_code)

    _handle(end)


def end_by_default() -> None:
    """Makes SIGINT and SIGTERM end this process as they end a program that knows nothing of them: in silence."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def resumable(console: Console, kept: str) -> Iterator[None]:
    """Ends a command that was stopped with what to do, and the exit code of its signal.

    Args:
      console: To print to.
      kept: What the same command need not do again, as the end of a sentence.
    """
    start = time.monotonic()
    try:
        yield
    except Stopped as stopped:
        console.print(f"\n{stopped} after {time.monotonic() - start:.0f} s; run the same command again: {kept}")
        sys.exit(stopped.exit_code)


def _handle(handler: Callable[[int, Optional[FrameType]], None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)
    # `nohup` has it ignored, and means it.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, handler)
