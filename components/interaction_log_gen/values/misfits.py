"""What is said of a value that is not what its column should hold: file, column, row, value and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Optional

import numpy as np
import pyarrow as pa

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.rows.columns import Need

_EXPECTED = {"number": "a number", "string": "text", "strings": "texts", "raw": "one value"}


class Place(NamedTuple):
    """Where a batch lies: its file and the number of data rows before it."""

    path: str
    first_row: int


def cast(array: pa.Array, to: pa.DataType, need: Need, place: Place, rows: Optional[np.ndarray] = None) -> pa.Array:
    """The values as another type; ``rows`` says which row each comes from, where that is not its place.

    Raises:
      LogError: a value cannot be one of that type.
    """
    # Casting bytes to text trusts them unless it is safe; casting integers to floats is meant to round.
    safe = not pa.types.is_floating(to)

    def attempt(values: pa.Array) -> pa.Array:
        return values.cast(to, safe=safe)

    try:
        return attempt(array)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        at = _first_failure(array, attempt)
        raise misfit(array, at, need, place, rows=rows) from None


def _first_failure(array: pa.Array, attempt: Callable[[pa.Array], pa.Array]) -> int:
    """Index of the first value that ``attempt`` fails on, by bisection."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            attempt(array.slice(low, middle - low))
            low = middle
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            high = middle
    return low


def misfit(
    array: pa.Array,
    at: int,
    need: Need,
    place: Place,
    more: str = "",
    note: str = "",
    rows: Optional[np.ndarray] = None,
) -> LogError:
    """The error that names value ``at`` of ``array``.

    Args:
      array: the values.
      at: which of them does not fit.
      need: the column, and what was expected of it.
      place: where the values come from.
      more: what else is expected, behind the kind.
      note: what to do, behind the value.
      rows: row of each value, where that is not its place.
    """
    value = array[int(at)].as_py() if len(array) else None
    if isinstance(value, str):
        note += _advice(value, need)
    row = place.first_row + int(at if rows is None or at >= len(rows) else rows[at]) + 1
    return LogError(
        f"{place.path}: column `{need.column}`, row {row}: expected {_EXPECTED[need.kind]}{more}. "
        f"Received: {value!r} of type {array.type}{note}"
    )


def _advice(value: str, need: Need) -> str:
    """What to do about a text that is not what was expected."""
    if value != value.strip():
        return " (`strip: true` removes white space around cells)"
    if need.kind == "number" and not any(sign.isdigit() for sign in value):
        return " (list it in `missing` where it means a missing value; a text goes into a `categorical` feature)"
    return ""
