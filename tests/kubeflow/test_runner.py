"""The compiled files: what reads them, what they were last time, and the commands that make them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from kubeflow import limits, runner, submit, target
from kubeflow.target import IMAGE_VARIABLE, ROOT_VARIABLE, TARGET_VARIABLE
from pipeline.running.places import CONFIG_VARIABLE
from tests.kubeflow.conftest import IMAGE, ROOT, Compiled, small_config

PROJECT = Path(__file__).resolve().parents[2]
RUNNER = PROJECT / "kubeflow" / "runner.py"
GOLDEN = Path(__file__).parent / "golden"
KUBEFLOW = {
    "defaults": {"cpu": 2, "memory": "4Gi", "retries": {"count": 2}},
    "components": {
        "Candidate": {
            "memory": "16Gi",
            "accelerator": {"type": "nvidia.com/gpu", "count": 1},
            "node_selector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        },
        "FairnessReport": {"cache": False},
    },
}
VERTEX = {
    "defaults": KUBEFLOW["defaults"],
    "components": {"Candidate": {"accelerator": {"type": "NVIDIA_L4", "count": 1}}, "FairnessReport": {"cache": False}},
}


def sample_config(folder: Path, kubeflow: dict[str, Any]) -> Path:
    """The shipped sample's YAML file with a ``kubeflow:`` block."""
    content = yaml.safe_load((PROJECT / "data_schemas" / "sample" / "dataset.yaml").read_text(encoding="utf-8"))
    content["data_schema"] = str(PROJECT / "data_schemas" / "sample" / "schema.pbtxt")
    content["log"]["root"] = str(PROJECT / "data" / "sample")
    content["kubeflow"] = {"check_root": False, **kubeflow}
    config = folder / "sample.yaml"
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    return config


def compile_sample(folder: Path, name: str, root: str, kubeflow: dict[str, Any]) -> Path:
    """The shipped sample, compiled with a ``kubeflow:`` block."""
    settings = runner.prepare(sample_config(folder, kubeflow))
    return runner.compile_pipeline(settings, target.Binding(name, IMAGE, root), folder / name)


def normal(document: Any) -> Any:
    """A spec without what other files settle: hashes, the log's fingerprint, and the blocks of the YAML file."""
    if isinstance(document, dict):
        return {key: _parameter(key, value) for key, value in document.items()}
    if isinstance(document, list):
        return [normal(value) for value in document]
    return document


def _parameter(key: str, value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"runtimeValue"}:
        constant = value["runtimeValue"].get("constant", value["runtimeValue"].get("constantValue"))
        text = str(constant.get("stringValue", "") if isinstance(constant, dict) else constant)
        if key in ("code", "fingerprint") or text.startswith("{"):
            form = "constant" if "constant" in value["runtimeValue"] else "constantValue"
            return {"runtimeValue": {form: f"<{key}>"}}
    return "<labels>" if key == "labels" else normal(value)


@pytest.mark.parametrize(
    "name, root, kubeflow", [("kfp", "gs://bucket/fair", KUBEFLOW), ("vertex", "gs://b/f", VERTEX)]
)
def test_the_spec_is_the_golden_one(name: str, root: str, kubeflow: dict[str, Any], tmp_path: Path) -> None:
    """Where a change is meant: ``REFRESH_GOLDEN=1 .venv/bin/python -m pytest tests/kubeflow/test_runner.py -k golden``."""
    text = compile_sample(tmp_path, name, root, kubeflow).read_text(encoding="utf-8")
    found = [normal(document) for document in yaml.safe_load_all(text)]
    path = GOLDEN / f"{name}.yaml"
    if os.environ.get("REFRESH_GOLDEN"):
        path.write_text(yaml.safe_dump_all(found, sort_keys=True, width=120), encoding="utf-8")
    assert found == list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    assert str(PROJECT) not in text, "a path of this machine would not exist in a pod"


def test_kubeflow_reads_the_file(compiled: Compiled) -> None:
    text = compiled.file.read_text(encoding="utf-8")
    loaded = components.load_component_from_text(text)
    assert loaded.name == "small"
    spec, platform = compiled.documents()
    parsed = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    assert parsed.schema_version == "2.1.0" and parsed.default_pipeline_root == ROOT
    deployment = json_format.ParseDict(spec["deploymentSpec"], pipeline_spec_pb2.PipelineDeploymentConfig())
    assert {executor.container.image for executor in deployment.executors.values()} == {IMAGE}
    config = json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    executors = config.platforms["kubernetes"].deployment_spec.executors
    assert set(executors) == set(spec["deploymentSpec"]["executors"])
    assert loaded.platform_spec == config


