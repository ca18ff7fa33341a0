"""The entry point around TFX's, with TFX's replaced by what its answer would be."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kubeflow import entrypoint
from kubeflow.invocation import InvocationError

SPEC = {"artifacts": {"model": {"artifactType": {"instanceSchema": "title: tfx.Model"}}}}
ARGUMENTS = [
    "kubeflow.entrypoint", "--artifact_access", "local", "--artifact_classes", "{}",
    "--executor_class_path", "components.x.Executor", "--json_serialized_inputs_spec_args", json.dumps(SPEC),
]  # fmt: skip


def given(folder: Path, **inputs: Any) -> dict[str, Any]:
    model = {"name": "1", "uri": "minio://b/model", "type": {"instanceSchema": ""}}
    report = {"uri": "minio://b/report", "type": {"schemaTitle": "tfx.ModelRun"}}
    return {
        "inputs": {"artifacts": {"model": {"artifacts": [model]}}, "parameterValues": {"a": "1"}, **inputs},
        "outputs": {
            "artifacts": {"report": {"artifacts": [report]}},
            "outputFile": str(folder / "out" / "answer.json"),
        },
    }


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[argparse.Namespace, list[str]]]:
    """What TFX's entry point was called with; it answers with its outputs, a null among their properties."""
    found: list[tuple[argparse.Namespace, list[str]]] = []

    def tfx(parsed: tuple[argparse.Namespace, list[str]]) -> None:
        found.append(parsed)
        task = json.loads(parsed[0].json_serialized_invocation_args)
        (report,) = task["outputs"]["artifacts"]["report"]["artifacts"]
        assert Path(report["uri"]).is_dir() or "://" in report["uri"]
        answer = {"uri": report["uri"], "metadata": {"place": report["uri"] + "/x", "empty": None}}
        path = Path(task["outputs"]["outputFile"])
        assert not path.exists(), "TFX would take it for a driver's"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"artifacts": {"report": {"artifacts": [answer]}}}), encoding="utf-8")

    monkeypatch.setattr(entrypoint.kubeflow_v2_run_executor, "main", tfx)
    monkeypatch.setenv(entrypoint.ROOT_VARIABLE, str(tmp_path))
    return found


def run(invocation: dict[str, Any], *more: str, access: str = "local") -> None:
    arguments = [access if word == "local" else word for word in ARGUMENTS]
    entrypoint.run(entrypoint.parse([*arguments, "--json_serialized_invocation_args", json.dumps(invocation), *more]))


Calls = list[tuple[argparse.Namespace, list[str]]]


def test_tfx_gets_types_and_local_copies_and_kubeflow_gets_uris(calls: Calls, tmp_path: Path) -> None:
    run(given(tmp_path), "--direct_num_workers=1", "--runner=DirectRunner")
    ((options, beam),) = calls
    task = json.loads(options.json_serialized_invocation_args)
    (model,) = task["inputs"]["artifacts"]["model"]["artifacts"]
    assert model == {"name": "1", "uri": f"{tmp_path}/minio/b/model", "type": {"schemaTitle": "tfx.Model"}}
    assert options.executor_class_path == "components.x.Executor"
    assert beam == ["--direct_num_workers=1", "--runner=DirectRunner"]
    answer = json.loads((tmp_path / "out" / "answer.json").read_text(encoding="utf-8"))
    (report,) = answer["artifacts"]["report"]["artifacts"]
    assert report == {"uri": "minio://b/report", "metadata": {"place": "minio://b/report/x"}}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["answer.json"]


def test_a_second_attempt_overwrites_what_the_first_left(calls: Calls, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for name in ("answer.json", "tfx_executor_output.json"):
        (tmp_path / "out" / name).write_text("{half", encoding="utf-8")
    run(given(tmp_path))
    assert json.loads((tmp_path / "out" / "answer.json").read_text(encoding="utf-8"))["artifacts"]


def test_tfx_reads_the_parameters_of_either_form(calls: Calls, tmp_path: Path) -> None:
    run(given(tmp_path))
    older = given(tmp_path, parameters={"a": {"stringValue": "1"}})
    del older["inputs"]["parameterValues"]
    run(older)
    newer_spec, older_spec = (options.json_serialized_inputs_spec_args for options, _ in calls)
    assert json.loads(newer_spec) == SPEC and older_spec is None


def test_remote_access_leaves_uris_and_removes_markers(
    calls: Calls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned: list[str] = []
    remove: Callable[[str], None] = cleaned.append
    monkeypatch.setattr(entrypoint.directory_markers, "remove", remove)
    run(given(tmp_path), access="remote")
    task = json.loads(calls[0][0].json_serialized_invocation_args)
    assert task["inputs"]["artifacts"]["model"]["artifacts"][0]["uri"] == "minio://b/model"
    assert cleaned == ["minio://b/report"]
    run(given(tmp_path))
    assert cleaned == ["minio://b/report"], "copies of the launcher have none"


def test_an_undeclared_input_stops_the_task(calls: Calls, tmp_path: Path) -> None:
    invocation = given(tmp_path)
    invocation["inputs"]["artifacts"]["other"] = invocation["inputs"]["artifacts"]["model"]
    with pytest.raises(InvocationError, match="input `other` is not declared"):
        run(invocation)
    assert not calls and not (tmp_path / "out").exists()


@pytest.mark.parametrize("missing", ["--artifact_access", "--artifact_classes", "--json_serialized_inputs_spec_args"])
def test_what_the_runner_writes_is_required(missing: str, capsys: pytest.CaptureFixture[str]) -> None:
    place = ARGUMENTS.index(missing)
    with pytest.raises(SystemExit):
        entrypoint.parse([*ARGUMENTS[:place], *ARGUMENTS[place + 2 :], "--json_serialized_invocation_args", "{}"])
    assert missing in capsys.readouterr().err


def test_abbreviations_are_beams() -> None:
    _, beam = entrypoint.parse([*ARGUMENTS, "--json_serialized_invocation_args", "{}", "--artifact_acc", "x"])
    assert beam == ["--artifact_acc", "x"]
