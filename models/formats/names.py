"""Names that hold anything, made into names that a file, a tensor or a layer may have; different names stay different.

A name of letters, digits and ``_`` stays as it is. Any other is written as far as it can be read, and is followed by a mark:
``_`` and sixteen hexadecimal digits of the hash of the whole name. A name that ends like a mark gets one of its own, so a
name that stayed as it is never equals a marked one, and two marked ones are equal where their hashes are: in practice never.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping

# What a person may read of a name, in characters. With a prefix, and what a writer puts around the name of its temporary
# file, the whole stays below the 255 bytes that a file name may have.
LONGEST = 100
_DIGITS = 16
_MARK = re.compile(rf"_[0-9a-f]{{{_DIGITS}}}", re.IGNORECASE)


def marked_name(name: str) -> str:
    """What of ``name`` is ASCII letters and digits, and a mark that no other name has; it starts with a letter.

    Example:
      >>> marked_name("age-band")
      'age_band_4bdb9c77d8ee84e8'
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:LONGEST]
    plain = plain if plain[:1].isalpha() else f"n_{plain}".rstrip("_")
    # A text from JSON may hold half of a character.
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{plain}_{digest[:_DIGITS]}"


def safe_name(name: str, *, keep: str = "", one_case: bool = False) -> str:
    """``name`` itself where it is ordinary, and its ``marked_name`` otherwise: different for different names.

    Args:
      name: Any text.
      keep: Signs that are ordinary beside ASCII letters, digits and ``_``.
      one_case: Capitals are not ordinary. File systems that do not tell them from small letters then keep all names apart.

    Example:
      >>> safe_name("age_band")
      'age_band'
    """
    letters = "a-z" if one_case else "A-Za-z"
    ordinary = re.fullmatch(rf"[{letters}0-9_{re.escape(keep)}]{{1,{LONGEST}}}", name)
    return name if ordinary and not is_marked(name) else marked_name(name)


def distinct_names(plain: Mapping[str, str]) -> dict[str, str]:
    """Names that are each as plain as they can be without two being the same.

    Args:
      plain: Name → the safe form that it would like. A name that is its own form keeps it.

    Returns:
      Name → that form where no other name has it, and the name's ``marked_name`` otherwise.
    """
    taken = Counter(plain.values())
    return {
        name: form if (name == form or taken[form] == 1) and not is_marked(form) else marked_name(name)
        for name, form in plain.items()
    }


def is_marked(name: str) -> bool:
    """Whether ``name`` ends as ``marked_name`` ends its own."""
    return _MARK.fullmatch(name[-_DIGITS - 1 :]) is not None
