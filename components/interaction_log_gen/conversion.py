"""Turns a column as a file has it (text, numbers, lists) into the kind that the run wants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.interaction_log_gen.columns import Need
from components.interaction_log_gen.errors import LogError

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_EXPECTED = {"number": "a number", "string": "text", "strings": "texts", "raw": "one value"}


class Place(NamedTuple):
    """Where a batch lies: its file and the number of data rows before it."""

    path: str
    first_row: int


def convert(array: pa.Array, need: Need, missing: Sequence[str], place: Place) -> pa.Array:
    """The column as ``need.kind``: float32, string, list<string>, or (raw) the file's type; a missing value is null.

    Numbers come from numbers, booleans (1 and 0) and text. Texts come from text, from integers and booleans (``12``,
    ``true``, ``false``), from floats in their shortest form and from dates in ISO 8601. Empty text, a text or number of
    ``missing``, and an empty list are missing values.

    Args:
      array: n values, or n lists of values.
      need: the column's name and kind.
      missing: what a missing value looks like.
      place: where the values come from, for the messages.

    Raises:
      LogError: a value does not fit, is not finite, or stands beside others where one is expected. The message names
        file, row, column, value and what was expected.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if need.kind == "strings":
        return _texts(array, need, missing, place)
    if _is_list(array.type):
        array = _only_values(array, need, place)
    array = nulled(array, missing)
    if need.kind == "raw":
        return array
    _check_finite(array, need, place)
    return _numbers(array, need, place) if need.kind == "number" else _text(array, need, place)


def nulled(array: pa.Array, missing: Sequence[str]) -> pa.Array:
    """``array`` with null where it is empty or equals a mark of ``missing`` (as text, or as number for numbers)."""
    if _is_text(array.type):
        marks = pa.array(["", *missing], pa.string()).cast(array.type)
        return _null_where(pc.is_in(array, value_set=marks), array)
    if (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)) and missing:
        numbers = [number for number in map(_as_number, missing) if number is not None]
        values = array.cast(pa.float64(), safe=False)
        marked = pc.is_in(values, value_set=pa.array([n for n in numbers if n == n], pa.float64()))
        if any(number != number for number in numbers):
            marked = pc.or_(marked, pc.fill_null(pc.is_nan(values), False))
        return _null_where(marked, array)
    return array


def _text(array: pa.Array, need: Need, place: Place) -> pa.Array:
    """Values as text."""
    return _cast(array, pa.string(), need, place)


def _texts(array: pa.Array, need: Need, missing: Sequence[str], place: Place) -> pa.Array:
    """Values, or lists of values, as lists of texts without missing ones; null where nothing remains."""
    if not _is_list(array.type):
        array = pa.ListArray.from_arrays(pa.array(np.arange(len(array) + 1), pa.int32()), array)
    parents = pc.list_parent_indices(array)
    values = nulled(pc.list_flatten(array), missing)
    rows = parents.to_numpy(zero_copy_only=False)
    _check_finite(values, need, place, rows)
    values = _cast(values, pa.string(), need, place, rows)
    kept = np.asarray(values.is_valid())
    counts = np.bincount(rows[kept], minlength=len(array)) if len(values) else np.zeros(len(array), np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets, mask=np.append(counts == 0, False)), values.drop_null())


def _numbers(array: pa.Array, need: Need, place: Place) -> pa.Array:
    """Values as finite float32."""
    if pa.types.is_temporal(array.type):
        raise _misfit(array, 0, need, place)
    if _is_text(array.type):
        array = _text(array, need, place)
    values = _cast(array, pa.float64(), need, place)
    _check_finite(values, need, place)
    large = pc.fill_null(pc.greater(pc.abs(values), _FLOAT32_MAX), False)
    if pc.any(large).as_py():
        raise _misfit(array, np.flatnonzero(large)[0], need, place, " that float32 can hold")
    return values.cast(pa.float32(), safe=False)


def _only_values(array: pa.Array, need: Need, place: Place) -> pa.Array:
    """The one value of each list; null for an empty or null list."""
    counts = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    if counts.size and counts.max() > 1:
        raise _misfit(array, np.flatnonzero(counts > 1)[0], need, place, ", alone")
    starts = np.cumsum(counts) - counts
    return pc.list_flatten(array).take(pa.array(starts, pa.int64(), mask=counts == 0))


def _cast(array: pa.Array, to: pa.DataType, need: Need, place: Place, rows: np.ndarray | None = None) -> pa.Array:
    # Casting bytes to text trusts them unless it is safe; casting integers to floats is meant to round.
    safe = not pa.types.is_floating(to)

    def attempt(values: pa.Array) -> pa.Array:
        return values.cast(to, safe=safe)

    try:
        return attempt(array)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        at = _first_failure(array, attempt)
        raise _misfit(array, at, need, place, rows=rows) from None


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


def _check_finite(array: pa.Array, need: Need, place: Place, rows: np.ndarray | None = None) -> None:
    if pa.types.is_floating(array.type):
        infinite = pc.fill_null(pc.invert(pc.is_finite(array)), False)
        if pc.any(infinite).as_py():
            raise _misfit(array, np.flatnonzero(infinite)[0], need, place, rows=rows, note=_NOT_FINITE)


_NOT_FINITE = " (NaN and infinities are not values; list them in `missing` where they mean a missing one)"


def _misfit(
    array: pa.Array, at: int, need: Need, place: Place, more: str = "", note: str = "", rows: np.ndarray | None = None
) -> LogError:
    value = array[int(at)].as_py() if len(array) else None
    if isinstance(value, str) and value != value.strip():
        note += " (`strip: true` removes white space around cells)"
    row = place.first_row + int(at if rows is None or at >= len(rows) else rows[at]) + 1
    return LogError(
        f"{place.path}: column `{need.column}`, row {row}: expected {_EXPECTED[need.kind]}{more}. "
        f"Received: {value!r} of type {array.type}{note}"
    )


def _null_where(condition: pa.Array, array: pa.Array) -> pa.Array:
    return pc.if_else(condition, pa.scalar(None, array.type), array)


def _as_number(mark: str) -> float | None:
    try:
        return float(mark)
    except ValueError:
        return None


def _is_text(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)
