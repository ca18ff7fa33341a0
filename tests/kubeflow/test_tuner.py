"""A pipeline with a Tuner compiles for both targets; without the block nothing of it is there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from kfp import components

from kubeflow import runner, target
from tests.kubeflow.conftest import IMAGE
from tests.kubeflow.test_runner import GOLDEN, sample_config


@pytest.mark.parametrize("name", ["kfp", "vertex"])
def test_the_candidate_waits_for_the_tuner(name: str, tmp_path: Path) -> None:
    config = sample_config(tmp_path, {"components": {"Tuner": {"cpu": 8}}})
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    content["tune"] = {"trials": 3, "arfg_max": 0.9, "strength": {"low": 0.1, "high": 1.0}}
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    binding = target.Binding(name, IMAGE, "gs://bucket/fair")
    file = runner.compile_pipeline(runner.prepare(config), binding, tmp_path / name)
    document = next(iter(yaml.safe_load_all(file.read_text(encoding="utf-8"))))
    spec = document.get("pipelineSpec", document)
    tasks = spec["root"]["dag"]["tasks"]
    source = tasks["Candidate"]["inputs"]["artifacts"]["hyperparameters"]["taskOutputArtifact"]
    assert source == {"producerTask": "Tuner", "outputArtifactKey": "best_hyperparameters"}
    assert "Tuner" in tasks["Candidate"]["dependentTasks"] and "Tuner" not in tasks["Baseline"]["dependentTasks"]
    container = spec["deploymentSpec"]["executors"]["Tuner_executor"]["container"]
    assert any(
        "pipeline.tuner.component.TunerExecutor" in str(part) for part in container["args"] + container["command"]
    )
    assert container["resources"]["cpuLimit"] == 8
    if name == "kfp":
        components.load_component_from_text(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["kfp", "vertex"])
def test_without_the_block_the_golden_spec_has_no_tuner(name: str) -> None:
    assert "Tuner" not in (GOLDEN / f"{name}.yaml").read_text(encoding="utf-8")
