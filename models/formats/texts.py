"""How texts from the data are written: a whole number always as its integer, and what is shown without what acts unseen.

pandas writes the ids of a column that has a missing one as 1000.0, and a file without a missing one as 1000.
"""

from __future__ import annotations

import re
import unicodedata

# In the grammar that Python, Arrow and TensorFlow share.
ZERO = r"^-?0\.0+$"
WHOLE = r"^(-?[1-9][0-9]*)\.0+$"


def whole_number(text: str) -> str:
    """``1000`` of ``1000.0``; any other text as it is.

    Example:
      >>> whole_number("-7.00"), whole_number("007.0"), whole_number("1.50")
      ('-7', '007.0', '1.50')
    """
    return re.sub(WHOLE, r"\1", re.sub(ZERO, "0", text))


# Signs that act and are not seen: control, format (bidi, zero width), surrogates, and separators of lines and paragraphs.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
# Line ends and tabs; and what the orthography of some languages and emoji join letters with.
_KEPT = "\n\t\u200c\u200d"


def inert(text: str) -> str:
    r"""``text`` as it can be shown: each sign that acts and is not seen is written as its escape.

    Line ends and tabs stay. A text from the data could otherwise move the cursor of a terminal, or turn the order of what
    stands beside it around.

    Example:
      >>> print(inert("a\x1b[2Jb"))
      a\x1b[2Jb
    """
    if text.isprintable():
        return text
    return "".join(_escaped(sign) for sign in text)


def inert_line(text: str) -> str:
    r"""``inert`` for a name or a value within a line: line ends and tabs are escaped too.

    Example:
      >>> print(inert_line("a\nb"))
      a\nb
    """
    return inert(text).replace("\n", "\\n").replace("\t", "\\t")


def _escaped(sign: str) -> str:
    if sign in _KEPT or unicodedata.category(sign) not in _UNSEEN:
        return sign
    return sign.encode("unicode_escape").decode()
