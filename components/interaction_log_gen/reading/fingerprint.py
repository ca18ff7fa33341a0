"""What the log's files are now, in one text: TFX's cache compares it."""

from __future__ import annotations

import hashlib

from components.interaction_log_gen.reading import files
from components.interaction_log_gen.settings import LogSettings


def fingerprint(log: LogSettings) -> str:
    """Number, bytes and a hash over path, size and modification time of every file of the sources and side tables.

    Raises:
      LogError: a glob matches no file; the message names its key, such as ``log.sources[0].files[0]``.
    """
    matched = [file for source in files.log_files(log) for file in source]
    for index in range(len(log.side_tables)):
        matched.extend(files.side_table_files(log, index))
    digest = hashlib.sha256()
    for file in matched:
        digest.update(repr((file.key, file.path, file.size, file.mtime_ns)).encode())
    return f"files:{len(matched)},bytes:{sum(file.size for file in matched)},sha256:{digest.hexdigest()}"
