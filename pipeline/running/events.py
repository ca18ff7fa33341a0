"""What a run says while it runs: one JSON object a line, written by the runner and read by the command line.

Kinds: ``stage`` (name, state: running | finished | cached), ``note`` (text), ``warning`` (text), ``error`` (stage, text).
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

_STAGE = re.compile(r"^Component (\S+) is (running|finished)\.$")
_TRAINING = "training: "
# A training in stages names the stage first.
_EPOCH = re.compile(rf"^{_TRAINING}(?:\w+: )?epoch ")
_CACHED = "A cached execution"
# A line that a component wants a person to see is logged with this in front.
PROGRESS = "progress: "


class EventWriter:
    """Appends events to a file, or drops them where there is none."""

    def __init__(self, path: Optional[Path]):
        self._path = path
        self.stage: Optional[str] = None

    def write(self, kind: str, **fields: Any) -> None:
        """Appends one event; each is flushed at once, so that a reader sees it while the run goes on."""
        if self._path is None:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": time.time(), "kind": kind, **fields}) + "\n")


class StageHandler(logging.Handler):
    """Turns the local runner's log lines about components, our progress lines and our warnings into events."""

    def __init__(self, events: EventWriter):
        super().__init__(level=logging.INFO)
        self._events = events
        self._ours = str(Path(__file__).resolve().parents[2])

    def emit(self, record: logging.LogRecord) -> None:
        """Looks at one log record."""
        message = record.getMessage()
        stage = _STAGE.match(message)
        if stage:
            self._events.stage = stage.group(1)
            self._events.write("stage", name=stage.group(1), state=stage.group(2))
        elif message.startswith(_CACHED):
            self._events.write("stage", name=self._events.stage, state="cached")
        elif message.startswith(PROGRESS):
            self._events.write("note", stage=self._events.stage, text=message[len(PROGRESS) :])
        elif _EPOCH.match(message):
            # The rest of the line, task by task, is in the log and in TensorBoard.
            text = message[len(_TRAINING) :].split("  |  ")[0]
            self._events.write("note", stage=self._events.stage, text=text)
        elif message.startswith(f"{_TRAINING}WARNING: "):
            self._events.write("warning", stage=self._events.stage, text=message[len(f"{_TRAINING}WARNING: ") :])
        elif record.levelno >= logging.WARNING and self._is_ours(record.pathname):
            self._events.write("warning", stage=self._events.stage, text=message)

    def _is_ours(self, pathname: str) -> bool:
        return pathname.startswith(self._ours) and "site-packages" not in pathname


def follow(path: Path, alive: Any) -> Iterator[dict[str, Any]]:
    """Yields the events of a file as they come, until ``alive()`` is false and all are read."""
    position = 0
    while True:
        running = alive()
        if path.exists():
            with path.open(encoding="utf-8") as file:
                file.seek(position)
                for line in file:
                    if not line.endswith("\n"):
                        break
                    position += len(line.encode())
                    yield json.loads(line)
        if not running:
            return
        time.sleep(0.2)
