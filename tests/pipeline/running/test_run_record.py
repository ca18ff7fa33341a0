"""What is read from ML Metadata, and what is cleared after a kill."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.gate.verdict_record import VERDICT_DIGEST, BoundRecord, VerdictError, VerdictRecord
from components.model_pusher.push import ChangedModelError, push, versions
from models.formats.file_digest import JUDGED, folder_digest
from pipeline.running.places import RunFolder
from pipeline.running.recovery import sweep
from pipeline.running.run_record import (
    Node,
    Output,
    RunRecord,
    ensure_newest,
    latest,
    open_store,
    pushed_since,
    pushed_to,
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    names = ("artifacts", "metadata.sqlite", "checkpoints", "serving", "logs", "summary.json", "tfx", "lock")
    return RunFolder(tmp_path, *(tmp_path / name for name in names))


def record_execution(folder: RunFolder, run: str, node: str, state: int, uri: Path) -> int:
    """Registers one execution with one output, as the local engine does."""
    store = open_store(folder.metadata)
    kinds = {}
    for name in ("pipeline_run", "node"):
        kinds[name] = store.put_context_type(mlmd.ContextType(name=name))
    artifact_type = store.put_artifact_type(mlmd.ArtifactType(name="Model"))
    execution_type = store.put_execution_type(mlmd.ExecutionType(name=node))
    execution = mlmd.Execution(type_id=execution_type, last_known_state=state)
    artifact = mlmd.Artifact(type_id=artifact_type, uri=str(uri))
    artifact.custom_properties["pushed"].int_value = 1
    event = mlmd.Event(type=mlmd.Event.OUTPUT)
    event.path.steps.add(key="model")
    event.path.steps.add(index=0)
    contexts = [
        mlmd.Context(type_id=kinds["pipeline_run"], name=run),
        mlmd.Context(type_id=kinds["node"], name=f"p.{node}"),
    ]
    identity, _, _ = store.put_execution(execution, [(artifact, event)], contexts, reuse_context_if_already_exist=True)
    return identity


def test_latest_reads_the_newest_run(folder: RunFolder, tmp_path: Path) -> None:
    record_execution(folder, "run1", "Candidate", mlmd.Execution.COMPLETE, tmp_path / "old")
    record_execution(folder, "run2", "Candidate", mlmd.Execution.CACHED, tmp_path / "new")
    record = latest(folder.metadata, "p")
    assert record.run_id == "run2"
    assert record.nodes["Candidate"].state == "cached"
    assert record.output("Candidate", "model") == Output(tmp_path / "new", {"pushed": 1})
    with pytest.raises(LookupError, match="node `Evaluator` left no output `evaluation`"):
        record.output("Evaluator", "evaluation")


@pytest.mark.parametrize(
    ("state", "before", "expected"),
    [
        (mlmd.Execution.COMPLETE, 60, True),
        (mlmd.Execution.COMPLETE, -60, False),
        (mlmd.Execution.CACHED, 60, False),
        (mlmd.Execution.FAILED, 60, False),
    ],
)
def test_what_a_run_pushed_is_told_from_its_pusher(
    folder: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: int, before: int, expected: bool
) -> None:
    assert pushed_since(folder.metadata, "p", 0) is None
    monkeypatch.setattr("pipeline.running.run_record.pushed_to", lambda record: tmp_path / record.run_id)
    identity = record_execution(folder, "run1", "ModelPusher", state, tmp_path / "pushed")
    assert identity and (pushed_since(folder.metadata, "p", time.time() - before) is not None) == expected


def test_latest_without_a_run_is_an_error(folder: RunFolder) -> None:
    open_store(folder.metadata).put_context_type(mlmd.ContextType(name="pipeline_run"))
    with pytest.raises(LookupError, match="no run"):
        latest(folder.metadata, "p")


def test_sweep_removes_the_outputs_of_unfinished_executions_alone(folder: RunFolder) -> None:
    done = record_execution(folder, "r", "Transform", mlmd.Execution.COMPLETE, Path("x"))
    killed = record_execution(folder, "r", "Transform", mlmd.Execution.RUNNING, Path("y"))
    node = folder.artifacts / "Transform"
    for execution in (done, killed):
        (node / "transform_graph" / str(execution)).mkdir(parents=True)
        (node / ".system" / "executor_execution" / str(execution)).mkdir(parents=True)
    assert sweep(folder) == ["Transform"]
    assert [path.name for path in (node / "transform_graph").iterdir()] == [str(done)]
    assert [path.name for path in (node / ".system" / "executor_execution").iterdir()] == [str(done)]
    states = {e.id: e.last_known_state for e in open_store(folder.metadata).get_executions()}
    assert states == {done: mlmd.Execution.COMPLETE, killed: mlmd.Execution.CANCELED}
    assert sweep(folder) == []


def pushed_record(model: Path, target: Path) -> RunRecord:
    candidate = Node("Candidate", "cached", 0, {"model": Output(model, {})})
    pusher = Node(
        "ModelPusher", "cached", 0, {"pushed_model": Output(model, {"pushed": 1, "pushed_destination": str(target)})}
    )
    return RunRecord("r", {"Candidate": candidate, "Gate": gate_node(model, blessed=True), "ModelPusher": pusher})


def gate_node(model: Path, *, blessed: bool) -> Node:
    """The node with a verdict and a blessing in the model's folder."""
    judged = folder_digest(model / "Format-Serving")
    bound = BoundRecord(
        setting="are_max", group=None, metric="are", limit=1, value=2, interval=(1, 3), ok=blessed, sentence="ARE is 2"
    )
    reasons = () if blessed else (bound.sentence,)
    verdict = VerdictRecord(blessed=blessed, reasons=reasons, bounds=(bound,), model=judged, evaluation="sha256:e")
    outputs = {
        "verdict": Output(model / "verdict", {VERDICT_DIGEST: verdict.save(model / "verdict")}),
        "blessing": Output(model, {"blessed": int(blessed), JUDGED: judged}),
    }
    if blessed:
        (model / "BLESSED").touch()
    return Node("Gate", "cached", 0, outputs)


