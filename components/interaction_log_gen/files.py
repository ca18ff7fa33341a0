"""Finding and opening the log's files, on a local disk or on what Apache Beam's file systems reach."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.settings import LogSettings


class MatchedFile(NamedTuple):
    """A file, the settings key whose glob found it, and what changes when its content does."""

    key: str
    path: str
    size: int
    mtime_ns: int


def is_remote(path: str) -> bool:
    """Whether ``path`` names a file system, such as ``gs://``."""
    return "://" in path


def in_root(root: str, pattern: str) -> str:
    """``pattern`` below ``root``, unless it is absolute or names a file system."""
    return pattern if is_remote(pattern) or os.path.isabs(pattern) else os.path.join(root, pattern)


def match(pattern: str, key: str) -> list[MatchedFile]:
    """Files that match the glob ``pattern``, sorted by path.

    Raises:
      LogError: there is none.
    """
    files = sorted(_match_remote(pattern, key) if is_remote(pattern) else _match_local(pattern, key))
    if not files:
        raise LogError(f"`{key}` should name at least one file. Received: {pattern}, which matches none")
    return files


def source_files(log: LogSettings, index: int) -> list[MatchedFile]:
    """Files of the log's source ``index``."""
    patterns = log.sources[index].files
    return _distinct(
        file
        for number, pattern in enumerate(patterns)
        for file in match(in_root(log.root, pattern), f"log.sources[{index}].files[{number}]")
    )


def side_table_files(log: LogSettings, index: int) -> list[MatchedFile]:
    """Files of the log's side table ``index``."""
    patterns = log.side_tables[index].files
    return _distinct(
        file
        for number, pattern in enumerate(patterns)
        for file in match(in_root(log.root, pattern), f"log.side_tables[{index}].files[{number}]")
    )


def log_files(log: LogSettings) -> list[list[MatchedFile]]:
    """Files of each source.

    Raises:
      LogError: a glob matches nothing, or two match the same file, whose rows would count twice.
    """
    sources = [source_files(log, index) for index in range(len(log.sources))]
    _distinct(file for files in sources for file in files)
    return sources


def open_stream(path: str) -> pa.NativeFile:
    """A stream of the bytes of ``path``, decompressed where its ending (``.gz``, ``.bz2``, ``.zst``) says so."""
    stream = open_file(path)
    compression = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}.get(os.path.splitext(path)[1])
    return pa.CompressedInputStream(stream, compression) if compression else stream


def open_file(path: str) -> pa.NativeFile:
    """The file as it lies there, seekable."""
    if not is_remote(path):
        return pa.OSFile(path, "rb")
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    return pa.PythonFile(FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED), mode="r")


def _match_local(pattern: str, key: str) -> Iterator[MatchedFile]:
    # A name may hold the characters of a glob.
    paths = [pattern] if os.path.isfile(pattern) else glob.glob(pattern, recursive=True)
    for path in paths:
        if os.path.isfile(path):
            status = os.stat(path)
            yield MatchedFile(key, path, status.st_size, status.st_mtime_ns)


def _match_remote(pattern: str, key: str) -> Iterator[MatchedFile]:
    from apache_beam.io.filesystems import FileSystems

    for metadata in FileSystems.match([pattern])[0].metadata_list:
        mtime_ns = int(metadata.last_updated_in_seconds * 1_000_000_000)
        yield MatchedFile(key, metadata.path, metadata.size_in_bytes, mtime_ns)


def _distinct(files: Iterator[MatchedFile]) -> list[MatchedFile]:
    seen: dict[str, MatchedFile] = {}
    for file in files:
        path = file.path if is_remote(file.path) else os.path.realpath(file.path)
        if path in seen:
            raise LogError(
                f"`{file.key}` should name files that no other key names. Received: {file.path}, "
                f"which `{seen[path].key}` names too"
            )
        seen[path] = file
    return list(seen.values())
