"""Turns a column as a file has it (text, numbers, lists) into the kind that the run wants."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.interaction_log_gen.rows.columns import Need
from components.interaction_log_gen.settings import InteractionLogGenSettings
from components.interaction_log_gen.values.misfits import Place, cast, misfit
from components.interaction_log_gen.values.notices import Notices
from models.formats.cuts import EXACT_BELOW, NO_CUTS, Cuts
from models.formats.texts import WHOLE, ZERO, whole_number

_FLOAT32_MAX = float(np.finfo(np.float32).max)


def convert(
    array: pa.Array,
    need: Need,
    missing: Sequence[str],
    place: Place,
    notices: Optional[Notices] = None,
    cuts: Cuts = NO_CUTS,
) -> pa.Array:
    """The column as ``need.kind``: float32, string, list<string>, or (raw) the file's type; a missing value is null.

    Numbers come from numbers, decimals, booleans (1 and 0) and text. Texts come from text, from integers and booleans
    (``12``, ``true``, ``false``), from floats and decimals (a whole one is its integer's text, so that an id is the same id
    in every file; others in their shortest form) and from dates in ISO 8601. Empty text, a text or number of ``missing``,
    and an empty list are missing values.

    Args:
      array: n values, or n lists of values.
      need: the column's name and kind.
      missing: what a missing value looks like.
      place: where the values come from, for the messages.
      notices: is told of what a person should know though nothing is wrong.
      cuts: what the column's numbers are compared with, and so stay apart from.

    Raises:
      LogError: a value does not fit, is not finite, or stands beside others where one is expected. The message names
        file, row, column, value and what was expected.
    """
    notices = Notices() if notices is None else notices
    array = _plain(array)
    if need.kind == "strings":
        return _texts(array, need, missing, place, notices)
    if _is_list(array.type):
        array = _plain(_only_values(array, need, place))
    array = nulled(array, missing)
    if need.kind == "raw":
        return array
    _check_finite(array, need, place)
    if need.kind == "number":
        return _numbers(array, need, missing, place, notices, cuts)
    return nulled(_text(array, need, place, notices), missing)


class Converter:
    """``convert`` as the settings of a run ask for it: with the cuts of each column, and values above −1 for log(1 + x)."""

    def __init__(self, settings: InteractionLogGenSettings) -> None:
        self._cuts = {name: Cuts(numbers) for name, numbers in settings.cuts.items()}
        self._log1p = frozenset(settings.log1p)

    def __call__(self, array: pa.Array, need: Need, missing: Sequence[str], place: Place, notices: Notices) -> pa.Array:
        """See ``convert``."""
        converted = convert(array, need, missing, place, notices, self._cuts.get(need.column, NO_CUTS))
        if need.kind == "number" and need.column in self._log1p:
            _check_log1p(converted, need, place)
        return converted


def _check_log1p(array: pa.Array, need: Need, place: Place) -> None:
    low = pc.fill_null(pc.less_equal(array, -1.0), False)
    if pc.any(low).as_py():
        note = " (a numeric feature of `scale: log1p_standardize`; list the value in `missing`, or take `standardize`)"
        raise misfit(array, np.flatnonzero(low)[0], need, place, " above -1", note)


def nulled(array: pa.Array, missing: Sequence[str]) -> pa.Array:
    """``array`` with null where it is empty or equals a mark of ``missing`` (as text, or as number for numbers)."""
    if _is_text(array.type):
        # Whole decimals become whole numbers, and so do marks of them.
        marks = pa.array(["", *missing, *map(whole_number, missing)], pa.string()).cast(array.type)
        return _null_where(pc.is_in(array, value_set=marks), array)
    if (pa.types.is_integer(array.type) or pa.types.is_floating(array.type)) and missing:
        numbers = [number for number in map(_as_number, missing) if number is not None]
        values = array.cast(pa.float64(), safe=False)
        marked = pc.is_in(values, value_set=pa.array([n for n in numbers if n == n], pa.float64()))
        if any(number != number for number in numbers):
            marked = pc.or_(marked, pc.fill_null(pc.is_nan(values), False))
        return _null_where(marked, array)
    return array


def _plain(array: pa.Array) -> pa.Array:
    """Values in place of a dictionary's indices or an extension's wrapping, and lists of fixed size as other lists."""
    if isinstance(array, pa.ExtensionArray):
        return _plain(array.storage)
    if pa.types.is_dictionary(array.type):
        return _plain(array.dictionary_decode())
    if pa.types.is_fixed_size_list(array.type):
        lengths = np.where(np.asarray(array.is_valid()), array.type.list_size, 0)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets, mask=np.append(lengths == 0, False)), pc.list_flatten(array))
    if pa.types.is_float16(array.type):
        return pa.array(array.to_numpy(zero_copy_only=False).astype(np.float32), mask=np.asarray(array.is_null()))
    return array


def _text(array: pa.Array, need: Need, place: Place, notices: Notices, rows: Optional[np.ndarray] = None) -> pa.Array:
    """Values as text, a whole number always as its integer's."""
    if pa.types.is_floating(array.type):
        return _float_texts(array, need, place, notices, rows)
    if pa.types.is_decimal(array.type):
        return pa.array([None if value is None else _decimal_text(value) for value in array.to_pylist()], pa.string())
    texts = cast(array, pa.string(), need, place, rows)
    if not _is_text(array.type):
        return texts
    # Looked for first in the cheapest way: most columns have none.
    if not pc.any(pc.match_substring(texts, ".0")).as_py():
        return texts
    mended = pc.replace_substring_regex(pc.replace_substring_regex(texts, ZERO, "0"), WHOLE, r"\1")
    changed = np.flatnonzero(pc.fill_null(pc.not_equal(mended, texts), False))
    if not len(changed):
        return texts
    at = int(changed[0])
    notices.add("whole_decimals", need.column, len(changed), f"{texts[at].as_py()} is read as {mended[at].as_py()}")
    return mended


