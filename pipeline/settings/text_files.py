"""Text files are UTF-8, whatever the machine's locale says."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn


def read_utf8(path: Path) -> str:
    """Text of a file, without a byte order mark.

    Raises:
      UnicodeError: The file is not UTF-8; the message names the file and the first byte that is wrong.
    """
    content = path.read_bytes()
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnicodeError(
            f"{path}: expected UTF-8 text. Received: the byte 0x{content[error.start]:02x} at position {error.start} "
            f"(line {line}); save the file as UTF-8"
        ) from error


def in_utf8_mode() -> bool:
    """Whether names of files and what is printed are UTF-8 in this process."""
    return bool(sys.flags.utf8_mode) or (
        sys.getfilesystemencoding().lower() == "utf-8" and (sys.stdout.encoding or "").lower() == "utf-8"
    )


def restart_in_utf8_mode() -> NoReturn:
    """Starts the same command in Python's UTF-8 mode, in the place of this process."""
    arguments = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    os.execve(sys.executable, arguments, dict(os.environ, PYTHONUTF8="1"))
