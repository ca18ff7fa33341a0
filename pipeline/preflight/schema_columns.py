"""The schema beside the log: whether it can be read, and whether it has the columns that the run's statistics will see."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.schema import columns
from pipeline.schema.file import SchemaError, read
from pipeline.settings.config import RunSettings


def unreadable(settings: RunSettings, config: Path) -> Iterator[str]:
    """A sentence where the schema of this machine is missing, or is none."""
    if "://" in settings.data_schema:
        return
    path = Path(settings.data_schema)
    if not path.is_file():
        yield f"data_schema: expected a file at {path}. Received: none; {_command(config)} drafts one"
        return
    try:
        read(path)
    except SchemaError as error:
        yield f"data_schema: {error}. Correct it, or delete the file: {_command(config)} then drafts it anew"


def problems(settings: RunSettings, config: Path) -> Iterator[str]:
    """A sentence where a schema that can be read does not have the run's columns."""
    if "://" in settings.data_schema:
        return
    found = columns.differences(read(Path(settings.data_schema)).schema, settings)
    parts = list(columns.sentences(found))
    if parts:
        yield (
            f"data_schema: {settings.data_schema} does not fit these settings: it {'; it '.join(parts)}. "
            f"{_command(config)} brings it up to date and keeps what you edited"
        )


def _command(config: Path) -> str:
    return f"`make schema CONFIG={config}`"
