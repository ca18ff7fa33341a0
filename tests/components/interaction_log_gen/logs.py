"""Reads whole small logs as the component does, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from components.interaction_log_gen.reading import batches as reading
from components.interaction_log_gen.reading import files
from components.interaction_log_gen.rows import batches as rows
from components.interaction_log_gen.rows import columns, join
from components.interaction_log_gen.settings import InteractionLogGenSettings
from components.interaction_log_gen.values.notices import Notices
from models.formats.features import SPLITS


def log_settings(root: Path, written: Mapping[str, str], **settings: Any) -> InteractionLogGenSettings:
    """Settings of a log of the files ``log*`` in one source; keys of the source and of the log by their names."""
    keys = {"files", "read", "split"}
    source = {"files": ["log*"], "split": "train", **{k: v for k, v in settings.items() if k in keys}}
    log = {"root": str(root), "sources": [source], **{k: v for k, v in settings.items() if k not in keys | {"cuts"}}}
    return InteractionLogGenSettings.model_validate(
        {"log": log, "columns": dict(written), "cuts": settings.get("cuts", {})}
    )


def read_log(settings: InteractionLogGenSettings) -> tuple[list[dict[str, Any]], Notices]:
    """The rows that are written, each with its split under ``split``, in the order of files; and what was noticed."""
    plan = columns.plan(settings, join.side_table_columns(settings.log))
    tables = join.load(settings, plan.tables)
    found: list[dict[str, Any]] = []
    noticed = Notices()
    for source, matched in enumerate(files.log_files(settings.log)):
        for file in matched:
            for unit in reading.units(source, file.path, settings.log.sources[source].read):
                for part in rows.read_rows(settings, plan, tables, unit):
                    table = pa.table({need.column: array for need, array in part.columns.items()}).to_pylist()
                    found += [{**row, "split": SPLITS[split]} for row, split in zip(table, part.splits, strict=True)]
                    noticed.merge([part.notices])
    return found, noticed


def column(settings: InteractionLogGenSettings, name: str) -> list[Any]:
    """One column of the log."""
    return [row[name] for row in read_log(settings)[0]]
