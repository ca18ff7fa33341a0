"""The run's summary: the report's, and what only the runner knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import summary
from pipeline.running.places import RunFolder
from pipeline.running.run_record import Node, Output, RunRecord
from pipeline.settings.config import load

ROOT = Path(__file__).resolve().parents[2]
REPORTED = {"dataset": "sample", "run": "of the report", "blessed": True, "pushed": "/old/1", "arfg": {"value": 0.5}}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(*(tmp_path / name for name in RunFolder._fields))


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    def node(name: str, state: str, **outputs: str) -> Node:
        found = {}
        for key, place in outputs.items():
            (tmp_path / place).mkdir()
            found[key] = Output(tmp_path / place, {})
        return Node(name, state, 1.5, found)

    nodes = [
        node("Candidate", "cached", model="model", model_run="model_run"),
        node("Evaluator", "finished", evaluation="evaluation"),
        node("FairnessReport", "finished", report="report"),
    ]
    nodes.append(Node("Gate", "finished", 0.1, {"verdict": Output(tmp_path / "verdict", {"blessed": 1})}))
    (tmp_path / "report" / "summary.json").write_text(json.dumps(REPORTED), encoding="utf-8")
    return RunRecord("this run", {node.name: node for node in nodes})


def test_the_runner_adds_stages_paths_its_run_and_where_the_model_stands(folder: RunFolder, record: RunRecord) -> None:
    found = summary.compose(dict(REPORTED), folder, record, Path("/serving/2"))
    assert found["run"] == "this run" and found["pushed"] == "/serving/2" and found["arfg"] == {"value": 0.5}
    assert found["stages"]["Candidate"] == {"state": "cached", "seconds": 1.5}
    root = folder.root.parent
    assert found["paths"] == {
        "report": str(root / "report" / "index.html"),
        "model": "/serving/2",
        "evaluation": str(root / "evaluation"),
        "tensorboard": str(root / "model_run"),
        "summary": str(folder.summary),
    }


def test_a_report_that_was_edited_decides_nothing(folder: RunFolder, record: RunRecord) -> None:
    record.nodes["Gate"].outputs["verdict"].properties["blessed"] = 0
    with pytest.raises(ValueError, match="says that the model was passed, and the gate that it was refused"):
        summary.compose(dict(REPORTED), folder, record, None)


def test_a_refused_model_stands_where_it_was_trained(folder: RunFolder, record: RunRecord) -> None:
    found = summary.compose(dict(REPORTED), folder, record, None)
    assert found["pushed"] is None
    assert found["paths"]["model"] == str(folder.root.parent / "model" / "Format-Serving")


def test_writing_checks_the_evaluation_first(
    folder: RunFolder, record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(ROOT / "data_schemas" / "sample" / "dataset.yaml")

    def lacking(path: str, expected: Any) -> None:
        assert path == str(folder.root.parent / "evaluation") and len(list(expected)) > 50
        raise ValueError("the evaluation lacks 1 metric(s)")

    monkeypatch.setattr(summary, "check_expected", lacking)
    with pytest.raises(ValueError, match="lacks 1 metric"):
        summary.write(settings, folder, record, None)
    assert not folder.summary.exists()
    monkeypatch.setattr(summary, "check_expected", lambda path, expected: None)
    written = summary.write(settings, folder, record, None)
    assert json.loads(folder.summary.read_text(encoding="utf-8")) == written
    assert [path.name for path in folder.root.parent.glob("*.writing")] == []


def test_a_run_without_a_report_is_an_error(folder: RunFolder, record: RunRecord) -> None:
    del record.nodes["FairnessReport"]
    with pytest.raises(LookupError, match="`FairnessReport` left no output `report`"):
        summary.compose(dict(REPORTED), folder, record, None)
