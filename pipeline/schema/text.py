"""Where the fields of a text protobuf stand in it, so that one can be taken out or put in and the rest stays as it is.

protobuf's own parser keeps neither comments nor the form that a person gave the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?P<open>[{<\[])|(?P<close>[}>\]])"""
    r"""|(?P<word>[\w.+-]+)|(?P<sign>[^\s])""",
    re.DOTALL,
)


class Field(NamedTuple):
    """A field as it stands in the text.

    Attributes:
      name: The field's name.
      start: Position of the name's first sign.
      end: Position behind the value.
      opened: Position behind the sign that opens a message or list; None of a scalar.
      is_list: Whether the value is a list in brackets.
    """

    name: str
    start: int
    end: int
    opened: int | None
    is_list: bool

    def inside(self) -> tuple[int, int]:
        """Where the fields of a message begin and end."""
        return (self.end if self.opened is None else self.opened, self.end - 1)


def fields(text: str, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of one level of a text that protobuf's parser takes, in order.

    Args:
      text: The whole text.
      start: Where the level begins.
      end: Where it ends; the text's end where absent.
    """
    name: re.Match[str] | None = None
    depth, opened, is_list, last = 0, None, False, start
    for token in _TOKEN.finditer(text, start, len(text) if end is None else end):
        kind = token.lastgroup
        if kind == "comment" or (depth and kind not in ("open", "close")):
            continue
        if kind == "open":
            if depth == 0 and opened is None:
                opened, is_list = token.end(), token.group() == "["
            depth += 1
        elif kind == "close":
            depth -= 1
        if depth:
            continue
        # A scalar has one word or string, or strings side by side, or a sign and a word.
        if name is not None and kind == "word" and (opened is not None or _is_whole(text[name.end() : last])):
            yield Field(name.group(), name.start(), last, opened, is_list)
            name, opened, is_list = token, None, False
        elif name is None and kind == "word":
            name = token
        if kind != "sign" or token.group() not in ",;":
            last = token.end()
    if name is not None:
        yield Field(name.group(), name.start(), last, opened, is_list)


def _is_whole(value: str) -> bool:
    """Whether what stands behind a field's name is a value, and not the colon alone."""
    return any(token.lastgroup in ("word", "string") for token in _TOKEN.finditer(value))


def without(text: str, field: Field) -> str:
    """The text without a field; a line that only it stood in goes with it. Comments above it and behind it stay."""
    start, end = field.start, field.end
    behind = re.compile(r"[ \t]*[;,]?[ \t]*").match(text, end)
    end = behind.end() if behind else end
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip() and text[end : end + 1] in ("\n", ""):
        start, end = line, end + 1
    return text[:start] + text[end:]


def line_of(text: str, position: int) -> int:
    """The line, counted from one, that a position lies in."""
    return text.count("\n", 0, position) + 1
