"""The first rows of the log's files, read and converted by the code that the run will read them with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import batches as reading
from components.interaction_log_gen.reading import files
from components.interaction_log_gen.rows import columns
from components.interaction_log_gen.rows.columns import Need, Plan
from components.interaction_log_gen.settings import (
    InteractionLogGenSettings,
    ReadSettings,
    SourceSettings,
    TimeSplit,
)
from components.interaction_log_gen.values.conversion import Converter, Place
from components.interaction_log_gen.values.notices import Notices
from models.formats.features import SPLITS
from models.formats.listing import listed
from pipeline.settings.config import RunSettings

ROWS = 10_000
# Of each source; a log has as many files as days.
MOST_FILES = 50
# As the evaluation has it (components/batched_evaluation/slices.py, which imports TensorFlow).
MOST_SLICES = 5000


class _Read(NamedTuple):
    """First rows of a file, converted, and whether those are all."""

    columns: dict[Need, pa.Array]
    whole: bool


def problems(
    settings: RunSettings,
    gen: InteractionLogGenSettings,
    plan: Plan,
    sources: Sequence[Sequence[Any]],
    tables: Sequence[Sequence[Any]],
) -> Iterator[str]:
    """A sentence for each file whose first rows cannot be used, and for each column that a split has no value of.

    Args:
      settings: As loaded.
      gen: What the reader of the log depends on.
      plan: Which column is read from where.
      sources: Files of each source.
      tables: Files of each side table.
    """
    convert = Converter(gen)
    for index, looked in enumerate(tables):
        table = gen.log.side_tables[index]
        needs = (Need(columns.table_key(table), "string"), *plan.tables[index])
        for one in _local(looked):
            try:
                _first(one.file.path, one.read, needs, convert)
            except LogError as error:
                yield f"{one.file.key}: {error}"
    empty: dict[str, list[str]] = {}
    for index, looked in enumerate(sources):
        source, read = gen.log.sources[index], []
        for one in _local(looked):
            try:
                read.append(_first(one.file.path, one.read, plan.log, convert))
                _check_times(read[-1], gen, source, one.file.path)
            except LogError as error:
                yield f"{one.file.key}: {error}"
        if len(read) == len(looked) and read and all(part.whole for part in read):
            yield from _without_values(settings, f"log.sources[{index}]", source, read)
            if not any(part.columns for part in read):
                empty.setdefault(str(source.split), []).append(f"log.sources[{index}].files")
        if source.split == "test" and not gen.log.drop_missing and "test" not in gen.log.max_rows:
            yield from _too_many_slices(settings, read)
    yield from _without_rows(gen, empty)


def _without_rows(gen: InteractionLogGenSettings, empty: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Splits of which no source has a row; ``empty`` holds the keys of files without rows by split."""
    divided = any(not isinstance(source.split, str) for source in gen.log.sources)
    for split in SPLITS:
        keys = empty.get(split, [])
        if keys and not divided and len(keys) == sum(source.split == split for source in gen.log.sources):
            yield f"{listed(keys)}: expected rows of split `{split}`. Received: none, the files hold a header alone"


def _local(looked: Sequence[Any]) -> list[Any]:
    """Files whose first rows are read: on this machine, and in a format whose rows are read without TensorFlow."""
    return [one for one in looked if one.columns is not None and not files.is_remote(one.file.path)][:MOST_FILES]


def _first(path: str, read: ReadSettings, needs: Sequence[Need], convert: Converter) -> _Read:
    """The first ``ROWS`` rows of a file, each column as it is needed.

    Raises:
      LogError: A value does not fit, or the file cannot be read.
    """
    parts: dict[Need, list[pa.Array]] = {need: [] for need in needs}
    rows, notices = 0, Notices()
    for batch in reading.read_batches(reading.Unit(0, path), read, [need.column for need in needs], {}, notices):
        if rows + batch.rows > ROWS and rows:
            return _Read(_joined(parts), False)
        place = Place(path, batch.first_row)
        for need in needs:
            parts[need].append(convert(batch.columns[need.column], need, read.missing, place, notices))
        rows += batch.rows
    return _Read(_joined(parts) if rows else {}, True)


def _joined(parts: dict[Need, list[pa.Array]]) -> dict[Need, pa.Array]:
    return {need: pa.concat_arrays(arrays) for need, arrays in parts.items()}


def _check_times(read: _Read, gen: InteractionLogGenSettings, source: SourceSettings, path: str) -> None:
    """Compares the rows' times with the bounds of a split by time.

    Raises:
      LogError: They cannot be compared, or a row that is not dropped has no time.
    """
    if not isinstance(source.split, TimeSplit) or not read.columns:
        return
    import numpy as np

    from components.interaction_log_gen.rows import splitting

    times = read.columns[Need(source.split.column, "raw")]
    complete = np.ones(len(times), bool)
    for name in gen.log.drop_missing:
        column = read.columns.get(Need(name, gen.columns.get(name, "strings")))
        # Of a side table: whether the row is dropped is not known here.
        complete &= False if column is None else np.asarray(column.is_valid())
    splitting.by_time(times, source.split, complete, Place(path, 0))


def _without_values(settings: RunSettings, key: str, source: SourceSettings, read: Sequence[_Read]) -> Iterator[str]:
    """Columns of tasks, groups and clusters that no row of a named split has a value of."""
    if not isinstance(source.split, str):
        return
    named = {task.column: f"tasks[{i}] `{task.name}`" for i, task in enumerate(settings.tasks)}
    named |= {group.column: f"groups[{i}] `{group.name}`" for i, group in enumerate(settings.groups) if group.column}
    if settings.evaluation.cluster is not None:
        named[settings.evaluation.cluster] = "evaluation.cluster"
    for need in read[0].columns:
        rows = sum(len(part.columns[need]) for part in read if part.columns)
        values = sum(len(part.columns[need]) - part.columns[need].null_count for part in read if part.columns)
        if need.column in named and rows and not values:
            yield (
                f"{named[need.column]}: expected a value of column `{need.column}` in split `{source.split}` ({key}). "
                f"Received: none in its {rows:,} rows; correct the files, or `missing`"
            )


def _too_many_slices(settings: RunSettings, read: Sequence[_Read]) -> Iterator[str]:
    """Slices that the first rows of the test split alone make too many, as those of an identifier or a measured number."""
    kinds = settings.column_kinds()
    for index, names in enumerate(settings.evaluation.slices):
        for name in names:
            need = Need(name, kinds[name]) if name in kinds else None
            columns_read = [part.columns[need] for part in read if need in part.columns]
            if need is None or need.kind == "strings" or not columns_read:
                continue
            found = len(pa.chunked_array(columns_read).unique())
            if found > MOST_SLICES:
                yield (
                    f"evaluation.slices[{index}]: expected at most {MOST_SLICES:,} slices. Received: {found:,} values of "
                    f"column `{name}` in the first rows of the test split; slice by a group with `buckets`, or leave it out"
                )
