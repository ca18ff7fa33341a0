"""Whether the file in which TFX keeps its metadata can be used, told before ML Metadata opens it.

ML Metadata says of a damaged file which SQL failed, and makes anew what it does not find.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

_FORMAT = b"SQLite format 3\0"
_LOCKED = "locked"


def problems(metadata: Path) -> Iterator[str]:
    """A sentence where the file is there and cannot be used.

    Args:
      metadata: The SQLite file of a dataset's runs.
    """
    found = damage(metadata)
    if found is not None:
        yield found


def damage(metadata: Path) -> Optional[str]:
    """What is wrong with the file, in a sentence; None where nothing is, or where there is none."""
    if not metadata.exists():
        return sentence(metadata, "a link that leads nowhere") if metadata.is_symlink() else None
    if not metadata.is_file():
        return sentence(metadata, "a folder" if metadata.is_dir() else "no file")
    try:
        return _damage(metadata)
    except OSError as error:
        return (
            f"{metadata}: expected a file that can be read. Received: {error.strerror}; make it readable and writable"
        )


def _damage(metadata: Path) -> Optional[str]:
    with metadata.open("rb") as file:
        begin = file.read(len(_FORMAT))
    # ML Metadata fills an empty one.
    if begin and begin != _FORMAT:
        return sentence(metadata, "something else")
    try:
        connection = sqlite3.connect(f"{metadata.resolve().as_uri()}?mode=ro", uri=True)
        try:
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        # Another run writes it: it is in use, and not damaged.
        return None if _LOCKED in str(error) else sentence(metadata, f"a damaged one ({error})")
    return None if said == "ok" else sentence(metadata, f"a damaged one ({' '.join(said.split())[:100]})")


def sentence(metadata: Path, received: str) -> str:
    """What is said of a file that cannot be used.

    Args:
      metadata: The file.
      received: What it is instead.
    """
    return (
        f"{metadata}: expected the SQLite file of ML Metadata. Received: {' '.join(received.split())[:200]}; remove it and "
        "run again: earlier runs are then no longer listed, and all stages run anew"
    )
