"""Starting runs: which client is called, and with what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kubeflow import submit


class Recorder:
    """Stands for a client; keeps what it was called with."""

    run_id = "run-7"
    resource_name = "projects/1/pipelineJobs/2"

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Recorder:
        self.calls.append(("", args, kwargs))
        return self

    def __getattr__(self, name: str) -> Any:
        def method(*args: Any, **kwargs: Any) -> Recorder:
            self.calls.append((name, args, kwargs))
            return self

        return method


@pytest.fixture
def kfp_file(tmp_path: Path) -> Path:
    path = tmp_path / "sample.yaml"
    path.write_text("defaultPipelineRoot: minio://b/r\nroot: {}\n---\nplatforms: {}\n", encoding="utf-8")
    return path


@pytest.fixture
def vertex_file(tmp_path: Path) -> Path:
    path = tmp_path / "sample.json"
    path.write_text(json.dumps({"displayName": "sample"}), encoding="utf-8")
    return path


def test_kubeflow_gets_the_root_that_was_compiled_for(kfp_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Recorder()
    monkeypatch.setattr("kfp.Client", client)
    done = CliRunner().invoke(submit.main, [str(kfp_file), "--endpoint", "http://localhost:8888/"])
    assert done.output == "started: http://localhost:8888/#/runs/details/run-7\n", done.output
    (_, _, created), (name, args, given) = client.calls
    assert created["host"] == "http://localhost:8888/"
    assert name == "create_run_from_pipeline_package" and args == (str(kfp_file),)
    assert given["pipeline_root"] == "minio://b/r" and given["experiment_name"] == "fair-recommender"


def test_vertex_gets_project_and_region(vertex_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Recorder()
    monkeypatch.setattr("google.cloud.aiplatform.PipelineJob", job)
    words = [str(vertex_file), "--project", "p", "--region", "r", "--service-account", "a@p"]
    done = CliRunner().invoke(submit.main, words)
    assert done.output == "started: projects/1/pipelineJobs/2\n", done.output
    (_, _, created), (name, _, given) = job.calls
    assert created == {"display_name": "sample", "template_path": str(vertex_file), "project": "p", "location": "r"}
    assert name == "submit" and given == {"service_account": "a@p"}


def test_a_file_for_kubeflow_needs_an_endpoint(kfp_file: Path) -> None:
    done = CliRunner().invoke(submit.main, [str(kfp_file), "--project", "p", "--region", "r"])
    assert done.exit_code == 2 and "compiled for open-source Kubeflow: give --endpoint" in done.output


@pytest.mark.parametrize("words", [[], ["--endpoint", "http://x"], ["--project", "p"]])
def test_a_file_for_vertex_needs_project_and_region(vertex_file: Path, words: list[str]) -> None:
    done = CliRunner().invoke(submit.main, [str(vertex_file), *words])
    assert done.exit_code == 2 and "compiled for Vertex: give --project and --region" in done.output
