import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.interaction_log_gen import row_ends
from components.interaction_log_gen.row_ends import WithoutTrailing


class _Pieces:
    """A stream that hands out its bytes in pieces of given lengths."""

    def __init__(self, content: bytes, length: int) -> None:
        self._stream, self._length = io.BytesIO(content), length

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, self._length))


@given(
    st.lists(st.text(alphabet="ab .]^", max_size=6), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.integers(1, 20),
    st.sampled_from([" ", ". ", "].^"]),
)
def test_lines_lose_the_characters_wherever_blocks_end(lines, newline, ended, length, characters) -> None:
    content = newline.join(lines) + (newline if ended else "")
    wanted = newline.join(line.rstrip(characters) for line in lines) + (newline if ended else "")
    read = WithoutTrailing(_Pieces(content.encode(), length), characters).readall()
    assert read.decode() == wanted


def test_short_reads_lose_nothing() -> None:
    stream = WithoutTrailing(io.BytesIO(b"one. \ntwo.\n"), ". ")
    assert b"".join(iter(lambda: stream.read(2), b"")) == b"one\ntwo\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_it_reads_block_by_block(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(row_ends, "_READ_BYTES", size)
    content = b"some words \n" * 100
    source = io.BytesIO(content)
    stream = WithoutTrailing(source, " ")
    assert stream.read(5) == b"some "
    assert source.tell() <= max(size, 13 + size)
    assert re.fullmatch(rb"words\n(some words\n){99}", stream.readall())