def _float_texts(array: pa.Array, need: Need, place: Place, notices: Notices, rows: Optional[np.ndarray]) -> pa.Array:
    values = array.fill_null(0.0).to_numpy(zero_copy_only=False).astype(np.float64)
    whole = (values == np.floor(values)) & (np.abs(values) < EXACT_BELOW)
    large = np.abs(values) >= EXACT_BELOW
    if large.any():
        notices.add("large_floats", need.column, int(large.sum()), f"such as {values[large].min():.17g}")
    integers = pa.array(np.where(whole, values, 0).astype(np.int64)).cast(pa.string())
    texts = pc.if_else(pa.array(whole), integers, cast(array, pa.string(), need, place, rows))
    return _null_where(array.is_null(), texts)


def _decimal_text(value: Decimal) -> str:
    """``1000`` of 1000.00 and ``1.5`` of 1.50."""
    if value == value.to_integral_value():
        return str(int(value))
    # Not normalize(), which rounds to 28 digits.
    return format(value, "f").rstrip("0")


def _texts(array: pa.Array, need: Need, missing: Sequence[str], place: Place, notices: Notices) -> pa.Array:
    """Values, or lists of values, as lists of texts without missing ones; null where nothing remains."""
    if not _is_list(array.type):
        array = pa.ListArray.from_arrays(pa.array(np.arange(len(array) + 1), pa.int32()), array)
    parents = pc.list_parent_indices(array)
    values = nulled(_plain(pc.list_flatten(array)), missing)
    rows = parents.to_numpy(zero_copy_only=False)
    _check_finite(values, need, place, rows)
    values = nulled(_text(values, need, place, notices, rows), missing)
    kept = np.asarray(values.is_valid())
    counts = np.bincount(rows[kept], minlength=len(array)) if len(values) else np.zeros(len(array), np.int64)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets, mask=np.append(counts == 0, False)), values.drop_null())


def _numbers(
    array: pa.Array, need: Need, missing: Sequence[str], place: Place, notices: Notices, cuts: Cuts
) -> pa.Array:
    """Values as finite float32, on the sides of the cuts that the file's own values are on."""
    if pa.types.is_temporal(array.type):
        raise misfit(array, 0, need, place)
    if _is_text(array.type):
        array = cast(array, pa.string(), need, place)
    values = cast(array, pa.float64(), need, place)
    values = nulled(values, missing)
    _check_finite(values, need, place)
    large = pc.fill_null(pc.greater(pc.abs(values), _FLOAT32_MAX), False)
    if pc.any(large).as_py():
        raise misfit(array, np.flatnonzero(large)[0], need, place, " that float32 can hold")
    known = np.asarray(values.is_valid())
    numbers = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    beyond = np.flatnonzero(np.abs(numbers) >= EXACT_BELOW)
    exact = {int(at): _exact(array[int(at)].as_py()) for at in beyond}
    floats = cuts.round(numbers, exact, single=pa.types.is_float32(array.type))
    _note_merged(numbers[known], floats[known], need, notices)
    return pa.array(floats, pa.float32(), mask=~known)


def _exact(value: Any) -> Any:
    """A number of a file as Python compares it exactly."""
    if not isinstance(value, str):
        return value
    number = Decimal(value)
    return int(number) if number == number.to_integral_value() else number


def _note_merged(numbers: np.ndarray, floats: np.ndarray, need: Need, notices: Notices) -> None:
    """Counts values that rounding makes equal: whole numbers, and others that differ by little of their size."""
    changed = floats.astype(np.float64) != numbers
    if not changed.any():
        return
    whole = (numbers[changed] == np.floor(numbers[changed])).any()
    if not whole and np.ptp(numbers) > np.abs(numbers).max() * 1e-2:
        return
    distinct, first = np.unique(numbers, return_index=True)
    rounded = floats[first]
    merged = np.flatnonzero(rounded[1:] == rounded[:-1])
    if len(merged):
        left, right = distinct[merged[0] : merged[0] + 2]
        notices.add(
            "merged_numbers", need.column, len(merged), f"{left:.17g} and {right:.17g} become {rounded[merged[0]]:.17g}"
        )


def _only_values(array: pa.Array, need: Need, place: Place) -> pa.Array:
    """The one value of each list; null for an empty or null list."""
    counts = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    if counts.size and counts.max() > 1:
        raise misfit(array, np.flatnonzero(counts > 1)[0], need, place, ", alone")
    starts = np.cumsum(counts) - counts
    return pc.list_flatten(array).take(pa.array(starts, pa.int64(), mask=counts == 0))


def _check_finite(array: pa.Array, need: Need, place: Place, rows: Optional[np.ndarray] = None) -> None:
    if pa.types.is_floating(array.type):
        infinite = pc.fill_null(pc.invert(pc.is_finite(array)), False)
        if pc.any(infinite).as_py():
            raise misfit(array, np.flatnonzero(infinite)[0], need, place, rows=rows, note=_NOT_FINITE)


_NOT_FINITE = " (NaN and infinities are not values; list them in `missing` where they mean a missing one)"


def _null_where(condition: pa.Array, array: pa.Array) -> pa.Array:
    return pc.if_else(condition, pa.scalar(None, array.type), array)


def _as_number(mark: str) -> Optional[float]:
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
        or pa.types.is_fixed_size_binary(kind)
    )


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind)
