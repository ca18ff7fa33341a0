"""Runs whose folder was moved or copied: what a run wrote down of places is found again where the folder is now.

Files of ours hold paths relative to the dataset's folder. ML Metadata holds whole ones, which are read as if they were
relative, and written anew when the next run begins.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.running.run_record import open_store, relocated


def for_file(summary: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A run's summary with paths that are relative to ``folder`` where they lie below it."""

    def relative(path: str) -> str:
        return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path

    return _with_paths(summary, relative)


def read_summary(path: Path) -> dict[str, Any]:
    """A run's summary from its file, with whole paths.

    Raises:
      OSError: There is no such file.
      ValueError: It is no JSON in UTF-8, or holds no mapping.
    """
    stored = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(stored, dict):
        raise ValueError(f"a {type(stored).__name__}")
    return _with_paths(stored, lambda place: str(relocated(path.parent / place, path.parent)))


def _with_paths(summary: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    changed = dict(summary)
    if summary.get("pushed"):
        changed["pushed"] = change(summary["pushed"])
    if "paths" in summary:
        changed["paths"] = {name: change(path) for name, path in summary["paths"].items()}
    return changed


def relocate(metadata: Path) -> int:
    """Writes down where artifacts lie now, where ML Metadata's file was moved together with them.

    To be called under the folder's lock. What was lost on the way keeps its old place; TFX makes it anew.

    Args:
      metadata: The SQLite file, beside the folder ``artifacts``.

    Returns:
      How many artifacts lie elsewhere than before.
    """
    if not metadata.exists():
        return 0
    store = open_store(metadata)
    moved = []
    for artifact in store.get_artifacts():
        now = str(relocated(Path(artifact.uri), metadata.parent))
        if now != artifact.uri:
            artifact.uri = now
            moved.append(artifact)
    if moved:
        store.put_artifacts(moved)
    return len(moved)
