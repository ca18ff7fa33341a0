"""The compiled pipeline runs, task by task, with the commands that are in it: the proof that does without a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kubeflow.conftest import ROOT, Compiled
from tests.kubeflow.spec_runner import SpecRunner, TaskFailed

TFX_ENTRY_POINT = ["python", "-m", "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"]
NODES = {
    "InteractionLogGen", "NegativeSplitter", "StatisticsGen", "ImportSchemaGen", "ExampleValidator", "AnomalyGate",
    "Transform", "Baseline", "Candidate", "Evaluator", "Gate", "ModelPusher", "FairnessReport",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(compiled: Compiled, tmp_path_factory: pytest.TempPathFactory) -> SpecRunner:
    runner = SpecRunner(compiled.documents()[0], ROOT, tmp_path_factory.mktemp("run"))
    runner.run()
    return runner


@pytest.mark.timeout(1500)
def test_every_task_runs(finished: SpecRunner) -> None:
    assert set(finished.seconds) == set(finished.tasks) == NODES


def test_properties_survive_from_task_to_task(finished: SpecRunner) -> None:
    examples = finished.outputs["NegativeSplitter", "examples"].properties
    assert json.loads(examples["split_names"]) == ["train", "validation", "test"]
    counts = json.loads(finished.outputs["InteractionLogGen", "examples"].properties["row_counts"])
    assert sum(counts["rows"].values()) == 2_000
    transformed = finished.outputs["Transform", "transformed_examples"].properties
    assert json.loads(transformed["split_names"]) == ["train", "validation"]


def test_what_is_recorded_names_the_object_store_and_no_pod(finished: SpecRunner) -> None:
    for recorded in finished.outputs.values():
        assert recorded.uri.startswith(f"{ROOT}/")
        assert "/pods/" not in json.dumps(recorded.properties)
    blessing = finished.outputs["Evaluator", "blessing"].properties
    assert blessing["current_model"] == finished.outputs["Candidate", "model"].uri
    assert blessing["baseline_model"] == finished.outputs["Baseline", "model"].uri


def test_the_blessed_model_is_pushed(finished: SpecRunner, compiled: Compiled) -> None:
    assert finished.outputs["Evaluator", "blessing"].properties["blessed"] == 1
    assert finished.outputs["Gate", "verdict"].properties["blessed"] == 1
    pushed = finished.outputs["ModelPusher", "pushed_model"].properties
    assert pushed["pushed"] == 1
    destination = Path(pushed["pushed_destination"])
    assert destination.parent == compiled.volume / "serving"
    assert (destination / "saved_model.pb").is_file()


def test_the_report_is_in_the_object_store(finished: SpecRunner) -> None:
    folder = finished.folder("FairnessReport", "report")
    assert "<html" in (folder / "index.html").read_text(encoding="utf-8")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    properties = finished.outputs["FairnessReport", "report"].properties
    assert summary["blessed"] and properties["blessed"] == 1
    assert properties["are"] == pytest.approx(summary["are"]["value"])


def test_a_task_that_is_started_again_does_not_trip_over_its_first_attempt(finished: SpecRunner) -> None:
    before = finished.outputs["AnomalyGate", "checked"]
    finished.run_task("AnomalyGate")
    assert finished.outputs["AnomalyGate", "checked"].type == before.type
    assert (
        json.loads((finished.folder("AnomalyGate", "checked") / "checked.json").read_text(encoding="utf-8"))[
            "anomalies"
        ]
        == 0
    )


@pytest.mark.parametrize("task", ["NegativeSplitter", "AnomalyGate"])
def test_tfx_own_entry_point_cannot_run_them(finished: SpecRunner, task: str) -> None:
    with pytest.raises(TaskFailed, match="'NoneType' object has no attribute 'get'"):
        finished.run_task(task, TFX_ENTRY_POINT)
