"""Reads times from what files and settings write, so that they are compared as times and not by their letters.

A time is a whole number of nanoseconds: since 1970 in UTC where an offset from UTC is stated, of the wall clock's time since
1970 where none is.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Optional, Union

import numpy as np

from components.interaction_log_gen.errors import LogError

if TYPE_CHECKING:
    import pyarrow as pa

    from components.interaction_log_gen.settings import TimeSplit
    from components.interaction_log_gen.values.conversion import Place

# Nanoseconds of each unit.
UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_MONTH = re.compile(r"\d{4}-\d{2}")
_ISO = "an ISO 8601 time, such as 2024-01-06, 2024-01-06T10:00:00 or 2024-01-06T10:00:00+02:00"


class Bound(NamedTuple):
    """A bound of a split by time: a number, or a time in nanoseconds and whether an offset from UTC was stated."""

    kind: Literal["number", "time"]
    value: Union[int, float]
    zoned: bool = False


class _Times(NamedTuple):
    """A column's times: values [n] in units of ``unit`` nanoseconds, and whether an offset from UTC was stated."""

    values: np.ndarray
    unit: int
    zoned: bool

    def reach(self, nanoseconds: int) -> np.ndarray:
        """Whether each value is ``nanoseconds`` or more: bool [n]."""
        if self.values.dtype == np.float64:
            return self.values >= nanoseconds / self.unit
        # The least whole number of units that is not below the bound.
        return self.values >= -(-nanoseconds // self.unit)


def bound(given: Union[int, float, str], form: Optional[str], unit: Optional[str]) -> Bound:
    """Reads a bound.

    Args:
      given: As the settings have it: a number, or a text that holds a number or a time.
      form: How times are written, as in strptime; ISO 8601 where None, and where the bound is not written so.
      unit: Of numbers that count from 1970; None where numbers are just numbers.

    Raises:
      ValueError: The text is neither.
    """
    number = given
    if isinstance(given, str):
        if form is not None:
            found = _by_format([given], form)
            if found[0][0] is not None:
                return Bound("time", int(found[0][0]), found[1])
        if not _NUMBER.fullmatch(given.strip()):
            return _iso_bound(given, form)
        number = float(given) if "." in given else int(given)
    assert not isinstance(number, str)
    if unit is None:
        return Bound("number", number)
    return Bound("time", number * UNITS[unit] if isinstance(number, int) else round(number * UNITS[unit]), True)


def _iso_bound(text: str, form: Optional[str]) -> Bound:
    import pyarrow as pa

    text = text.strip()
    times = _iso(pa.array([f"{text}-01" if _MONTH.fullmatch(text) else text]))
    if times is None:
        written = f"a time written as `format` {form!r} says, or {_ISO}" if form is not None else f"a number, or {_ISO}"
        raise ValueError(f"should be {written}. Received: {text!r}")
    return Bound("time", int(times.values[0]) * times.unit, times.zoned)


def check_zone(zone: str) -> None:
    """Checks that there is a time zone of this name.

    Raises:
      ValueError: There is none.
    """
    import pandas as pd

    try:
        pd.Timestamp(0, tz=zone)
    except Exception as error:  # Which error it is hangs on the library that pandas asks.
        raise ValueError(f"`zone` should be a time zone such as Europe/Berlin or UTC. Received: {zone!r}") from error


def by_time(column: pa.Array, split: TimeSplit, place: Place) -> np.ndarray:
    """Which part of a split by time each value falls into: int8 [n], 0 before the first bound, 1, or 2 from the second on.

    A null falls into 0; whether there may be one is the caller's affair.

    Args:
      column: as the file has it: text, numbers, dates or timestamps.
      split: the bounds, and how times are read.
      place: where the values come from, for messages.

    Raises:
      LogError: a value is none of what the bounds are, or one side states an offset from UTC and the other does not.
    """
    bounds = [split.bound("validation_from"), split.bound("test_from")]
    known = np.asarray(column.is_valid())
    values = column.drop_null()
    rows = np.flatnonzero(known)
    result = np.zeros(len(column), np.int8)
    if bounds[0].kind == "number":
        numbers = _numbers(
            values, split, place, rows, f"a number, as `validation_from` ({split.validation_from!r}) is one"
        )
        result[known] = sum((numbers >= each.value).astype(np.int8) for each in bounds)
        return result
    times = _times(values, split, place, rows)
    result[known] = sum(times.reach(_aligned(each, times, split, place)).astype(np.int8) for each in bounds)
    return result


def _times(values: pa.Array, split: TimeSplit, place: Place, rows: np.ndarray) -> _Times:
    import pyarrow as pa

    kind = values.type
    if split.unit is not None:
        return _Times(
            _numbers(values, split, place, rows, f"a number of {split.unit} since 1970"), UNITS[split.unit], True
        )
    if pa.types.is_date(kind):
        values = values.cast(pa.timestamp("s" if pa.types.is_date32(kind) else "ms"))
        kind = values.type
    if pa.types.is_timestamp(kind):
        return _Times(values.cast(pa.int64()).to_numpy(zero_copy_only=False), UNITS[kind.unit], kind.tz is not None)
    if not _is_text(kind):
        raise LogError(
            f"{place.path}: column `{split.column}` holds {kind} where `validation_from` is the time "
            f"{split.validation_from!r}: expected times. Where they are numbers since 1970, say `unit: s` or `unit: ms` in "
            "`split`; where they are just numbers, write the bounds as numbers"
        )
    texts = _utf8(values, split, place)
    if split.format is not None:
        return _formatted(texts, split, place, rows)
    times = _iso(texts)
    if times is None:
        at = _first(texts, lambda part: _iso(part) is None)
        alone = _iso(texts.slice(at, 1)) is not None
        hint = (
            "with an offset from UTC in all rows or in none"
            if alone
            else "or `format` in `split` that says how it is written"
        )
        raise _misfit(texts[at].as_py(), split, place, rows[at], f"{_ISO}, {hint}")
    return times


def _formatted(texts: pa.Array, split: TimeSplit, place: Place, rows: np.ndarray) -> _Times:
    encoded = texts.dictionary_encode()
    moments, zoned = _by_format(encoded.dictionary.to_pylist(), str(split.format))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    wrong = np.array([moment is None for moment in moments], bool)
    if wrong.any():
        at = int(np.flatnonzero(wrong[codes])[0])
        raise _misfit(texts[at].as_py(), split, place, rows[at], f"a time written as `format` {split.format!r} says")
    return _Times(np.array(moments, np.int64)[codes], 1, zoned)


def _by_format(texts: list[str], form: str) -> tuple[list[Optional[int]], bool]:
    """Nanoseconds of each text, None where it is not written as ``form`` says; whether the form states an offset.

    Python's own strptime: pandas takes any ISO 8601 text for one that is written as a form of that kind.
    """
    zoned = "%z" in form
    since = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc if zoned else None)
    found: list[Optional[int]] = []
    for text in texts:
        try:
            found.append((datetime.datetime.strptime(text, form) - since) // datetime.timedelta(microseconds=1) * 1000)
        except ValueError:
            found.append(None)
    return found, zoned


def _iso(texts: pa.Array) -> Optional[_Times]:
    """ISO 8601 times, all with an offset from UTC or all without; None where one is no such time."""
    import pyarrow as pa

    for zone in (None, "UTC"):
        for unit in ("us", "ns"):
            try:
                times = texts.cast(pa.timestamp(unit, zone))
            except pa.ArrowInvalid:
                continue
            values = times.cast(pa.int64()).to_numpy(zero_copy_only=False)
            # Arrow lets years beyond 1677 to 2262 overflow in nanoseconds.
            if unit == "us" or _in_nanoseconds(texts):
                return _Times(values, UNITS[unit], zone is not None)
    return None


def _in_nanoseconds(texts: pa.Array) -> bool:
    years = [int(text[:4]) for text in texts.to_pylist() if text]
    return all(1678 <= year <= 2261 for year in years)


def _aligned(each: Bound, times: _Times, split: TimeSplit, place: Place) -> int:
    """The bound in the column's own reckoning: with an offset from UTC, or by the wall clock."""
    import pandas as pd

    moment = int(each.value)
    if each.zoned == times.zoned:
        return moment
    if split.zone is None:
        which = ("states no offset from UTC", "do") if each.zoned else ("states an offset from UTC", "do not")
        raise LogError(
            f"{place.path}: column `{split.column}` {which[0]} and the bounds of `split` {which[1]} "
            f"({split.validation_from!r}, {split.test_from!r}): expected both alike. Say `zone` in `split` (such as UTC or "
            "Europe/Berlin), or write the bounds as the column is"
        )
    if each.zoned:
        return int(pd.Timestamp(moment, tz="UTC").tz_convert(split.zone).tz_localize(None).value)
    try:
        return int(pd.Timestamp(moment).tz_localize(split.zone).value)
    except Exception as error:  # The clock is put forward or back at this time.
        raise LogError(
            f"`split`: the bound {pd.Timestamp(moment)} should be one moment in `zone` {split.zone}. Received: {error}; "
            "write it with its offset from UTC"
        ) from error


def _numbers(values: pa.Array, split: TimeSplit, place: Place, rows: np.ndarray, expected: str) -> np.ndarray:
    """int64 [n] where all values are whole, float64 [n] otherwise."""
    import pyarrow as pa

    kind = values.type
    if _is_text(kind):
        values = _utf8(values, split, place)
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise LogError(
            f"{place.path}: column `{split.column}` holds {kind}: expected {expected}. Write the bounds of `split` as the "
            "column is"
        )
    for to in (pa.int64(), pa.float64()):
        try:
            found = values.cast(to, safe=not pa.types.is_integer(kind) or to == pa.int64())
        except pa.ArrowInvalid:
            continue
        array = found.to_numpy(zero_copy_only=False)
        if to == pa.int64() or np.isfinite(array).all():
            return array
        raise _misfit(array[~np.isfinite(array)][0], split, place, rows[int(np.argmin(np.isfinite(array)))], expected)

    def fails(part: pa.Array) -> bool:
        try:
            part.cast(pa.float64())
        except pa.ArrowInvalid:
            return True
        return False

    at = _first(values, fails)
    raise _misfit(values[at].as_py(), split, place, rows[at], expected)


def _utf8(values: pa.Array, split: TimeSplit, place: Place) -> pa.Array:
    import pyarrow as pa

    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid as error:
        raise LogError(f"{place.path}: column `{split.column}`: expected UTF-8 text. Received: {error}") from error


def _first(values: pa.Array, fails: Any) -> int:
    """Index of the first value that makes a beginning of the array fail, by bisection."""
    low, high = 1, len(values)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(values.slice(0, middle)) else (middle + 1, high)
    return low - 1


def _misfit(value: Any, split: TimeSplit, place: Place, row: int, expected: str) -> LogError:
    return LogError(
        f"{place.path}: column `{split.column}`, row {place.first_row + int(row) + 1:,}: expected {expected}. "
        f"Received: {value!r}"
    )


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return any(
        test(kind)
        for test in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )
