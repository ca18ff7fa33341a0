"""Ends a run whose Beam worker was killed: Beam notes it in a thread of its own, and waits for the worker for ever."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from typing import Optional

from pipeline.running import shortages
from pipeline.running.lifeline import kill_descendants

# apache_beam.runners.portability.local_job_service.SubprocessSdkWorker.run
_ENDED = re.compile(r"^Worker subprocess exited with return code (-?\d+)$")
_SHELL_SIGNALS = 128
FAILED = 1


def end_with_them(say: Callable[[str], None]) -> None:
    """Makes this process end, with all below it, once a signal has ended one of its workers.

    Args:
      say: Takes a sentence before that.
    """
    before = threading.excepthook

    def look(failed: threading.ExceptHookArgs) -> None:
        before(failed)
        code = _signal(str(failed.exc_value))
        if code is None:
            return
        try:
            how = shortages.end_of_process(code, "set `beam.workers: 1`")
            say(f"a worker process of Apache Beam {how}")
            kill_descendants(os.getpid())
        finally:
            os._exit(FAILED)

    threading.excepthook = look


def _signal(text: str) -> Optional[int]:
    """The code of a worker that a signal ended; None of one that ended itself, whose error Beam hands on."""
    found = _ENDED.match(text)
    code = int(found.group(1)) if found else 0
    return code if code < 0 or code > _SHELL_SIGNALS else None
