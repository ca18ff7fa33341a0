"""A limit on the time that is spent looking at a remote place before a run.

The libraries that reach ``gs://`` try again for minutes where there is no network, and say nothing meanwhile.
"""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Optional

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import remote

LONGEST_S = 30.0
# Where a library swallowed the first word, it gets another one.
_AGAIN_S = 2.0


class _TooLong(BaseException):
    """The time is over. No ``Exception``, which the libraries would take for a reason to try again."""


class _Said(logging.Handler):
    """Keeps what libraries log, which also keeps it from the terminal."""

    def __init__(self) -> None:
        super().__init__(level=logging.INFO)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps one record's text."""
        self.texts.append(record.getMessage())


@contextmanager
def limited(place: str, seconds: float = LONGEST_S) -> Iterator[None]:
    """Ends what looks at a remote place after so many seconds.

    Args:
      place: What is looked at, for the message.
      seconds: To wait.

    Raises:
      LogError: The time was over.
    """
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread gets signals.
        yield
        return
    with _quiet() as said, _alarm(seconds):
        try:
            yield
        except _TooLong:
            waited = f"nothing within {seconds:.0f} s"
            told = next((text for text in said.texts if "credentials" in text.lower()), waited)
            raise LogError(f"{remote.sentence(place, told)} (waited {seconds:.0f} s)") from None


@contextmanager
def _quiet() -> Iterator[_Said]:
    """What libraries log and warn of is kept, and not shown."""
    said, root = _Said(), logging.getLogger()
    root.addHandler(said)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The import takes seconds, which are not the place's.
            import apache_beam.io.filesystems  # noqa: F401

            yield said
    finally:
        root.removeHandler(said)


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: Optional[FrameType]) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
