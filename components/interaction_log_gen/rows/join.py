"""Side tables: loaded once per worker, looked up by the text of a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

import numpy as np
import pandas as pd
import pyarrow as pa

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import batches as reading
from components.interaction_log_gen.reading import files
from components.interaction_log_gen.rows import columns
from components.interaction_log_gen.rows.columns import Need
from components.interaction_log_gen.settings import InteractionLogGenSettings, LogSettings, SideTableSettings
from components.interaction_log_gen.values.conversion import Converter, Place
from components.interaction_log_gen.values.notices import Notices
from models.formats.listing import listed, quoted

Columns = dict[Need, pa.Array]


class SideTable:
    """A side table in memory.

    Attributes:
      settings: its settings.
      columns: each needed column, of as many values as the table has rows.
      notices: what a person should know of the table.
    """

    def __init__(
        self, settings: SideTableSettings, keys: pa.Array, values: Columns, notices: Optional[Notices] = None
    ) -> None:
        self.settings = settings
        self.columns = values
        self.notices = Notices() if notices is None else notices.about_tables()
        # pandas hashes the keys once; Arrow's index_in would hash the whole table again for each batch.
        self._index = pd.Index(keys.to_numpy(zero_copy_only=False), dtype=object)
        if not self._index.is_unique:
            twice = self._index[self._index.duplicated()][0]
            raise LogError(
                f"side table `{settings.name}`: expected each key once in column `{columns.table_key(settings)}`. "
                f"Received {twice!r} twice or more"
            )

    def join(self, batch: Columns, place: Place, notices: Notices) -> tuple[Columns, int]:
        """The table's columns for each row of the batch, null where it has no match, and the number of such rows.

        Args:
          batch: the log's columns; the key among them as text.
          place: where the batch comes from, for the message.
          notices: is told of a key without a match.

        Raises:
          LogError: a row has no match and the table is ``required``.
        """
        keys = batch[Need(self.settings.key, "string")].dictionary_encode()
        if keys.dictionary.null_count:
            raise AssertionError("Arrow encodes null as a null index")
        found = self._index.get_indexer(pd.Index(keys.dictionary.to_numpy(zero_copy_only=False), dtype=object))
        # One more entry for a row without a key.
        rows = np.append(found, -1)[keys.indices.fill_null(len(found)).to_numpy()]
        misses = rows < 0
        if self.settings.required and misses.any():
            at = int(np.flatnonzero(misses)[0])
            raise LogError(
                f"{place.path}: column `{self.settings.key}`, row {place.first_row + at + 1}: expected a key of side "
                f"table `{self.settings.name}`, which is `required`. Received: {keys[at].as_py()!r}"
            )
        unmatched = np.flatnonzero(found < 0)
        if len(unmatched):
            example = keys.dictionary[int(unmatched[0])].as_py()
            notices.add(
                "unmatched_key", self.settings.name, 1, f"the log has {example!r}, the table {self._index[0]!r}"
            )
        taken = pa.array(rows, mask=misses)
        return {need: array.take(taken) for need, array in self.columns.items()}, int(misses.sum())


def side_table_columns(log: LogSettings) -> list[list[str]]:
    """Columns that each side table's files have.

    Raises:
      LogError: a file lacks the key, or a column that `columns` names; a file has other columns than the first.
    """
    found = []
    for index, table in enumerate(log.side_tables):
        wanted = [columns.table_key(table), *(table.columns or ())]
        names: list[str] = []
        for file in files.side_table_files(log, index):
            here = reading.column_names(file.path, table.read)
            columns.check_found(file.path, here, wanted, {})
            names = names or here
            if set(here) != set(names):
                raise LogError(
                    f"{file.path}: expected the columns of the table's first file. Missing: "
                    f"{quoted(name for name in names if name not in here)}; beside them: "
                    f"{quoted(name for name in here if name not in names)}"
                )
        found.append(names)
    return found


def load(settings: InteractionLogGenSettings, table_needs: Sequence[Sequence[Need]]) -> list[SideTable]:
    """Reads the side tables into memory, only the columns that are needed.

    Raises:
      LogError: a file cannot be read, a row has no key, two have the same, or a value does not fit its kind.
    """
    return [_load(settings, index, needs) for index, needs in enumerate(table_needs)]


def _load(settings: InteractionLogGenSettings, index: int, needs: Sequence[Need]) -> SideTable:
    log = settings.log
    table, convert, notices = log.side_tables[index], Converter(settings), Notices()
    key = Need(columns.table_key(table), "string")
    wanted = list(dict.fromkeys([key, *needs]))
    parts: dict[Need, list[pa.Array]] = {need: [] for need in wanted}
    for file in files.side_table_files(log, index):
        for unit in reading.units(index, file.path, table.read):
            for batch in reading.read_batches(unit, table.read, [need.column for need in wanted], {}, notices):
                place = Place(file.path, batch.first_row)
                for need in wanted:
                    array = convert(batch.columns[need.column], need, table.read.missing, place, notices)
                    if need == key and array.null_count:
                        at = int(np.flatnonzero(array.is_null())[0])
                        raise LogError(
                            f"{file.path}: column `{key.column}`, row {batch.first_row + at + 1}: expected a key of "
                            f"side table `{table.name}`. Received: none"
                        )
                    parts[need].append(array)
    if not parts[key]:
        raise LogError(f"side table `{table.name}`: expected rows. Received: none in {listed(table.files)}")
    whole = {need: pa.concat_arrays(arrays) for need, arrays in parts.items()}
    return SideTable(table, whole[key], {need: whole[need] for need in needs}, notices)
