"""Cuts a CSV file into blocks of whole records, and refuses a file whose quotes do not close.

Arrow parses the blocks (``csv_reading.py``). It takes a file that ends within quotes for complete, and a line end of two
signs that lies across two of its own blocks for one: so blocks are cut here, at the ends of records, by Python's ``csv``
reader in its strict mode. Only blocks that hold a quote or an escape sign need it; all others end where a line ends.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple, Optional

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import text as texts
from components.interaction_log_gen.settings import ReadSettings

# The longest record: one that is longer has most likely lost its closing quote.
_RECORD_BYTES = 64 << 20
# A record of more lines than this is named: a stray quote often swallows rows until the next one.
MANY_LINES = 1000
# Stands for a separator of several signs. It is refused in files that have it themselves.
_UNIT_SEPARATOR = "\x1f"
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Block(NamedTuple):
    """Whole records.

    Attributes:
      text: the records in UTF-8, each with its line end.
      records: how many there are, where the strict reader has counted them.
      long: (record, lines) for each record of more than ``MANY_LINES`` lines, records counted from 0 within the block.
    """

    text: bytes
    records: Optional[int] = None
    long: tuple[tuple[int, int], ...] = ()


def delimiter(read: ReadSettings) -> str:
    """The one sign that separates cells in the blocks."""
    return read.separator if len(read.separator) == 1 else _UNIT_SEPARATOR


def cells(text: bytes, read: ReadSettings) -> list[str]:
    """Cells of the first record of ``text``.

    Raises:
      csv.Error: the record is not closed.
    """
    return next(_reader(_lines_of(text), read), [])


class Records:
    """The records of an open file, from the first one after ``skip_rows`` lines.

    Args:
      stream: the file's bytes, decompressed.
      path: its name, for messages.
      read: the settings.
    """

    def __init__(self, stream: BinaryIO, path: str, read: ReadSettings) -> None:
        self._path, self._read = path, read
        self._chunks = texts.utf8(stream, path, read)
        self._text, self._at = b"", 0
        # Bytes of a record that did not end in the last block; the next one has to go on behind them.
        self._begun = 0
        self._special = [sign.encode() for sign in (read.quote, read.escape) if sign]
        self._comment = read.comment.encode() if read.comment else None
        self._separator = read.separator.encode() if len(read.separator) > 1 else None
        self._trailing = _trailing(read)
        # Data records so far, for messages.
        self.records = 0
        for _ in range(read.skip_rows):
            self.line()

    def first(self) -> bytes:
        """The first record that is not blank, as a header is; empty where there is none."""
        while line := self.line():
            if line.strip(b"\r\n") and not self.is_comment(line):
                plain = not any(sign in line for sign in self._special)
                return self._plain(line).text if plain else self._line_by_line(line).text
        return b""

    def blocks(self) -> Iterator[Block]:
        """Yields the records that are left.

        Raises:
          LogError: a quote is not closed, text follows a closing quote, a record is longer than can be, bytes are not of
            the stated encoding.
        """
        while text := self._lines():
            if not any(sign in text for sign in self._special):
                yield self._plain(text)
            elif self._comment or self._trailing:
                yield self._line_by_line(text)
            elif block := self._counted(text):
                yield block

    def _plain(self, text: bytes) -> Block:
        """Lines without any quote."""
        if self._comment is not None and self._comment in text:
            text = b"".join(line for line in text.splitlines(keepends=True) if not self.is_comment(line))
        return Block(self.separated(self.trimmed(text)))

    def _counted(self, text: bytes) -> Optional[Block]:
        """The whole records of ``text``; what begins one that goes on is left for the next call, with what follows it."""
        text = self.separated(text)
        reader = _reader(_lines_of(text), self._read)
        records, lines, long = 0, 0, []
        try:
            for row in reader:
                taken, lines = reader.line_num - lines, reader.line_num
                if taken > MANY_LINES:
                    long.append((records, taken))
                records += bool(row)
        except csv.Error as error:
            whole = sum(len(line.encode()) for line in itertools.islice(_lines_of(text), lines))
            begun = text[whole:]
            # The record in which ``text`` ends may go on behind it.
            if reader.line_num < text.count(b"\n") or not self._put_back(begun):
                raise self._unclosed(error, records, begun) from error
            return Block(text[:whole], records, tuple(long)) if whole else None
        return Block(text, records, tuple(long))

    def _line_by_line(self, text: bytes) -> Block:
        """The records of ``text`` and the rest of the last one, without comments and what trails."""
        feed = _Feed(text, self)
        kept: list[bytes] = []
        records, long = 0, []
        try:
            for row in _reader(feed, self._read):
                lines = feed.record()
                if len(lines) > MANY_LINES:
                    long.append((records, len(lines)))
                # What ends a row is no part of its last cell; within quotes a line's end is.
                lines[-1] = self.trimmed(lines[-1])
                kept += map(self.separated, lines)
                records += bool(row)
        except csv.Error as error:
            raise self._unclosed(error, records, b"".join(feed.lines)) from error
        return Block(b"".join(kept), records, tuple(long))

    def _unclosed(self, error: csv.Error, records: int, begun: bytes) -> LogError:
        shown = begun[:200].decode(errors="replace").replace(_UNIT_SEPARATOR, self._read.separator)[:80]
        return LogError(
            f"{self._path}: row {self.records + records + 1:,}: expected that each opening quote {self._read.quote!r} is "
            f"closed before a separator or line end. Received: {error}, in a row that begins with {shown!r}. Mend the row, "
            "or say in `read` which sign quotes (`quote`, null for none) or escapes (`escape`)"
        )

    def is_comment(self, line: bytes) -> bool:
        """Whether ``line``, at the beginning of a record, is a comment."""
        return self._comment is not None and line.startswith(self._comment)

    def trimmed(self, text: bytes) -> bytes:
        """Without ``trailing`` at the ends of lines."""
        return text if self._trailing is None else self._trailing.sub(b"", text)

    def separated(self, text: bytes) -> bytes:
        """With one sign between cells.

        Raises:
          LogError: the text has that sign itself.
        """
        if self._separator is None:
            return text
        if _UNIT_SEPARATOR.encode() in text:
            raise LogError(
                f"{self._path}: expected no control sign U+001F, which stands for `separator` {self._read.separator!r} "
                "while the file is read. Received: a file that has it; write it with another separator"
            )
        return text.replace(self._separator, _UNIT_SEPARATOR.encode())

    def line(self) -> bytes:
        """The next line with its end; empty at the end of the file."""
        while True:
            found = _LINE_END.search(self._text, self._at)
            # A carriage return that ends what was read so far may be half of a line end.
            whole = found is not None and (found.end() < len(self._text) or found.group() != b"\r")
            if whole or not self._fill():
                end = found.end() if found is not None else len(self._text)
                line, self._at = self._text[self._at : end], end
                return line

    def _lines(self) -> bytes:
        """All whole lines that were read, or the next ones; empty at the end of the file."""
        while True:
            least = self._at + self._begun
            end = self._text.rfind(b"\n", self._at) + 1 or self._text.rfind(b"\r", self._at, len(self._text) - 1) + 1
            if end <= least and self._fill():
                continue
            if end <= least:
                end = len(self._text)
            text, self._at, self._begun = self._text[self._at : end], end, 0
            return text

    def _put_back(self, text: bytes) -> bool:
        """Lets the next block begin with ``text`` and hold more than it; False at the end of the file."""
        if self._separator is not None:
            text = text.replace(_UNIT_SEPARATOR.encode(), self._separator)
        self._text, self._at, self._begun = text + self._text[self._at :], 0, len(text)
        return len(self._text) > self._begun or self._fill()

    def _fill(self) -> bool:
        """Reads on; False at the end of the file."""
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._text, self._at = self._text[self._at :] + chunk, 0
        if len(self._text) > _RECORD_BYTES + texts.BLOCK_BYTES:
            raise LogError(
                f"{self._path}: row {self.records + 1:,}: expected a row of at most {_RECORD_BYTES:,} bytes. Received: a "
                "longer one; is a quote not closed, or is this no text file?"
            )
        return True


class _Feed:
    """Hands lines to the reader, keeps those of the record that it is at, and leaves out lines that are comments."""

    def __init__(self, text: bytes, records: Records) -> None:
        self._lines = iter(line.encode() for line in _lines_of(text))
        self._records = records
        self.lines: list[bytes] = []
        self._bytes = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines, b"")
        while not self.lines and self._records.is_comment(line):
            line = next(self._lines, b"")
        if not line and self.lines:
            # The record goes on behind what was read at once; or the file ends within quotes.
            line = self._records.line()
        if not line:
            raise StopIteration
        self.lines.append(line)
        self._bytes += len(line)
        if self._bytes > _RECORD_BYTES:
            raise csv.Error(f"a record of more than {_RECORD_BYTES:,} bytes")
        return self._records.separated(self._records.trimmed(line)).decode()

    def record(self) -> list[bytes]:
        """The lines of the record that the reader has read."""
        lines, self.lines, self._bytes = self.lines, [], 0
        return lines


def _lines_of(text: bytes) -> Iterator[str]:
    """Lines with their ends, whichever of the three they have."""
    return iter(io.StringIO(text.decode(), newline=""))


def _reader(lines: Iterable[str], read: ReadSettings) -> csv._reader:  # type: ignore[name-defined]
    # The default limit is 131,072 signs a cell; records are limited here.
    csv.field_size_limit(2**31 - 1)
    return csv.reader(
        lines,
        delimiter=delimiter(read),
        quotechar=read.quote,
        quoting=csv.QUOTE_MINIMAL if read.quote else csv.QUOTE_NONE,
        escapechar=read.escape,
        doublequote=True,
        strict=True,
    )


def _trailing(read: ReadSettings) -> Optional[re.Pattern[bytes]]:
    if not read.trailing:
        return None
    signs = b"|".join(re.escape(sign.encode()) for sign in read.trailing)
    return re.compile(rb"(?:" + signs + rb")+" + (rb"[ \t]*" if read.strip else b"") + rb"(?=\r\n|\n|\r|\Z)")
