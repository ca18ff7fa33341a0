"""What `make schema` does: a draft from a process of its own, which is written, or merged into the schema that is there."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from pipeline.running.places import EVENTS_VARIABLE, new_log, run_folder
from pipeline.running.provenance import ROOT
from pipeline.running.shown_process import run_shown
from pipeline.running.stopping import Stopped
from pipeline.schema.columns import renamed_groups
from pipeline.schema.file import SchemaError, SchemaFile, parse, read
from pipeline.schema.merging import merge
from pipeline.settings.config import ConfigError, RunSettings
from pipeline.showing.commands import UNUSABLE
from pipeline.showing.console import fail

FAILED = 1


class DraftError(RuntimeError):
    """There is no new schema; the message says why."""


def run(settings: RunSettings, config: Path, console: Console) -> int:
    """Drafts the schema, showing the stages, and writes what comes of it.

    Args:
      settings: As loaded.
      config: The YAML file.
      console: Where stages and changes are shown.

    Returns:
      The command's exit code.
    """
    start = time.time()
    try:
        there = _there(settings)
    except ConfigError as error:
        fail(console, "cannot run:", f"{config}: {error}")
        return UNUSABLE
    log = new_log(run_folder(settings).logs, "schema")
    console.print(Text.assemble("schema of ", (settings.dataset, "bold"), f" · settings {config} · log {_short(log)}"))
    try:
        _write(settings, _drafted(config, log, console), there, console)
    except DraftError as error:
        fail(console, "\nno schema", f"after {time.time() - start:.0f} s: {error}")
        console.print(f"the whole log: {_short(log)}")
        return FAILED
    except Stopped as stopped:
        console.print(
            f"\n{stopped} after {time.time() - start:.0f} s; {_short(Path(settings.data_schema))} is as it was"
        )
        return stopped.exit_code
    console.print(f"took {time.time() - start:.0f} s")
    return 0


def _there(settings: RunSettings) -> SchemaFile | None:
    """The schema that is there, or None; refuses what could not be written at the end.

    Raises:
      ConfigError: The schema's place is not of this machine or cannot be written, or what is there is no schema.
    """
    if "://" in settings.data_schema:
        raise ConfigError(
            "data_schema: `make schema` writes a file of this machine. "
            f"Received: {settings.data_schema}; name a file here, and copy it there when you have read it"
        )
    path = Path(settings.data_schema)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigError(f"data_schema: expected a folder that can be written. Received: {path.parent}")
    if not os.path.lexists(path):
        return None
    try:
        return read(path)
    except SchemaError as error:
        raise ConfigError(
            f"data_schema: {error}. Correct it, or delete the file: this command then drafts it anew"
        ) from error


def _write(settings: RunSettings, draft: SchemaFile, there: SchemaFile | None, console: Console) -> None:
    path = Path(settings.data_schema)
    if there is None:
        _replace(path, draft.text)
        console.print(
            f"wrote {_short(path)} with {len(draft.blocks)} columns: read it, and tighten what you know better"
        )
        return
    text, changes = merge(there, draft.schema, renamed_groups(there.schema, settings))
    if not changes:
        console.print(f"{_short(path)} has all columns of the run: nothing was changed")
        return
    _replace(path, text)
    console.print(f"changed {_short(path)}; all else in it is as it was:")
    for change in changes:
        console.print(f"  • {change}")


def _drafted(config: Path, log: Path, console: Console) -> SchemaFile:
    """The draft, made by another process whose output goes to the log."""
    events, result = log.with_suffix(".events.jsonl"), log.with_suffix(".pbtxt")
    environment = dict(
        os.environ,
        PYTHONPATH=str(ROOT),
        PYTHONUTF8="1",
        TF_CPP_MIN_LOG_LEVEL="2",
        PYTHONWARNINGS="ignore",
        CUDA_VISIBLE_DEVICES="",
        **{EVENTS_VARIABLE: str(events)},
    )
    command = [sys.executable, "-m", "pipeline.schema.draft", str(config.resolve()), str(result)]
    failed = run_shown(command, environment, events, log, console)
    if failed is not None:
        raise DraftError(failed)
    return parse(result.read_text(encoding="utf-8"), str(result))


def _replace(path: Path, text: str) -> None:
    """Writes the file whole or not at all; a link stays one."""
    place = path.resolve()
    aside = place.with_name(f".{place.name}.writing")
    try:
        aside.write_text(text, encoding="utf-8")
        if place.exists():
            aside.chmod(place.stat().st_mode)
        aside.replace(place)
    except OSError as error:
        raise DraftError(f"{path}: the schema could not be written ({error.strerror or error})") from error
    finally:
        aside.unlink(missing_ok=True)


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