def test_a_cached_push_ends_as_the_newest(folder: RunFolder, tmp_path: Path) -> None:
    models = {}
    for name in "ab":
        models[name] = tmp_path / name
        (models[name] / "Format-Serving").mkdir(parents=True)
        (models[name] / "Format-Serving" / "saved_model.pb").write_text(name, encoding="utf-8")
    first = push(models["a"] / "Format-Serving", folder.serving)
    record = pushed_record(models["a"], first)
    assert ensure_newest(record, folder) == first
    push(models["b"] / "Format-Serving", folder.serving)
    again = ensure_newest(record, folder)
    assert again is not None and again != first
    assert (folder.serving / str(versions(folder.serving)[-1]) / "saved_model.pb").read_text(encoding="utf-8") == "a"
    assert len(versions(folder.serving)) == 3
    # Somebody changed what is served, and then what it came from.
    (again / "saved_model.pb").write_text("c", encoding="utf-8")
    once_more = ensure_newest(pushed_record(models["a"], again), folder)
    assert once_more is not None and once_more != again
    record = pushed_record(models["a"], first)
    (models["a"] / "BLESSED").unlink()
    with pytest.raises(VerdictError, match="verdict and blessing disagree"):
        ensure_newest(record, folder)
    record = pushed_record(models["a"], first)
    (models["a"] / "Format-Serving" / "saved_model.pb").write_text("d", encoding="utf-8")
    with pytest.raises(ChangedModelError, match="nothing was pushed"):
        ensure_newest(record, folder)


def test_a_refused_model_is_not_pushed_again(folder: RunFolder, tmp_path: Path) -> None:
    record = RunRecord(
        "r", {"ModelPusher": Node("ModelPusher", "cached", 0, {"pushed_model": Output(tmp_path, {"pushed": 0})})}
    )
    assert pushed_to(record) is None
    assert ensure_newest(record, folder) is None
    assert not folder.serving.exists()


def test_a_record_that_says_pushed_of_a_refused_model_is_an_error(folder: RunFolder, tmp_path: Path) -> None:
    model = tmp_path / "m"
    (model / "Format-Serving").mkdir(parents=True)
    record = pushed_record(model, folder.serving / "1")
    (model / "BLESSED").unlink()
    record.nodes["Gate"] = gate_node(model, blessed=False)
    with pytest.raises(VerdictError, match="the gate refused the model, and its record says that it was pushed"):
        ensure_newest(record, folder)
