"""From a batch of the log's file to the rows that are written: convert, join, filter, split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from components.interaction_log_gen.reading import batches as reading
from components.interaction_log_gen.rows import join, splitting
from components.interaction_log_gen.rows.columns import Need, Plan
from components.interaction_log_gen.settings import InteractionLogGenSettings
from components.interaction_log_gen.values.conversion import Converter, Place
from components.interaction_log_gen.values.notices import Notices

# Sampling must not look at the bits that splitting by hash looked at, or a split would be kept whole or not at all.
_SAMPLE_SALT = "max_rows"


class Rows(NamedTuple):
    """Rows ready to be written.

    Attributes:
      columns: the written columns, n values each.
      splits: int8 [n], index into ``models.formats.features.SPLITS``.
      dropped: number of rows left out for a missing value (``drop_missing``).
      misses: number of rows without a match, for each side table.
      notices: what a person should know of these rows.
    """

    columns: dict[Need, pa.Array]
    splits: np.ndarray
    dropped: int
    misses: tuple[int, ...]
    notices: Notices


def written(settings: InteractionLogGenSettings) -> list[Need]:
    """The written columns, sorted by name."""
    return [Need(name, kind) for name, kind in sorted(settings.columns.items())]


def read_rows(
    settings: InteractionLogGenSettings, plan: Plan, tables: Sequence[join.SideTable], unit: reading.Unit
) -> Iterator[Rows]:
    """Yields the rows of a file, or of a part of it, batch by batch.

    Raises:
      LogError: see ``reading``, ``conversion``, ``join`` and ``splitting``.
    """
    source = settings.log.sources[unit.source]
    names = [need.column for need in plan.log]
    convert = Converter(settings)
    notices = Notices().merge(table.notices for table in tables)
    for batch in reading.read_batches(unit, source.read, names, plan.reserved, notices):
        place = Place(unit.path, batch.first_row)
        columns = {
            need: convert(batch.columns[need.column], need, source.read.missing, place, notices) for need in plan.log
        }
        misses = []
        joined: dict[Need, pa.Array] = {}
        for table in tables:
            taken, missed = table.join(columns, place, notices)
            joined.update(taken)
            misses.append(missed)
        columns.update(joined)
        complete = _complete(columns, settings)
        splits = splitting.assign(columns, written(settings), source, complete, place, notices)
        kept = {need: columns[need] for need in written(settings)}
        if not complete.all():
            kept = {need: array.filter(pa.array(complete)) for need, array in kept.items()}
        yield Rows(kept, splits[complete], int((~complete).sum()), tuple(misses), notices.taken())


def sample_hash(columns: Mapping[Need, pa.Array]) -> np.ndarray:
    """uint64 [n] by which ``max_rows`` samples: rows below a bound are kept."""
    return splitting.row_hash(columns, _SAMPLE_SALT)


def _complete(columns: Mapping[Need, pa.Array], settings: InteractionLogGenSettings) -> np.ndarray:
    """bool [n], whether a row has a value in every column of ``drop_missing``."""
    complete = np.ones(len(next(iter(columns.values()))), bool)
    for name in settings.log.drop_missing:
        complete &= np.asarray(columns[Need(name, settings.columns.get(name, "strings"))].is_valid())
    return complete
