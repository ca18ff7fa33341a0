"""Rounds numbers to 32-bit floats without changing how they compare with given numbers.

Examples hold 32-bit floats, which cannot tell 100000001 from 100000002. Rules and buckets compare with few numbers, the
*cuts* of a column: a value is rounded as always, unless that would carry it onto or across a cut; then it becomes the next
float on its own side. So ``== 100000001`` holds for 100000001 alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Optional, Union

import numpy as np

Number = Union[int, float]

# From here on a float64 may stand for several whole numbers.
EXACT_BELOW = 2.0**53


class Cuts:
    """The numbers that a column's values are compared with, and the float that stands for each.

    Example:
      >>> cuts = Cuts([100000001])
      >>> cuts.round(np.array([100000001.0, 100000002.0])) == cuts.stored(100000001)
      array([ True, False])
    """

    def __init__(self, numbers: Iterable[Number]) -> None:
        self._numbers = sorted(set(numbers))
        self._exact = np.array([float(number) for number in self._numbers], np.float64)
        stored: list[np.float32] = []
        for exact in self._exact:
            nearest = np.float32(exact)
            # Two apart at least, for the values between two cuts to have a float of their own.
            lowest = _next(_next(stored[-1])) if stored else nearest
            stored.append(max(nearest, lowest))
        self._stored = np.array(stored, np.float32)

    def stored(self, number: Number) -> float:
        """The float that stands for a number in examples; the nearest one where it is no cut."""
        if number not in self._numbers:
            return float(np.float32(number))
        return float(self._stored[self._numbers.index(number)])

    def round(
        self, values: np.ndarray, exact: Optional[Mapping[int, Any]] = None, *, single: bool = False
    ) -> np.ndarray:
        """Rounds values.

        Args:
          values: float64 [n], finite and in the range of float32.
          exact: Index → the value as Python's own number, where a value lies beyond 2^53.
          single: Whether the values were float32 before. A cut such as 0.1 is then taken in their precision.

        Returns:
          float32 [n]: for each cut c, a value is below, equal to or above c exactly as the result is to ``stored(c)``.
        """
        rounded = values.astype(np.float32)
        if not self._numbers or not len(values):
            return rounded
        if single:
            values = self._in_single(values, rounded)
        # 2 i below the i-th cut and above those before it, 2 i + 1 at it.
        place = np.searchsorted(self._exact, values, "left") + np.searchsorted(self._exact, values, "right")
        for index, value in (exact or {}).items():
            place[index] = sum(cut < value for cut in self._numbers) + sum(cut <= value for cut in self._numbers)
        at_cut, above = place % 2 == 1, place // 2
        infinity = np.array([np.inf], np.float32)
        lows, highs = np.append(-infinity, _next(self._stored)), np.append(_before(self._stored), infinity)
        between = np.clip(rounded, lows[above], highs[above])
        return np.where(at_cut, self._stored[np.minimum(above, len(self._stored) - 1)], between)

    def _in_single(self, values: np.ndarray, rounded: np.ndarray) -> np.ndarray:
        """``values`` with those that are a broken cut rounded to float32 set to the cut."""
        values = values.copy()
        for exact in self._exact:
            if exact != np.floor(exact):
                values[rounded == np.float32(exact)] = exact
        return values


# Of columns that no rule and no bucket reads.
NO_CUTS = Cuts([])


def _next(values: Any) -> Any:
    return np.nextafter(values, np.float32(np.inf), dtype=np.float32)


def _before(values: Any) -> Any:
    return np.nextafter(values, np.float32(-np.inf), dtype=np.float32)
