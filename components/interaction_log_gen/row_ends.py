"""A byte stream without given characters at the ends of its lines."""

from __future__ import annotations

import io
import re
from typing import Protocol

_READ_BYTES = 1 << 20


class _Readable(Protocol):
    def read(self, size: int) -> bytes: ...


class WithoutTrailing(io.RawIOBase):
    """Reads ``stream`` and leaves out ``characters`` where they end a line, as if they were not in the file."""

    def __init__(self, stream: _Readable, characters: str) -> None:
        super().__init__()
        self._stream = stream
        self._ends = re.compile(b"[" + re.escape(characters.encode()) + rb"]+(?=\r?\n|\r?\Z)")
        self._rest = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            block = self._stream.read(_READ_BYTES)
            # What follows the last line break may go on in the next block.
            lines, newline, rest = (self._rest + block).rpartition(b"\n")
            if not block:
                lines, newline, rest = self._rest, b"", b""
                if not lines:
                    return 0
            self._rest = rest
            self._ready = memoryview(self._ends.sub(b"", lines + newline))
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count
