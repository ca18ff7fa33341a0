"""What is added to TFX's compiled pipeline, and the platform spec beside it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx import v1 as tfx

from components.anomaly_gate.component import AnomalyGate
from kubeflow import spec
from pipeline.settings.kubeflow import KubeflowSettings

GPU = {"accelerator": {"type": "nvidia.com/gpu", "count": 2}}
EVERYTHING = {
    "image": "registry.example.org/special:2",
    "cpu": 3.5,
    "memory": "8Gi",
    "retries": {"count": 4, "backoff": "60s", "backoff_factor": 1.5},
    "cache": False,
    "env": {"B": "2", "A": "1"},
    "beam": ["--direct_num_workers=3"],
    "node_selector": {"pool": "large"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "seconds": 30}],
    "volumes": [{"claim": "shared", "mount_path": "/mnt/shared"}],
    "secrets": [{"name": "aws", "env": {"id": "AWS_ACCESS_KEY_ID"}, "mount_path": "/mnt/aws"}],
}


@pytest.fixture
def nodes() -> list[Any]:
    anomalies = tfx.dsl.Channel(type=tfx.types.standard_artifacts.ExampleAnomalies)
    return [AnomalyGate(anomalies=anomalies).with_id(name) for name in ("Candidate", "Other")]


@pytest.fixture
def compiled() -> dict[str, Any]:
    """As TFX leaves it, with what is looked at here."""
    names = ("Candidate", "Other")
    arguments = ("--json_serialized_invocation_args", "{{$}}", "--beam=1")
    return {
        "root": {"dag": {"tasks": {name: {"cachingOptions": {"enableCache": True}} for name in names}}},
        "components": {
            name: {"executorLabel": f"{name}_executor", "inputDefinitions": {"parameters": {}}} for name in names
        },
        "deploymentSpec": {
            "executors": {f"{n}_executor": {"container": {"image": "common:1", "args": list(arguments)}} for n in names}
        },
    }


def container(result: dict[str, Any], name: str) -> dict[str, Any]:
    return result["deploymentSpec"]["executors"][f"{name}_executor"]["container"]


def settings(**components: Any) -> KubeflowSettings:
    return KubeflowSettings.model_validate({"components": components})


def test_pods_get_what_the_block_says(compiled: dict[str, Any], nodes: list[Any]) -> None:
    result = spec.complete(compiled, settings(Candidate={**EVERYTHING, **GPU}), nodes)
    found = container(result, "Candidate")
    assert found["image"] == "registry.example.org/special:2"
    assert found["resources"] == {
        "cpuLimit": 3.5,
        "memoryLimit": pytest.approx(8.589934592),
        "accelerator": {"type": "nvidia.com/gpu", "count": "2"},
    }
    assert found["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert found["args"][-1] == "--direct_num_workers=3" and "--beam=1" not in found["args"]
    task = result["root"]["dag"]["tasks"]["Candidate"]
    assert "cachingOptions" not in task
    assert task["retryPolicy"] == {
        "maxRetryCount": 4,
        "backoffDuration": "60s",
        "backoffFactor": 1.5,
        "backoffMaxDuration": "3600s",
    }
    # protobuf's own parser is the judge of names and types.
    parsed = json_format.ParseDict(found, pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec())
    assert parsed.resources.accelerator.count == 2
    json_format.ParseDict(task, pipeline_spec_pb2.PipelineTaskSpec())


def test_other_pods_get_nothing_of_it(compiled: dict[str, Any], nodes: list[Any]) -> None:
    found = container(spec.complete(compiled, settings(Candidate={**EVERYTHING, **GPU}), nodes), "Other")
    assert "resources" not in found and "env" not in found and found["image"] == "common:1"
    assert found["args"][-1] == "--beam=1"


def test_defaults_reach_every_pod_and_lose_to_its_own(compiled: dict[str, Any], nodes: list[Any]) -> None:
    both = KubeflowSettings.model_validate(
        {"defaults": {"cpu": 1, "env": {"A": "1"}}, "components": {"Other": {"cpu": 2, "env": {"B": "2"}}}}
    )
    result = spec.complete(compiled, both, nodes)
    assert container(result, "Candidate")["resources"] == {"cpuLimit": 1}
    assert container(result, "Other")["resources"] == {"cpuLimit": 2}
    assert [entry["name"] for entry in container(result, "Other")["env"]] == ["A", "B"]


def test_the_entry_point_learns_types_and_classes(compiled: dict[str, Any], nodes: list[Any]) -> None:
    arguments = container(spec.complete(compiled, settings(), nodes), "Other")["args"]
    assert arguments == [
        "--artifact_classes",
        '{"fairness.AnomaliesChecked": "components.anomaly_gate.component.AnomaliesChecked"}',
        "--json_serialized_invocation_args",
        "{{$}}",
        "--json_serialized_inputs_spec_args",
        '{"parameters": {}}',
        "--beam=1",
    ]


def test_a_push_is_never_taken_from_cache_unless_asked_for(compiled: dict[str, Any], nodes: list[Any]) -> None:
    nodes[1].with_id("ModelPusher")
    compiled["root"]["dag"]["tasks"]["ModelPusher"] = compiled["root"]["dag"]["tasks"].pop("Other")
    compiled["components"]["ModelPusher"] = compiled["components"].pop("Other")
    tasks = spec.complete(compiled, settings(), nodes)["root"]["dag"]["tasks"]
    assert "cachingOptions" not in tasks["ModelPusher"] and tasks["Candidate"]["cachingOptions"] == {
        "enableCache": True
    }
    asked = spec.complete(compiled, settings(ModelPusher={"cache": True}), nodes)["root"]["dag"]["tasks"]
    assert asked["ModelPusher"]["cachingOptions"] == {"enableCache": True}


def test_what_is_handed_in_stays(compiled: dict[str, Any], nodes: list[Any]) -> None:
    before = str(compiled)
    spec.complete(compiled, settings(Candidate=EVERYTHING), nodes)
    assert str(compiled) == before


def test_the_platform_spec_holds_the_rest(compiled: dict[str, Any], nodes: list[Any]) -> None:
    result = spec.platform_spec(compiled, settings(Candidate=EVERYTHING), nodes)
    executors = result["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert list(executors) == ["Candidate_executor"]
    config = executors["Candidate_executor"]
    # Field names are those of the backend's kubernetes_executor_config.proto.
    assert config.pop("tolerations") == [
        {"key": "gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": "30"}
    ]
    parsed = json_format.ParseDict(config, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    assert dict(parsed.node_selector.labels) == {"pool": "large"}
    assert [(mount.constant, mount.mount_path) for mount in parsed.pvc_mount] == [("shared", "/mnt/shared")]
    assert [(s.secret_name, s.mount_path) for s in parsed.secret_as_volume] == [("aws", "/mnt/aws")]
    (keys,) = [[(k.secret_key, k.env_var) for k in s.key_to_env] for s in parsed.secret_as_env]
    assert keys == [("id", "AWS_ACCESS_KEY_ID")]


def test_there_is_no_platform_spec_without_need(compiled: dict[str, Any], nodes: list[Any]) -> None:
    assert spec.platform_spec(compiled, settings(Candidate={"cpu": 2}), nodes) == {}
