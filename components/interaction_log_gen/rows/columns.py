"""Which columns a run needs, in which form, and whether the log or a side table has them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Union

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.settings import (
    ColumnKind,
    HashSplit,
    InteractionLogGenSettings,
    SideTableSettings,
    TimeSplit,
)
from models.formats.listing import MOST_COLUMNS, listed, quoted

if TYPE_CHECKING:
    import pyarrow as pa


class Need(NamedTuple):
    """A column and the form it is needed in. ``raw`` keeps the file's own type, for comparing times."""

    column: str
    kind: Union[ColumnKind, Literal["raw"]]


class Plan(NamedTuple):
    """What is read from where.

    Attributes:
      log: needed from the log's files.
      tables: needed from each side table (without its key).
      reserved: column → name of the side table that provides it without having been asked by ``columns``. A log that
        has it too leaves open which one is meant.
    """

    log: tuple[Need, ...]
    tables: tuple[tuple[Need, ...], ...]
    reserved: Mapping[str, str]


def needs(settings: InteractionLogGenSettings) -> list[Need]:
    """Everything that is written, split by or filtered by, each once."""
    found = [Need(name, kind) for name, kind in sorted(settings.columns.items())]
    found += [Need(name, "strings") for name in settings.log.drop_missing if name not in settings.columns]
    for source in settings.log.sources:
        if isinstance(source.split, HashSplit):
            found += [Need(name, "string") for name in source.split.columns or ()]
        elif isinstance(source.split, TimeSplit):
            found.append(Need(source.split.column, "raw"))
    return list(dict.fromkeys(found))


def table_key(table: SideTableSettings) -> str:
    """Name of the key in the table itself."""
    return table.table_key or table.key


def plan(settings: InteractionLogGenSettings, table_columns: Sequence[Sequence[str]]) -> Plan:
    """Decides where each needed column comes from.

    A column that a side table names in ``columns`` comes from there, else from the one side table that has it, else from
    the log. Keys (``key``) come from the log. ``table_columns`` are the columns that each side table's files have.

    Raises:
      LogError: two side tables could provide a column.
    """
    tables = settings.log.side_tables
    wanted = needs(settings)
    keys = {table.key for table in tables}
    owner: dict[str, int] = {}
    reserved: dict[str, str] = {}
    for name in dict.fromkeys(need.column for need in wanted):
        picked = [index for index, table in enumerate(tables) if name in (table.columns or ())]
        offered = [
            index
            for index, table in enumerate(tables)
            if table.columns is None and name in table_columns[index] and name not in keys
        ]
        found = picked or offered
        if len(found) > 1:
            names = " and ".join(f"`{tables[index].name}`" for index in found)
            raise LogError(
                f"column `{name}` should come from one side table. It is in {names}: list in `columns` of each "
                "(log.side_tables) what to take from it"
            )
        if found:
            owner[name] = found[0]
            if not picked:
                reserved[name] = tables[found[0]].name
    log = [need for need in wanted if need.column not in owner] + [Need(table.key, "string") for table in tables]
    return Plan(
        log=tuple(dict.fromkeys(log)),
        tables=tuple(tuple(n for n in wanted if owner.get(n.column) == index) for index in range(len(tables))),
        reserved=reserved,
    )


def check_found(path: str, found: Sequence[str], wanted: Sequence[str], reserved: Mapping[str, str]) -> None:
    """Checks the columns ``found`` in a file.

    Raises:
      LogError: a wanted column is missing, or a side table's column is there too.
    """
    # A set: a file may have thirty thousand columns.
    there = set(found)
    missing = [name for name in wanted if name not in there]
    if missing:
        raise LogError(
            f"{path}: expected column {quoted(missing)}. Columns found: {listed(found, most=MOST_COLUMNS) or 'none'}"
            f"{_alike(missing, found)}"
        )
    check_reserved(path, found, reserved)


def _alike(missing: Sequence[str], found: Sequence[str]) -> str:
    """The names in the file that are closest to those that are missing."""
    pairs = [(name, difflib.get_close_matches(name, found, n=1)) for name in missing[:5]]
    texts = [f"`{close[0]}` for `{name}`" for name, close in pairs if close]
    return f". Perhaps {', '.join(texts)}" if texts else ""


def column(batch: pa.RecordBatch, name: str, path: str) -> pa.Array:
    """The one column of a batch that is called ``name``.

    Raises:
      LogError: there is none, or there are several.
    """
    places = batch.schema.get_all_field_indices(name)
    if len(places) != 1:
        raise LogError(f"{path}: expected column `{name}` once. Received: {len(places)} columns of this name")
    return batch.column(places[0])


def check_reserved(path: str, found: Sequence[str], reserved: Mapping[str, str]) -> None:
    """Checks that no column of the log is one that a side table provides unasked."""
    for name in found:
        if name in reserved:
            raise LogError(
                f"{path}: column `{name}` is both here and in side table `{reserved[name]}`. List in the side table's "
                "`columns` what to take from it"
            )
