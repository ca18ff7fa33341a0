"""The log's files and columns, looked at before anything runs: by headers and schemas, and by the first rows."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Optional

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import batches as reading
from components.interaction_log_gen.reading import files
from components.interaction_log_gen.reading.files import MatchedFile
from components.interaction_log_gen.rows import columns
from components.interaction_log_gen.rows.columns import Plan
from components.interaction_log_gen.settings import (
    HashSplit,
    InteractionLogGenSettings,
    LogSettings,
    ReadSettings,
    TimeSplit,
)
from models.formats.listing import MOST_COLUMNS, listed
from pipeline.preflight import first_rows, remote_places
from pipeline.settings.config import RunSettings

# Of a log elsewhere, so many files a source are looked at.
MOST_REMOTE_FILES = 5
# Of one kind of problem; more would be the same once again.
_MOST_PROBLEMS = 5
# What separates cells in most files.
_SEPARATORS = ",;\t|"

Match = Callable[[LogSettings, int], list[MatchedFile]]


class LookedAt(NamedTuple):
    """A file, how it is read, and its columns; None of TFRecords, which tell them only when all records are read."""

    file: MatchedFile
    read: ReadSettings
    columns: Optional[list[str]]


def problems(settings: RunSettings) -> Iterator[str]:
    """A sentence for each file that is missing or cannot be read, and for each column that is missing or of no use."""
    unreachable = list(remote_places.problems(settings))
    if unreachable:
        yield from unreachable
        return
    gen = settings.log_gen()
    found: list[str] = []
    tables = [_looked_at(files.side_table_files, gen.log, i, t.read, found) for i, t in enumerate(gen.log.side_tables)]
    sources = [_looked_at(files.source_files, gen.log, i, s.read, found) for i, s in enumerate(gen.log.sources)]
    if not found:
        try:
            files.log_files(gen.log)
        except LogError as error:
            found.append(str(error))
    yield from found
    table_columns = [_table_columns(looked) for looked in tables]
    yield from (sentence for i, looked in enumerate(tables) for sentence in _of_table(gen, i, looked))
    if any(names is None for names in table_columns):
        return
    try:
        plan = columns.plan(gen, [names or () for names in table_columns])
    except LogError as error:
        yield f"log.side_tables: {error}"
        return
    elsewhere = {
        f"{name}` of side table `{table.name}": name
        for table, names in zip(gen.log.side_tables, table_columns, strict=True)
        for name in names or ()
    }
    lacking = list(_of_log([one for looked in sources for one in looked], plan, _uses(settings), elsewhere))
    yield from _cut(lacking)
    if not found and not lacking:
        yield from _cut(first_rows.problems(settings, gen, plan, sources, tables))


def _looked_at(match: Match, log: LogSettings, index: int, read: ReadSettings, found: list[str]) -> list[LookedAt]:
    """The files of a source or side table with their columns; what cannot be read is told in ``found``."""
    looked: list[LookedAt] = []
    try:
        matched = match(log, index)
    except LogError as error:
        found.append(str(error))
        return looked
    remote = [file for file in matched if files.is_remote(file.path)]
    local = [file for file in matched if not files.is_remote(file.path)]
    for file in local + remote[:MOST_REMOTE_FILES]:
        try:
            one = LookedAt(file, read, _columns(file.path, read))
            otherwise = list(_other_separator(one))
            found += otherwise
            looked += [] if otherwise else [one]
        except LogError as error:
            found.append(f"{file.key}: {error}")
    return looked


def _other_separator(one: LookedAt) -> Iterator[str]:
    """Tells of a file whose header is one column under the stated separator, and several under another one."""
    if one.columns is None or len(one.columns) != 1 or one.read.format != "csv" or not one.read.header:
        return
    sign = max(_SEPARATORS, key=one.columns[0].count)
    if sign in one.columns[0]:
        yield (
            f"{one.file.key}: {one.file.path}: expected columns separated by {one.read.separator!r}. Received: one column, "
            f"{one.columns[0][:80]!r}; say `separator: {json.dumps(sign)}` in `read`"
        )


def _columns(path: str, read: ReadSettings) -> Optional[list[str]]:
    """Columns of a file; None of TFRecords, of which only all records together tell.

    Raises:
      LogError: It cannot be read.
    """
    if read.format != "tfrecord":
        return reading.column_names(path, read)
    reading.check_records(path)
    return None


def _table_columns(looked: Sequence[LookedAt]) -> Optional[list[str]]:
    """Columns of a side table; None where they are not known."""
    return looked[0].columns if looked else None


def _of_table(gen: InteractionLogGenSettings, index: int, looked: Sequence[LookedAt]) -> Iterator[str]:
    table = gen.log.side_tables[index]
    wanted = {columns.table_key(table): "table_key" if table.table_key else "key"}
    wanted |= {name: f"columns[{number}]" for number, name in enumerate(table.columns or ())}
    for one in looked:
        if one.columns is None:
            continue
        for name, key in wanted.items():
            if name not in one.columns:
                yield _missing([one], name, [f"log.side_tables[{index}].{key}"], {})
        other = looked[0].columns
        if other is not None and set(one.columns) != set(other):
            yield (
                f"log.side_tables[{index}].files: {one.file.path}: expected the columns of {looked[0].file.path}, "
                f"{_listed(other)}. Columns found: {_listed(one.columns)}"
            )


def _of_log(
    looked: Sequence[LookedAt], plan: Plan, uses: Mapping[str, Sequence[str]], elsewhere: Mapping[str, str]
) -> Iterator[str]:
    """What files of the log lack, column by column, and columns that a side table has too."""
    known = [one for one in looked if one.columns is not None]
    for name in dict.fromkeys(need.column for need in plan.log):
        without = [one for one in known if name not in (one.columns or ())]
        if without:
            yield _missing(without, name, uses.get(name, []), elsewhere)
    for one in known:
        try:
            columns.check_reserved(one.file.path, one.columns or [], plan.reserved)
        except LogError as error:
            yield f"log.side_tables: {error}"


def _missing(without: Sequence[LookedAt], name: str, uses: Sequence[str], elsewhere: Mapping[str, str]) -> str:
    """The sentence on a column that files lack.

    Args:
      without: The files.
      name: The column.
      uses: The keys that need it.
      elsewhere: Other columns that may be meant, by how they are called.
    """
    found = without[0].columns or []
    names = {name: name for name in found} | dict(elsewhere)
    close = difflib.get_close_matches(name.lower(), [text.lower() for text in names.values()], n=1)
    near = next((called for called, text in names.items() if close and text.lower() == close[0]), None)
    more = f" and {len(without) - 1} more files" if len(without) > 1 else ""
    more += " (side tables have it neither)" if elsewhere else ""
    return (
        f"{', '.join(uses[:3]) or without[0].file.key}: expected column `{name}` in {without[0].file.path}{more}. "
        f"Columns found: {_listed(found)}; " + (f"did you mean `{near}`?" if near else "correct the name, or the file")
    )


def _listed(names: Sequence[str]) -> str:
    return listed(names, most=MOST_COLUMNS) or "none"


def _uses(settings: RunSettings) -> dict[str, list[str]]:
    """Column → the keys of the YAML file that need it."""
    uses: dict[str, list[str]] = {}

    def use(column: Optional[str], key: str) -> None:
        if column is not None:
            uses.setdefault(column, []).append(key)

    for i, feature in enumerate(settings.features.inputs):
        use(feature.name, f"features.inputs[{i}]")
    for i, task in enumerate(settings.tasks):
        use(task.column, f"tasks[{i}].column")
    for i, group in enumerate(settings.groups):
        use(group.column, f"groups[{i}].column")
    use(settings.evaluation.cluster, "evaluation.cluster")
    for i, names in enumerate(settings.evaluation.slices):
        for name in names:
            use(name, f"evaluation.slices[{i}]")
    for i, source in enumerate(settings.log.sources):
        if isinstance(source.split, HashSplit):
            for name in source.split.columns or ():
                use(name, f"log.sources[{i}].split.columns")
        elif isinstance(source.split, TimeSplit):
            use(source.split.column, f"log.sources[{i}].split.column")
    for i, name in enumerate(settings.log.drop_missing):
        use(name, f"log.drop_missing[{i}]")
    for i, table in enumerate(settings.log.side_tables):
        use(table.key, f"log.side_tables[{i}].key")
    return uses


def _cut(sentences: Sequence[str] | Iterator[str]) -> Iterator[str]:
    """At most so many sentences, and how many more there are."""
    listed = list(sentences)
    yield from listed[:_MOST_PROBLEMS]
    if len(listed) > _MOST_PROBLEMS:
        yield f"and {len(listed) - _MOST_PROBLEMS} more of the kind"
