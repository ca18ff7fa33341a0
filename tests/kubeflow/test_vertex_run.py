"""The same for Vertex: another form of the spec, artifacts with their types, and no copies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubeflow import runner, target
from pipeline.pipeline import Places
from tests.kubeflow.conftest import IMAGE, small_config
from tests.kubeflow.spec_runner import VertexRunner

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1500)
def test_every_task_runs_to_the_report(tmp_path: Path) -> None:
    settings = runner.prepare(small_config(tmp_path))
    # A folder stands for the bucket, so that what is checked of a root is left out.
    root = tmp_path / "root"
    places = Places(str(root), serving=str(tmp_path / "serving"), checkpoints=str(tmp_path / "checkpoints"))
    built = runner.build(settings, places)
    binding = target.Binding("vertex", IMAGE, str(root))
    job = runner.Runner(settings, binding, str(tmp_path), "small.json").run(built)
    assert job["runtimeConfig"]["gcsOutputDirectory"] == str(root)

    finished = VertexRunner(job["pipelineSpec"], str(root), tmp_path / "work")
    finished.run()

    assert set(finished.seconds) == {node.id for node in built.components}
    pushed = finished.outputs["ModelPusher", "pushed_model"].properties
    assert pushed["pushed"] == 1 and Path(pushed["pushed_destination"], "saved_model.pb").is_file()
    summary = json.loads((finished.folder("FairnessReport", "report") / "summary.json").read_text(encoding="utf-8"))
    assert summary["blessed"]
    assert not list((tmp_path / "checkpoints").glob("*")), "the training is over"
