"""How a whole number is written as text, in keys, ids, groups and categories: always as its integer.

pandas writes the ids of a column that has a missing one as 1000.0, and a file without a missing one as 1000.
"""

from __future__ import annotations

import re

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
