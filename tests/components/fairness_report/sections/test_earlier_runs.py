"""Earlier reports out of a real ML Metadata file, differences of settings, and the frontier's table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.fairness_report.component import FairnessReportArtifact
from components.fairness_report.sections.earlier_runs import (
    REPORT_TYPE,
    differences,
    earlier_summaries,
    flat,
    frontier_points,
)


class Store:
    """An ML Metadata file with reports of pipelines."""

    def __init__(self, folder: Path):
        self.path, self.folder = folder / "metadata.sqlite", folder
        config = mlmd.ConnectionConfig()
        config.sqlite.filename_uri = str(self.path)
        config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self.store = metadata_store.MetadataStore(config)
        self.context_type = self.store.put_context_type(mlmd.ContextType(name="pipeline"))

    def report(self, pipeline: str, name: str, state: Any = mlmd.Artifact.LIVE, written: bool = True) -> None:
        kind = self.store.put_artifact_type(mlmd.ArtifactType(name=REPORT_TYPE))
        uri = self.folder / name
        if written:
            uri.mkdir()
            (uri / "summary.json").write_text(json.dumps({"run": name}), encoding="utf-8")
        (artifact,) = self.store.put_artifacts([mlmd.Artifact(type_id=kind, uri=str(uri), state=state)])
        try:
            (context,) = self.store.put_contexts([mlmd.Context(type_id=self.context_type, name=pipeline)])
        except Exception:
            context = self.store.get_context_by_type_and_name("pipeline", pipeline).id
        self.store.put_attributions_and_associations([mlmd.Attribution(artifact_id=artifact, context_id=context)], [])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_reports_of_the_pipeline_oldest_first(store: Store) -> None:
    for name in ("first", "second"):
        store.report("sample", name)
    store.report("other", "foreign")
    assert [s["run"] for s in earlier_summaries(str(store.path), "sample")[0]] == ["first", "second"]


def test_unfinished_and_deleted_reports_are_left_out_and_deleted_ones_counted(store: Store) -> None:
    store.report("sample", "kept")
    store.report("sample", "gone", written=False)
    store.report("sample", "pending", state=mlmd.Artifact.PENDING)
    found, gone = earlier_summaries(str(store.path), "sample")
    assert [s["run"] for s in found] == ["kept"] and gone == 1


def test_a_store_without_reports_has_none(store: Store) -> None:
    assert earlier_summaries(str(store.path), "sample") == ([], 0)
    store.report("other", "foreign")
    assert earlier_summaries(str(store.path), "sample") == ([], 0)


def test_reading_changes_nothing(store: Store) -> None:
    store.report("sample", "kept")
    before = store.path.read_bytes()
    earlier_summaries(str(store.path), "sample")
    assert store.path.read_bytes() == before


def test_the_artifact_type_is_the_one_that_is_looked_up() -> None:
    assert FairnessReportArtifact.TYPE_NAME == REPORT_TYPE


def test_settings_by_dotted_key() -> None:
    settings = {
        "a": {"b": 1, "c": {}},
        "tasks": [{"name": "x", "w": 2}, {"name": "y", "w": 3}],
        "list": [1, 2],
        "n": None,
    }
    assert flat(settings) == {"a.b": 1, "a.c": {}, "tasks.x.w": 2, "tasks.y.w": 3, "list": [1, 2], "n": None}


def test_differences_in_both_directions() -> None:
    there, here = {"a": 1, "b": {"c": 2}, "only": 5}, {"a": 1, "b": {"c": 3}, "new": 6}
    assert differences(there, here) == {"b.c": [2, 3], "only": [5, None], "new": [None, 6]}
    assert differences(here, here) == {}


def test_the_frontiers_table() -> None:
    assert frontier_points("name,arfg,are\na,0.5,1.01\n", "f.csv") == [
        {"arfg": 0.5, "are": 1.01, "settings": {"name": "a"}}
    ]
    with pytest.raises(ValueError, match=r"f.csv: expected the columns `arfg` and `are`. Received: \['arfg'\]"):
        frontier_points("arfg\n1\n", "f.csv")
    for wrong in ("x", "nan", ""):
        with pytest.raises(ValueError, match="f.csv, line 3: `are` should be a number"):
            frontier_points(f"arfg,are\n1,1\n1,{wrong}\n", "f.csv")
