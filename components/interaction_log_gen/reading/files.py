"""Finding and opening the log's files, on a local disk or on what Apache Beam's file systems reach."""

from __future__ import annotations

import bz2
import glob
import gzip
import io
import lzma
import os
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

import pyarrow as pa

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import looks, remote
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
    """The glob ``pattern`` below the folder ``root``, unless it is absolute or names a file system.

    The folder's own name is no pattern: ``[``, ``*`` and ``?`` in it stand for themselves.
    """
    return pattern if is_remote(pattern) or os.path.isabs(pattern) else os.path.join(glob.escape(root), pattern)


def match(pattern: str, key: str) -> list[MatchedFile]:
    """Files that match the glob ``pattern``, sorted by path.

    Raises:
      LogError: there is none, or a remote place cannot be reached.
    """
    if is_remote(pattern):
        files, instead = sorted(_match_remote(pattern, key)), "which matches none"
    else:
        files = sorted(_match_local(pattern, key))
        instead = "" if files else looks.no_file(_unescaped(pattern))
    if not files:
        raise LogError(f"`{key}` should name at least one file. Received: {_unescaped(pattern)}, {instead}")
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


def open_stream(path: str) -> BinaryIO:
    """A stream of the bytes of ``path``, decompressed where its first bytes say gzip, bzip2, xz or Zstandard.

    The content decides and not the ending: ``.CSV.GZ`` and a ``.gz`` that something unpacked on its way are read alike.
    Python's readers check sums and lengths, read several members, and pass over zeros that pad the end.
    """
    stream = io.BufferedReader(open_file(path))  # type: ignore[arg-type]
    first = stream.peek(10)
    if first.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=stream))
    if first.startswith(b"BZh") and first[4:10] == b"1AY&SY":
        return cast(BinaryIO, bz2.BZ2File(stream))
    if first.startswith(b"\xfd7zXZ\x00"):
        return cast(BinaryIO, lzma.LZMAFile(stream))
    if first.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(BinaryIO, io.BufferedReader(pa.CompressedInputStream(stream, "zstd")))
    return cast(BinaryIO, stream)


def is_gzip(path: str) -> bool:
    """Whether the first bytes of ``path`` are those of gzip."""
    with open_file(path) as stream:
        return stream.read(3) == b"\x1f\x8b\x08"


def open_file(path: str) -> pa.NativeFile:
    """The file as it lies there, seekable."""
    if not is_remote(path):
        return pa.OSFile(path, "rb")
    return remote.open_file(path)


def _match_local(pattern: str, key: str) -> Iterator[MatchedFile]:
    # A file or its folder may have the signs of a glob in its name.
    name = _unescaped(pattern)
    folder, last = _unescaped(os.path.dirname(pattern)), os.path.basename(pattern)
    if os.path.isfile(name):
        paths = [name]
    elif os.path.isdir(folder):
        paths = glob.glob(os.path.join(glob.escape(folder), last), recursive=True)
    else:
        paths = glob.glob(pattern, recursive=True)
    for path in paths:
        if os.path.isfile(path):
            status = os.stat(path)
            yield MatchedFile(key, path, status.st_size, status.st_mtime_ns)


def _unescaped(pattern: str) -> str:
    """Inverse of ``glob.escape``."""
    return re.sub(r"\[([*?[])\]", r"\1", pattern)


def _match_remote(pattern: str, key: str) -> Iterator[MatchedFile]:
    try:
        found = remote.match(pattern)
    except LogError as error:
        raise LogError(f"`{key}`: {error}") from error
    for metadata in found:
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
