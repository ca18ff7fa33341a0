"""Earlier reports of the same pipeline, from ML Metadata: points of the trade-off."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

REPORT_TYPE = "fairness.FairnessReport"


def earlier_summaries(metadata: str, pipeline: str) -> tuple[list[dict[str, Any]], int]:
    """Summaries of the reports that finished runs of a pipeline left, oldest first.

    Args:
        metadata: Path of the SQLite file of the local engine.
        pipeline: The pipeline's name.

    Returns:
        The summaries, and how many reports are recorded whose folder is gone.
    """
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = metadata
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READONLY
    store = metadata_store.MetadataStore(config)
    context = store.get_context_by_type_and_name("pipeline", pipeline)
    if context is None or REPORT_TYPE not in {kind.name for kind in store.get_artifact_types()}:
        return [], 0
    ours = {artifact.id for artifact in store.get_artifacts_by_context(context.id)}
    reports = [
        artifact
        for artifact in store.get_artifacts_by_type(REPORT_TYPE)
        if artifact.id in ours and artifact.state == mlmd.Artifact.LIVE
    ]
    found, gone = [], 0
    for artifact in sorted(reports, key=lambda a: a.id):
        path = Path(artifact.uri, "summary.json")
        if path.is_file():
            found.append(json.loads(path.read_text(encoding="utf-8")))
        else:
            gone += 1
    return found, gone


def flat(settings: Any, prefix: str = "") -> dict[str, Any]:
    """Settings by dotted key: {"fairness": {"strength": 1}} → {"fairness.strength": 1}.

    Lists of mappings that have a name are keyed by it; other lists are values.
    """
    if isinstance(settings, dict) and settings:
        items: Any = settings.items()
    elif isinstance(settings, list) and settings and all(isinstance(e, dict) and "name" in e for e in settings):
        items = [(e["name"], {k: v for k, v in e.items() if k != "name"}) for e in settings]
    else:
        return {prefix: settings}
    result: dict[str, Any] = {}
    for key, value in items:
        result |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return result


def differences(settings: dict[str, Any], reference: dict[str, Any]) -> dict[str, list[Any]]:
    """Dotted keys whose values differ: {key: [value, value in the reference]}, None where a side lacks the key."""
    mine, theirs = flat(settings), flat(reference)
    keys = [*mine, *(key for key in theirs if key not in mine)]
    return {key: [mine.get(key), theirs.get(key)] for key in keys if mine.get(key) != theirs.get(key)}


def frontier_points(table: str, name: str) -> list[dict[str, Any]]:
    """Points of a frontier.

    Args:
        table: The file's text: CSV with the columns ``arfg`` and ``are``.
        name: The file's name, for messages.

    Returns:
        {arfg, are, settings: the other columns}, in the order of the rows.

    Raises:
        ValueError: A column is missing, or a value is no finite number.
    """
    rows = csv.DictReader(io.StringIO(table))
    lacking = [column for column in ("arfg", "are") if column not in (rows.fieldnames or [])]
    if lacking:
        raise ValueError(f"report.frontier: {name}: expected the columns `arfg` and `are`. Received: {rows.fieldnames}")
    points = []
    for number, row in enumerate(rows, start=2):
        point: dict[str, Any] = {"settings": {k: v for k, v in row.items() if k not in ("arfg", "are")}}
        for column in ("arfg", "are"):
            try:
                point[column] = float(row[column])
            except (TypeError, ValueError):
                point[column] = math.nan
            if not math.isfinite(point[column]):
                raise ValueError(
                    f"report.frontier: {name}, line {number}: `{column}` should be a number. Received: {row[column]!r}"
                )
        points.append(point)
    return points
