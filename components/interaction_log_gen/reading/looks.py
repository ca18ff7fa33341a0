"""What a file is by its first bytes, where it is not what the settings say.

A format that is named wrongly else shows as bytes of another encoding, or as a column that is missing.
"""

from __future__ import annotations

import codecs
import os
import stat
import struct
from typing import Optional

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.settings import ReadSettings

FIRST_BYTES = 512
_PARQUET = b"PAR1"
_UNPACK = "unpack it first"
_NAME_THE_LOG = "name the log's own file"
_AS_TABLE = "write its table as CSV or Parquet"
# None of them begins a line of text: Parquet's letters alone might, as a column's name.
_KINDS = (
    (_PARQUET + b"\x15", "a Parquet file; say `read: {format: parquet}`"),
    (b"PK\x03\x04", f"a ZIP archive (as .xlsx is one too); {_UNPACK}, or save the sheet as CSV"),
    (b"7z\xbc\xaf'\x1c", f"a 7z archive; {_UNPACK}"),
    (b"Rar!\x1a", f"a RAR archive; {_UNPACK}"),
    (b"\x89PNG\r\n", f"a PNG image; {_NAME_THE_LOG}"),
    (b"\xff\xd8\xff", f"a JPEG image; {_NAME_THE_LOG}"),
    (b"%PDF-", f"a PDF document; {_NAME_THE_LOG}"),
    (b"\x7fELF", f"a program; {_NAME_THE_LOG}"),
    (b"\xd0\xcf\x11\xe0", "an Office document; save the sheet as CSV"),
    (b"SQLite format 3\0", f"an SQLite database; {_AS_TABLE}"),
    (b"\x89HDF", f"an HDF5 file; {_AS_TABLE}"),
    (b"ARROW1\0", f"an Arrow file; {_AS_TABLE}"),
    (b"Obj\x01", f"an Avro file; {_AS_TABLE}"),
)
_TAR_AT = 257
_BYTE_ORDER_MARKS = {
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
}


def refuse_other(first: bytes, path: str, read: ReadSettings) -> None:
    """Refuses a text file whose first bytes are those of something else.

    Args:
      first: Its first ``FIRST_BYTES`` bytes, decompressed.
      path: Its name, for the message.
      read: How it is to be read.

    Raises:
      LogError: It is something else.
    """
    found = _kind(first) or _wide_text(first, read.encoding)
    if found is not None:
        raise LogError(f"{path}: expected {read.format} in {read.encoding}. Received: {found}")


def instead_of_parquet(first: bytes) -> Optional[str]:
    """What a file is that Arrow does not take for Parquet; None where it begins as Parquet does.

    Args:
      first: Its first bytes, as they lie there.
    """
    if first.startswith(_PARQUET):
        return None
    if not first:
        return "an empty file; write it again"
    text = (
        "text; say `read: {format: csv}`" if _is_text(first) else "something else; correct `read.format`, or the file"
    )
    return _kind(first) or text


def refuse_other_than_records(first: bytes, path: str) -> None:
    """Refuses a file that does not begin with a TFRecord: eight bytes of length and their checksum. An empty one passes.

    Args:
      first: Its first ``FIRST_BYTES`` bytes, decompressed.
      path: Its name, for the message.

    Raises:
      LogError: It begins with something else.
    """
    if not first or (len(first) >= 12 and struct.unpack("<I", first[8:12])[0] == _masked_crc32c(first[:8])):
        return
    text = (
        "text; say `read: {format: csv}`" if _is_text(first) else "something else; correct `read.format`, or the file"
    )
    raise LogError(f"{path}: expected TFRecords of tf.Example. Received: {_kind(first) or text}")


def no_file(path: str) -> str:
    """What lies at ``path``, which is no regular file, as the end of a sentence that names it."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if os.path.islink(path):
            return f"a link that leads to no file ({error.strerror}); correct the link"
        if isinstance(error, PermissionError):
            return "in a folder that this user may not look into; give it the right to"
        return "which matches none"
    if stat.S_ISDIR(mode):
        return f"a folder; name its files, such as {os.path.join(path, '*.csv')}"
    kinds = {
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return f"{kinds.get(stat.S_IFMT(mode), 'no file')}, which can be read only once; write the log to a file"


def _kind(first: bytes) -> Optional[str]:
    if first[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return f"a tar archive; {_UNPACK}"
    return next((kind for begin, kind in _KINDS if first.startswith(begin)), None)


def _wide_text(first: bytes, encoding: str) -> Optional[str]:
    """UTF-32 and UTF-16 by their marks, which begin no text of another encoding."""
    for name, marks in _BYTE_ORDER_MARKS.items():
        if first.startswith(marks):
            named = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
            return None if named else f"text in {name}; say `read: {{encoding: {name}}}`, or write the file as UTF-8"
    return None


def _is_text(first: bytes) -> bool:
    try:
        # The last sign may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(first)
    except UnicodeError:
        return False
    return "\0" not in text


def _masked_crc32c(content: bytes) -> int:
    """TFRecord's checksum (tensorflow/core/lib/hash/crc32c.h), bit by bit: eight bytes need no table."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
