"""The console that everything is printed to, and how a command says that it failed.

What it is handed may come from the log, the YAML file or a path: none of it is markup, no sign of it acts on the terminal,
and what the output's encoding does not have is written in other signs.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from models.formats.texts import inert

# Where the output is no terminal there is no width to keep to: lines go on, so that paths stay whole.
_PLAIN_WIDTH = 10_000
# A message is at most so many lines of a narrow terminal; a word in it (a path, a value) and a line of it at most so long.
_MOST_LINES, _LINE = 9, 80
_LONGEST_WORD, _LONGEST_LINE = 200, 480
_WORDS = re.compile(rf"\S{{{_LONGEST_WORD + 1},}}")
# Signs of ours, for outputs that have only those of ASCII or Latin-1.
_PLAIN = {
    ord(sign): plain
    for sign, plain in zip(
        "→•·…Δλ×−–≥≤", ("->", "*", "-", "...", "Delta ", "lambda", "x", "-", "-", ">=", "<="), strict=True
    )
}


class _InertConsole(Console):
    """Prints text whose signs do nothing but stand there."""

    def render(self, renderable: RenderableType, options: Optional[ConsoleOptions] = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=inert(segment.text))

    def print(self, *objects: Any, **options: Any) -> None:
        # Before rich sees it: it drops some signs, and two names would look like one.
        super().print(*(inert(thing) if isinstance(thing, str) else thing for thing in objects), **options)


def new_console(**options: Any) -> Console:
    """A console; ``Text`` and ``style=`` give what is printed its style.

    Args:
      options: More for rich's ``Console``.
    """
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False, **options}
    found = _InertConsole(**plain)
    return found if found.is_terminal or "width" in options else _InertConsole(**plain, width=_PLAIN_WIDTH)


def write_any_text() -> None:
    """Lets standard output and error take any text: what their encoding does not have is written in other signs.

    What this process starts writes UTF-8 all the same, in which it is read here.
    """
    os.environ["PYTHONIOENCODING"] = "utf-8"
    codecs.register_error("in_other_signs", _in_other_signs)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="in_other_signs")  # type: ignore[union-attr]  # They are text files here.


def _in_other_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end].translate(_PLAIN)
    return found.encode("ascii", "backslashreplace").decode("ascii"), error.end


def fail(console: Console, what: str, message: str) -> None:
    """Prints that a command failed and why: at most ten lines of 80 columns.

    Args:
      console: To print to.
      what: What failed, in a few words.
      message: Why, where, and what to do.
    """
    console.print(Text.assemble((what, "bold red"), f" {short(inert(message))}"))


def short(message: str) -> str:
    """``message`` with what is too long in it cut in its middle, and without the lines that are too many.

    Example:
      >>> short("Received: " + "a" * 1_000)[-12:]
      'aaaaaaaaaaaa'
    """
    lines = message.split("\n")
    shown = list(_that_fit(_WORDS.sub(lambda word: _cut(word.group(), _LONGEST_WORD), line) for line in lines))
    more = len(lines) - len(shown)
    return "\n".join(shown + ([f"… and {more} more lines"] if more else []))


def _that_fit(lines: Iterable[str]) -> Iterator[str]:
    room = _MOST_LINES
    for number, line in enumerate(lines):
        line = _cut(line, _LONGEST_LINE)
        room -= max(-(-len(line) // _LINE), 1)
        if room < 0 and number:
            return
        yield line


def _cut(text: str, most: int) -> str:
    """What stands at either end says most: where it is, and what to do."""
    tail = most // 3
    return text if len(text) <= most else f"{text[: most - tail - 1]}…{text[-tail:]}"
