"""As many digits as tell a figure from the limit that it is held against: 1.0502 is not 1.050 beside 1.05."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

# More digits than this no float has.
_MOST = 16


def told_from(form: Callable[[float, int], str], value: float, limit: Optional[float]) -> str:
    """The value as text.

    Args:
      form: A number, and how many digits it gets beyond the usual ones → text.
      value: The figure.
      limit: What it is to be told from; None = nothing.
    """
    if limit is None or value == limit:
        return form(value, 0)
    more = next((more for more in range(_MOST) if form(value, more) != form(limit, more)), _MOST)
    return form(value, more)