def test_vertex_reads_the_file(tmp_path: Path) -> None:
    job = json.loads(compile_sample(tmp_path, "vertex", "gs://bucket/fair", VERTEX).read_text(encoding="utf-8"))
    parsed = json_format.ParseDict(job, pipeline_spec_pb2.PipelineJob())
    assert parsed.runtime_config.gcs_output_directory == "gs://bucket/fair"
    spec = json_format.ParseDict(job["pipelineSpec"], pipeline_spec_pb2.PipelineSpec())
    assert spec.schema_version == "2.0.0"


def test_only_trainers_ask_for_gpus(tmp_path: Path) -> None:
    spec = next(
        yaml.safe_load_all(compile_sample(tmp_path, "kfp", "gs://bucket/fair", KUBEFLOW).read_text(encoding="utf-8"))
    )
    containers = {name: e["container"] for name, e in spec["deploymentSpec"]["executors"].items()}
    assert [n for n, c in containers.items() if "accelerator" in c["resources"]] == ["Candidate_executor"]
    assert {c["resources"]["cpuLimit"] for c in containers.values()} == {2}


def test_a_large_pipeline_is_refused_and_no_file_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WORKFLOW_BYTES", 10_000)
    with pytest.raises(limits.SpecTooLargeError, match="at most 10000 bytes"):
        compile_sample(tmp_path, "kfp", "gs://bucket/fair", KUBEFLOW)
    assert not list(tmp_path.glob("kfp/*"))


def test_the_working_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    compile_sample(tmp_path, "kfp", "gs://bucket/fair", KUBEFLOW)
    assert Path.cwd() == tmp_path


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CONFIG_VARIABLE, str(small_config(tmp_path)))
    monkeypatch.setenv(IMAGE_VARIABLE, IMAGE)
    monkeypatch.setenv(ROOT_VARIABLE, ROOT)
    monkeypatch.setenv(runner.OUTPUT_VARIABLE, str(tmp_path / "output"))
    monkeypatch.delenv(TARGET_VARIABLE, raising=False)
    return tmp_path


def test_the_command_says_where_the_file_is_and_what_comes_next(
    environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner.main()
    printed = capsys.readouterr()
    file = environment / "output" / "small.yaml"
    assert f"compiled for kfp: {file}" in printed.out and file.is_file()
    assert f"python -m kubeflow.submit {file} --endpoint=URL" in printed.out
    assert f"{ROOT} was not looked at" in printed.err
    assert submit.pipeline_root(file) == ROOT


def test_the_command_refuses_in_one_line(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, "/mnt/root")
    with pytest.raises(SystemExit, match="kubeflow: PIPELINE_ROOT.*Received: /mnt/root"):
        runner.main()
    assert not (environment / "output").exists()


def test_make_hands_its_choices_on(tmp_path: Path) -> None:
    printed = subprocess.run(
        ["make", "-n", "kubeflow", "CONFIG=a.yaml", "IMAGE=b:1", "PIPELINE_ROOT=gs://c", "TARGET=vertex", "OUTPUT=d"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
     encoding="utf-8").stdout  # fmt: skip
    given = dict(re.findall(r'(\w+)="([^"]*)"', printed))
    assert given[CONFIG_VARIABLE] == "a.yaml" and given[IMAGE_VARIABLE] == "b:1"
    assert given[ROOT_VARIABLE] == "gs://c" and given[TARGET_VARIABLE] == "vertex"
    assert given[runner.OUTPUT_VARIABLE] == "d" and "-m kubeflow.runner" in printed


@pytest.mark.timeout(300)
def test_tfx_command_line_compiles_for_vertex(environment: Path) -> None:
    variables = {CONFIG_VARIABLE: str(sample_config(environment, VERTEX)), ROOT_VARIABLE: "gs://bucket/fair"}
    programs = Path(sys.executable).parent
    done = subprocess.run(
        [str(programs / "tfx"), "pipeline", "compile", "--engine=vertex", f"--pipeline_path={RUNNER}"],
        cwd=environment,
        capture_output=True,
        text=True,
        env={**os.environ, **variables, "PATH": f"{programs}:{os.environ['PATH']}"},
        encoding="utf-8",
    )
    assert "Pipeline sample compiled successfully" in done.stdout, done.stdout + done.stderr
    job = json.loads((environment / "output" / "sample.json").read_text(encoding="utf-8"))
    executors = job["pipelineSpec"]["deploymentSpec"]["executors"]
    assert executors["Candidate_executor"]["container"]["resources"]["accelerator"]["type"] == "NVIDIA_L4"
