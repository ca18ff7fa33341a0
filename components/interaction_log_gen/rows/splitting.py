"""Which split each row falls into: by a hash of columns, or by time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.rows.columns import Need
from components.interaction_log_gen.settings import HashSplit, SourceSettings, TimeSplit
from components.interaction_log_gen.values import times
from components.interaction_log_gen.values.conversion import Place
from components.interaction_log_gen.values.notices import Notices
from models.formats.features import SPLITS

# What other tools write for a missing value, in small letters.
_MARKS = pa.array(["nan", "null", "none", "na", "n/a", "<na>", "\\n", "nil", "undefined", "missing"])
_NULL = np.uint64(0x9E3779B97F4A7C15)


def assign(
    columns: Mapping[Need, pa.Array],
    written: Sequence[Need],
    source: SourceSettings,
    complete: np.ndarray,
    place: Place,
    notices: Notices,
) -> np.ndarray:
    """Index into ``SPLITS`` of each row.

    Args:
      columns: the batch.
      written: the columns that are written, which `by: hash` takes where it names none, or a row has none of those named.
      source: says how its rows are split.
      complete: bool [n], false where a row is going to be dropped and so needs no time.
      place: where the rows come from, for the messages.
      notices: is told of rows without a value to split by.

    Returns:
      int8 array of shape [n].

    Raises:
      LogError: a row's time is missing or cannot be compared with the bounds.
    """
    if isinstance(source.split, str):
        return np.full(len(complete), SPLITS.index(source.split), np.int8)
    if isinstance(source.split, TimeSplit):
        return by_time(columns[Need(source.split.column, "raw")], source.split, complete, place)
    whole = {need: columns[need] for need in written}
    if source.split.columns is None:
        return by_hash(whole, source.split)
    keys = {Need(name, "string"): columns[Need(name, "string")] for name in source.split.columns}
    # Rows without any key would all fall into one split.
    keyless = np.logical_and.reduce([np.asarray(array.is_null()) for array in keys.values()])
    names = " and ".join(f"`{name}`" for name in source.split.columns)
    notices.add("no_split_key", names, int((keyless & complete).sum()), "")
    for need, array in keys.items():
        marks = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(array)), value_set=_MARKS)
        notices.add("mark_as_key", need.column, int(pc.sum(marks).as_py() or 0), repr(_first(array, marks)))
    return np.where(keyless, by_hash(whole, source.split), by_hash(keys, source.split))


def _first(array: pa.Array, chosen: pa.Array) -> Any:
    at = pc.index(chosen, True).as_py()
    return array[at].as_py() if at >= 0 else None


def by_hash(columns: Mapping[Need, pa.Array], split: HashSplit) -> np.ndarray:
    """Split of each row by the row's hash: equal values fall into one split, whatever the batch, file or worker.

    Row i goes to the first split whose cumulated fraction exceeds hash(i) / 2⁶⁴.
    """
    names = [name for name in SPLITS if name in split.fractions]
    bounds = np.cumsum([split.fractions[name] for name in names])
    # The top 53 bits, which float64 holds exactly.
    uniform = (row_hash(columns, split.salt) >> np.uint64(11)) * 2.0**-53
    at = np.minimum(np.searchsorted(bounds, uniform, side="right"), len(names) - 1)
    return np.array([SPLITS.index(name) for name in names], np.int8)[at]


def row_hash(columns: Mapping[Need, pa.Array], salt: str) -> np.ndarray:
    """A hash of each row's values, independent of the columns' order: uint64 array of shape [n].

    Texts go through SipHash keyed by ``salt`` (pandas.util.hash_array), numbers by their float32 bits.
    """
    key = hashlib.blake2b(salt.encode(), digest_size=8).hexdigest()
    total: Optional[np.ndarray] = None
    for need in sorted(columns):
        hashes = _hash(columns[need], key)
        total = _mix(hashes if total is None else total * np.uint64(31) + hashes)
    if total is None:
        raise ValueError("a row's hash needs at least one column")
    return _mix(total ^ np.frombuffer(bytes.fromhex(key), np.uint64)[0])


def by_time(column: pa.Array, split: TimeSplit, complete: np.ndarray, place: Place) -> np.ndarray:
    """Split of each row by its time: train < ``validation_from`` ≤ validation < ``test_from`` ≤ test.

    Raises:
      LogError: a row has no time, or one that is not what the bounds are.
    """
    timeless = np.asarray(column.is_null()) & complete
    if timeless.any():
        at = int(np.flatnonzero(timeless)[0])
        raise LogError(
            f"{place.path}: column `{split.column}`, row {place.first_row + at + 1}: expected a time to split by. "
            "Received: a missing value"
        )
    if not complete.all():
        column = pc.if_else(pa.array(complete), column, pa.scalar(None, column.type))
    return times.by_time(column, split, place)


def _hash(array: pa.Array, key: str) -> np.ndarray:
    """Hash of each value: uint64 array of shape [n]."""
    if pa.types.is_list(array.type):
        return _hash_lists(array, key)
    if pa.types.is_floating(array.type):
        # + 0.0 makes one zero of two.
        values = array.fill_null(0.0).to_numpy(zero_copy_only=False).astype(np.float32) + np.float32(0.0)
        hashes = _mix(values.view(np.uint32).astype(np.uint64))
    else:
        encoded = array.dictionary_encode()
        texts = encoded.dictionary.to_numpy(zero_copy_only=False)
        hashed = pd.util.hash_array(texts, hash_key=key, categorize=False) if len(texts) else np.zeros(0, np.uint64)
        hashes = np.append(hashed, _NULL)[encoded.indices.fill_null(len(hashed)).to_numpy()]
    return np.where(np.asarray(array.is_null()), _NULL, hashes)


def _hash_lists(array: pa.Array, key: str) -> np.ndarray:
    """Hash of each list: the sum over its values of their hash mixed with their place in it."""
    parents = pc.list_parent_indices(array).to_numpy(zero_copy_only=False)
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    places = np.arange(len(parents)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    mixed = _mix(_hash(pc.list_flatten(array), key) + places.astype(np.uint64) * _NULL)
    total = np.zeros(len(array), np.uint64)
    np.add.at(total, parents, mixed)
    return np.where(lengths == 0, _NULL, total)


def _mix(values: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64: every bit of the input moves every bit of the output."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
