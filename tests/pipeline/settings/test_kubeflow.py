"""The ``kubeflow:`` block."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from pipeline.settings.config import ConfigError, load
from pipeline.settings.kubeflow import ACCELERATED, KubeflowSettings, PodSettings

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "text, gigabytes",
    [("8G", 8.0), ("500M", 0.5), ("8Gi", 8.589934592), ("512Mi", 0.536870912), ("1.5T", 1500.0), ("2000000K", 2.0)],
)
def test_memory_is_in_units_of_a_billion_bytes(text: str, gigabytes: float) -> None:
    assert PodSettings(memory=text).gigabytes == pytest.approx(gigabytes)


def test_no_memory_is_no_limit() -> None:
    assert PodSettings().gigabytes is None


@pytest.mark.parametrize("node", ACCELERATED)
def test_trainers_and_tuner_may_have_gpus(node: str) -> None:
    block = KubeflowSettings.model_validate({"components": {node: {"accelerator": {"count": 2}}}})
    accelerator = block.pod(node).accelerator
    assert accelerator is not None and (accelerator.type, accelerator.count) == ("nvidia.com/gpu", 2)
    assert block.pod("Evaluator").accelerator is None


WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"components": {"Evaluator": {"accelerator": {}}}},
        "components.Evaluator.accelerator.*Candidate, Baseline, Tuner",
    ),
    ({"defaults": {"accelerator": {}}}, "defaults.accelerator"),
    ({"defaults": {"memory": "8 gigabytes"}}, "such as 8Gi. Received: 8 gigabytes"),
    ({"defaults": {"cpu": 0}}, "greater than 0"),
    ({"defaults": {"secrets": [{"name": "aws"}]}}, "secret `aws` should name `env` or `mount_path`"),
    ({"defaults": {"tolerations": [{"key": "gpu"}]}}, "needs `key` and `value`"),
    ({"defaults": {"tolerations": [{"operator": "Exists", "value": "x"}]}}, "takes no `value`. Received: 'x'"),
    ({"defaults": {"volumes": [{"claim": "data", "mount_path": "mnt"}]}}, "should match pattern"),
    ({"defaults": {"retries": {"count": 1, "backoff": "1 minute"}}}, "should match pattern"),
    ({"artifacts": "fast"}, "'local' or 'remote'"),
]


@pytest.mark.parametrize("block, message", WRONG)
def test_wrong_blocks_are_refused(block: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        KubeflowSettings.model_validate(block)


def test_a_pods_lists_and_maps_add_to_the_defaults() -> None:
    block = KubeflowSettings.model_validate(
        {
            "defaults": {
                "volumes": [{"claim": "a", "mount_path": "/a"}],
                "node_selector": {"disk": "ssd", "zone": "1"},
                "retries": {"count": 2},
            },
            "components": {
                "Candidate": {"volumes": [{"claim": "b", "mount_path": "/b"}], "node_selector": {"zone": "2"}}
            },
        }
    )
    pod = block.pod("Candidate")
    assert [volume.claim for volume in pod.volumes] == ["a", "b"]
    assert pod.node_selector == {"disk": "ssd", "zone": "2"}
    assert pod.retries is not None and pod.retries.count == 2


def test_errors_name_the_file_and_the_key(tmp_path: Path) -> None:
    content = yaml.safe_load((ROOT / "data_schemas" / "sample" / "dataset.yaml").read_text(encoding="utf-8"))
    content["kubeflow"] = {"components": {"Candidate": {"gpus": 1}}}
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"wrong.yaml:\n  kubeflow.components.Candidate.gpus: unknown key"):
        load(path)


def test_remote_addresses_stay_as_they_are(tmp_path: Path) -> None:
    content = yaml.safe_load((ROOT / "data_schemas" / "sample" / "dataset.yaml").read_text(encoding="utf-8"))
    content["log"]["root"] = "gs://bucket/log"
    content["push"] = {"directory": "gs://bucket/serving"}
    content["data_schema"] = "gs://bucket/schema.pbtxt"
    path = tmp_path / "remote.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    settings = load(path)
    assert settings.log.root == "gs://bucket/log"
    assert settings.push.directory == "gs://bucket/serving"
    assert settings.data_schema == "gs://bucket/schema.pbtxt"
