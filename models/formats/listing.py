"""Lists within sentences: cut at five, since a group key may have thousands of values and nobody reads on."""

from __future__ import annotations

from collections.abc import Iterable

from models.formats.texts import inert_line

MOST_LISTED = 5


# Columns of a file: whoever looks for one reads on.
MOST_COLUMNS = 30


def listed(texts: Iterable[str], separator: str = ", ", most: int = MOST_LISTED) -> str:
    """The texts as a list, cut at five with the number of those left out.

    Args:
      texts: As they are to stand there.
      separator: Stands between two of them.
      most: How many are shown.

    Example:
      >>> listed(["a", "b"]), listed("abcdefg")
      ('a, b', 'a, b, c, d, e and 2 more')
    """
    found = [inert_line(text) for text in texts]
    more = len(found) - most
    return separator.join(found[:most]) + (f" and {more:,} more" if more > 0 else "")


def quoted(names: Iterable[object]) -> str:
    """Names between backquotes as ``listed`` writes them; "none" where there is no name.

    Example:
      >>> quoted(["click", "like"]), quoted([])
      ('`click`, `like`', 'none')
    """
    return listed(f"`{name}`" for name in names) or "none"
