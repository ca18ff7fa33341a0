"""Files that Apache Beam's file systems reach, such as ``gs://``, and why one of them cannot be reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Optional

import pyarrow as pa

from components.interaction_log_gen.errors import LogError

_LONGEST_REASON = 300
_COPY = "copy the files to this machine, or name files of gs://"
_LOG_IN = "log in (`gcloud auth application-default login`), or name a key file in GOOGLE_APPLICATION_CREDENTIALS"
# What Google's libraries, Beam and requests say. Looked for in small letters, in this order.
_REASONS = (
    (("unable to get filesystem",), "no file system for this scheme is installed here", _COPY),
    (
        ("boto3", "client or options", "hdfs_host", "pipeline_options is not set"),
        "its file system is not set up here",
        _COPY,
    ),
    (("credentials", "anonymous caller", "401", "unauthorized"), "no credentials for it were found", _LOG_IN),
    (("403", "forbidden", "permission"), "this user may not read it", f"ask its owner, or {_LOG_IN}"),
    (("404", "does not exist", "not found"), "there is no such bucket or file", "correct the name"),
    (
        ("timed out", "timeout", "connection", "unreachable", "name resolution", "max retries", "nothing within"),
        "it cannot be reached from here",
        "look after the network and the proxy (HTTPS_PROXY), or copy the files to this machine",
    ),
)


def match(pattern: str, most: Optional[int] = None) -> Sequence[Any]:
    """What Beam knows of the files that a glob matches: ``path``, ``size_in_bytes``, ``last_updated_in_seconds``.

    Args:
      pattern: The glob.
      most: So many files at most are looked for; all where None.

    Raises:
      LogError: The place cannot be reached or read.
    """
    with _told(pattern):
        from apache_beam.io.filesystems import FileSystems

        return list(FileSystems.match([pattern], None if most is None else [most])[0].metadata_list)


def open_file(path: str) -> pa.NativeFile:
    """The file as it lies there, seekable.

    Raises:
      LogError: It cannot be reached or read.
    """
    with _told(path):
        from apache_beam.io.filesystem import CompressionTypes
        from apache_beam.io.filesystems import FileSystems

        return pa.PythonFile(FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED), mode="r")


def sentence(path: str, told: str) -> str:
    """Why a remote place cannot be read, and what to do.

    Args:
      path: The place.
      told: What the libraries said of it.
    """
    text = " ".join(told.split())
    small = text.lower().replace(path.lower(), "")
    for signs, reason, fix in _REASONS:
        if any(sign in small for sign in signs):
            return f"{path}: {reason}; {fix}"
    cut = text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"
    return f"{path}: expected a place that can be read. Received: {cut or 'an error without words'}; {_COPY}"


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Turns what the file systems raise, each its own errors, into a sentence."""
    try:
        yield
    except Exception as error:
        raise LogError(sentence(path, f"{type(error).__name__}: {error}")) from error
