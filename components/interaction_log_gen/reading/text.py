"""The text of a file in UTF-8, whatever encoding the file is in."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.settings import ReadSettings

# What is read at a time.
BLOCK_BYTES = 4 << 20
_BYTE_ORDER_MARK = "\ufeff".encode()


def utf8(stream: BinaryIO, path: str, read: ReadSettings) -> Iterator[bytes]:
    """The file's text in UTF-8, a block at a time, without a byte order mark.

    Raises:
      LogError: bytes are not of the stated encoding, or a sign is NUL.
    """
    decoder = codecs.getincrementaldecoder(read.encoding)("strict")
    position, begun = 0, False
    while True:
        chunk = stream.read(BLOCK_BYTES)
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, not chunk)
        except UnicodeError as error:
            raise _not_encoded(error, path, read, position - pending) from error
        if "\0" in text:
            raise LogError(
                f"{path}: expected text in {read.encoding}. Received: a NUL sign within {len(chunk):,} bytes after byte "
                f"{position:,}; say `encoding` in `read` (utf-16?), or take it out"
            )
        position += len(chunk)
        if text:
            encoded = text.encode()
            yield encoded if begun else encoded.removeprefix(_BYTE_ORDER_MARK)
            begun = True
        if not chunk:
            return


def _not_encoded(error: UnicodeError, path: str, read: ReadSettings, position: int) -> LogError:
    what = where = ""
    if isinstance(error, UnicodeDecodeError):
        what, where = f" {error.object[error.start : error.end]!r}", f" at byte {position + error.start:,}"
    return LogError(
        f"{path}: expected text in {read.encoding}. Received: bytes{what} that are none{where} "
        "(counted from 0, decompressed); say `encoding` in `read`, such as latin-1, or write the file as UTF-8"
    )
