"""Columns of a record batch that hold one value a row at most, and which of them the settings read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.formats.cuts import NO_CUTS, Cuts

ColumnKind = Literal["number", "string"]
Values = Union[np.ndarray, pa.LargeBinaryArray]


@dataclass(frozen=True)
class Column:
    """One value a row, or none.

    Attributes:
        name: The column's name in the examples.
        present: bool [rows], False where the row has no value or an empty text.
        values: [rows], float32 (0 where missing) or a LargeBinaryArray (null where missing).
        cuts: What numbers were kept apart from when they became float32.
    """

    name: str
    present: np.ndarray
    values: Values
    cuts: Cuts = NO_CUTS

    def text(self, row: int) -> str:
        """The value of ``row`` as an error message shows it."""
        value = self.values[row]
        return (
            repr(float(value)) if isinstance(self.values, np.ndarray) else repr(value.as_py().decode(errors="replace"))
        )


def single_values(batch: pa.RecordBatch, name: str, kind: ColumnKind, split: str, cuts: Cuts = NO_CUTS) -> Column:
    """Takes the column ``name`` out of a batch of list columns, as TFX's readers give them.

    Args:
        batch: Record batch whose columns are lists of float32 or of bytes; a null and an empty list are missing values.
        name: Column to take; one that the batch does not have is missing in every row.
        kind: What the column holds.
        split: Named in errors.
        cuts: What the column's numbers were kept apart from.

    Raises:
        ValueError: The column is there twice, is of the other kind, has several values in a row, or holds NaN or an
            infinity.
    """
    rows = batch.num_rows
    places = batch.schema.get_all_field_indices(name)
    if len(places) > 1:
        raise ValueError(
            f"split `{split}`: expected column `{name}` once. Received: {len(places)} columns of this name"
        )
    if not places or pa.types.is_null(batch.schema.types[places[0]]):
        empty = np.zeros(rows, np.float32) if kind == "number" else pa.nulls(rows, pa.large_binary())
        return Column(name, np.zeros(rows, bool), empty, cuts)
    lists = batch.column(places[0])
    expected = pa.float32() if kind == "number" else pa.large_binary()
    if lists.type.value_type != expected:
        raise ValueError(
            f"split `{split}`, column `{name}`: expected a {kind} ({expected}). Received: {lists.type.value_type}"
        )
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    if lengths.max(initial=0) > 1:
        raise ValueError(
            f"split `{split}`, column `{name}`: expected at most one value a row. "
            f"Received: {lists[int(lengths.argmax())].as_py()}"
        )
    present = lengths == 1
    flat = lists.flatten()
    if kind == "number":
        return _numbers(name, present, flat.to_numpy(), split, cuts)
    position = pa.array(np.cumsum(present) - 1, pa.int64(), mask=~present)
    values = flat.take(position)
    filled = pc.not_equal(pc.binary_length(values), 0).fill_null(False).to_numpy(zero_copy_only=False).astype(bool)
    return Column(name, filled, pc.if_else(pa.array(filled), values, pa.scalar(None, pa.large_binary())))


def _numbers(name: str, present: np.ndarray, flat: np.ndarray, split: str, cuts: Cuts) -> Column:
    values = np.zeros(len(present), np.float32)
    values[present] = flat
    finite = np.isfinite(values)
    if not finite.all():
        raise ValueError(
            f"split `{split}`, column `{name}`: expected a finite number, or no value where it is missing. "
            f"Received: {values[~finite][0]} ({int((~finite).sum())} of {len(values)} rows of this batch)"
        )
    return Column(name, present, values, cuts)
