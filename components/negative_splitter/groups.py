"""Values of the group keys: mapped texts, bands of numbers, and crossings of both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from components.negative_splitter.columns import Column
from components.negative_splitter.settings import GroupSettings
from models.formats.features import UNKNOWN_GROUP
from models.formats.listing import listed

CROSS_SEPARATOR = " x "

# The separator's sign where it is a word, and that word with backslashes before it.
_SEPARATOR_WORD = re.compile(r"(?<![^ ])(?=\\*x(?![^ ]))")


@dataclass(frozen=True)
class GroupValues:
    """A group's value in every row, as codes.

    Attributes:
        codes: int64 [rows], positions in ``names``.
        names: The values that occur among the rows or may occur, ascending, each once; ``UNKNOWN_GROUP`` is one of them
            where a value is missing.
    """

    codes: np.ndarray
    names: tuple[str, ...]


def band_labels(buckets: Sequence[float]) -> tuple[str, ...]:
    """Names of the bands that ``buckets`` cut: [18, 30] gives "<18", "18-30" (30 left out) and ">=30"."""
    cuts = [str(int(cut)) if float(cut).is_integer() else repr(float(cut)) for cut in buckets]
    return (f"<{cuts[0]}", *(f"{low}-{high}" for low, high in pairwise(cuts)), f">={cuts[-1]}")


def group_values(groups: Sequence[GroupSettings], columns: Mapping[str, Column], split: str) -> dict[str, GroupValues]:
    """Values of all group keys in the order of ``groups``, in which crossings come after their parts.

    Args:
        groups: Settings of the groups.
        columns: The columns that they read.
        split: Named in errors.

    Raises:
        ValueError: A value that ``values`` does not list, where the group names no ``other``; or a text that is not UTF-8.
    """
    found: dict[str, GroupValues] = {}
    crossings = {group.name for group in groups if group.cross is not None}
    for group in groups:
        if group.cross is not None:
            found[group.name] = _cross([_part(found[part], part in crossings) for part in group.cross])
        elif group.buckets is not None:
            found[group.name] = _bands(group, columns[str(group.column)])
        else:
            found[group.name] = _texts(group, columns[str(group.column)], split)
    return found


def _canonical(codes: np.ndarray, names: Sequence[str]) -> GroupValues:
    """Merges equal names and sorts them, so that neither depends on the batch's order."""
    unique, position = np.unique(np.asarray(names, dtype=object), return_inverse=True)
    return GroupValues(position.astype(np.int64)[codes], tuple(unique))


def _bands(group: GroupSettings, column: Column) -> GroupValues:
    assert group.buckets is not None
    names = (*(group.labels or band_labels(group.buckets)), UNKNOWN_GROUP)
    # In the floats that stand for them, or a value equal to a cut could fall below it.
    stored = np.array([column.cuts.stored(cut) for cut in group.buckets], np.float32)
    band = np.searchsorted(stored, column.values, side="right")
    return _canonical(np.where(column.present, band, len(names) - 1), names)


def _texts(group: GroupSettings, column: Column, split: str) -> GroupValues:
    assert not isinstance(column.values, np.ndarray)
    encoded = column.values.dictionary_encode()
    names = [_name(group, value, column, split) for value in encoded.dictionary.to_pylist()]
    codes = encoded.indices.cast(pa.int64()).fill_null(len(names)).to_numpy(zero_copy_only=False)
    return _canonical(codes, [*names, UNKNOWN_GROUP])


def _name(group: GroupSettings, value: bytes, column: Column, split: str) -> str:
    where = f"group `{group.name}`, column `{column.name}`, split `{split}`"
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: expected UTF-8 text. Received: {value!r}") from error
    if group.values is None or text in group.values:
        return text if group.values is None else group.values[text]
    if group.other is None:
        known = listed(map(repr, sorted(group.values)))
        raise ValueError(
            f"{where}: the value {text!r} is not among `values` ({known}); list it, or name a "
            f"group for all that are not listed with `other` (`other: {UNKNOWN_GROUP}` keeps them out of every gap)"
        )
    return group.other


def _part(values: GroupValues, is_crossing: bool) -> GroupValues:
    """``values`` as a crossing holds them; the parts of one that is crossed again are what it is made of."""
    return values if is_crossing else GroupValues(values.codes, tuple(cross_part(name) for name in values.names))


def cross_part(name: str) -> str:
    """A value as it stands in a crossing: a word ``x`` in it gets a backslash, so that it is no separator.

    Words are what stands between single spaces. In the text of a crossing those that are ``x`` are its separators, and of
    each other word ``\\x``, ``\\\\x`` and so on one backslash is to be taken away: different values give different texts.

    Example:
      >>> cross_part("4 x 4")
      '4 \\\\x 4'
    """
    return _SEPARATOR_WORD.sub(r"\\", name)


def _cross(parts: Sequence[GroupValues]) -> GroupValues:
    codes = np.stack([part.codes for part in parts], axis=1)
    cells, position = np.unique(codes, axis=0, return_inverse=True)
    names = []
    for cell in cells:
        values = [part.names[code] for part, code in zip(parts, cell, strict=True)]
        names.append(UNKNOWN_GROUP if UNKNOWN_GROUP in values else CROSS_SEPARATOR.join(values))
    return _canonical(position, names)
