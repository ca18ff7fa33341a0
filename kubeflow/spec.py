"""What TFX's compiler leaves out of a Kubeflow pipeline, added to the compiled one.

TFX writes the graph, the types and the commands. Here every task gets its entry point's arguments, resources, variables,
retries and caching, and what a ``PipelineSpec`` cannot hold (node selectors, tolerations, volumes, secrets) goes into
Kubeflow's platform spec beside it. Specs are the JSON objects of ``PipelineSpec`` and ``PlatformSpec``.
"""

from __future__ import annotations

import copy
import json
from typing import Any, Optional

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.components.base import base_node
from tfx.types import artifact
from tfx.utils import name_utils

from pipeline.settings.kubeflow import KubeflowSettings, PodSettings, TolerationSettings

# A push that is taken from cache pushes nothing: run A, then B, then A again would leave B the newest model.
NEVER_FROM_CACHE = ("ModelPusher",)
INPUTS_SPEC = "--json_serialized_inputs_spec_args"


def artifact_classes(node: base_node.BaseNode) -> dict[str, str]:
    """Title → import path of the classes of ``node``'s artifacts that are not TFX's own."""
    types = [channel.type for channel in (*node.inputs.values(), *node.outputs.values())]
    return {kind.TYPE_NAME: name_utils.get_full_name(kind) for kind in types if not _is_tfx(kind)}


def _is_tfx(kind: type[artifact.Artifact]) -> bool:
    return kind.__module__.startswith("tfx.")


def complete(spec: dict[str, Any], settings: KubeflowSettings, nodes: list[base_node.BaseNode]) -> dict[str, Any]:
    """The pipeline spec with arguments, resources, variables, retries and caching of every node.

    Args:
      spec: TFX's ``PipelineSpec``.
      settings: The ``kubeflow:`` block.
      nodes: The pipeline's nodes, by whose ids TFX names tasks and components.
    """
    result = copy.deepcopy(spec)
    for node in nodes:
        pod = settings.pod(node.id)
        task = result["root"]["dag"]["tasks"][node.id]
        _cache(task, False if pod.cache is None and node.id in NEVER_FROM_CACHE else pod.cache)
        if pod.retries is not None and pod.retries.count:
            task["retryPolicy"] = _retries(pod)
        container = _executor(result, node.id).get("container")
        if container is not None:
            inputs = result["components"][node.id].get("inputDefinitions", {})
            _container(container, pod, inputs, artifact_classes(node))
    return result


def _executor(spec: dict[str, Any], node: str) -> dict[str, Any]:
    return spec["deploymentSpec"]["executors"][spec["components"][node]["executorLabel"]]


def _container(container: dict[str, Any], pod: PodSettings, inputs: dict[str, Any], classes: dict[str, str]) -> None:
    arguments = container["args"]
    if INPUTS_SPEC not in arguments:
        # TFX gives them to its newer form alone, and the entry point reads the types there.
        place = arguments.index("{{$}}") + 1
        arguments[place:place] = [INPUTS_SPEC, json.dumps(inputs, sort_keys=True)]
    arguments[:0] = ["--artifact_classes", json.dumps(classes, sort_keys=True)]
    if pod.beam is not None:
        end = arguments.index(INPUTS_SPEC) + 2
        arguments[end:] = list(pod.beam)
    if pod.image is not None:
        container["image"] = pod.image
    resources: dict[str, Any] = {}
    if pod.cpu is not None:
        resources["cpuLimit"] = pod.cpu
    if pod.gigabytes is not None:
        resources["memoryLimit"] = pod.gigabytes
    if pod.accelerator is not None:
        # protobuf's JSON has 64-bit integers as text.
        resources["accelerator"] = {"type": pod.accelerator.type, "count": str(pod.accelerator.count)}
    if resources:
        container["resources"] = resources
    if pod.env:
        container["env"] = [{"name": name, "value": value} for name, value in sorted(pod.env.items())]


def _cache(task: dict[str, Any], cache: Optional[bool]) -> None:
    if cache is False:
        task.pop("cachingOptions", None)
    elif cache:
        task["cachingOptions"] = {"enableCache": True}


def _retries(pod: PodSettings) -> dict[str, Any]:
    retries = pod.retries
    assert retries is not None
    policy = pipeline_spec_pb2.PipelineTaskSpec.RetryPolicy(
        max_retry_count=retries.count, backoff_factor=retries.backoff_factor
    )
    policy.backoff_duration.FromJsonString(retries.backoff)
    policy.backoff_max_duration.FromJsonString(retries.backoff_max)
    return json_format.MessageToDict(policy)


def platform_spec(spec: dict[str, Any], settings: KubeflowSettings, nodes: list[base_node.BaseNode]) -> dict[str, Any]:
    """The platform spec beside ``spec``; empty where no node asks for what it holds."""
    executors = {}
    for node in nodes:
        config = _kubernetes(settings.pod(node.id))
        if config and "container" in _executor(spec, node.id):
            executors[spec["components"][node.id]["executorLabel"]] = config
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}} if executors else {}


def _kubernetes(pod: PodSettings) -> dict[str, Any]:
    config = kubernetes_pb2.KubernetesExecutorConfig()
    if pod.node_selector:
        config.node_selector.labels.update(pod.node_selector)
    for volume in pod.volumes:
        config.pvc_mount.add(constant=volume.claim, mount_path=volume.mount_path)
    for secret in pod.secrets:
        if secret.mount_path is not None:
            config.secret_as_volume.add(secret_name=secret.name, mount_path=secret.mount_path)
        if secret.env:
            entry = config.secret_as_env.add(secret_name=secret.name)
            for key, variable in secret.env.items():
                entry.key_to_env.add(secret_key=key, env_var=variable)
    result = json_format.MessageToDict(config)
    # This release of kfp-kubernetes lacks the message that Kubeflow's backend (2.1 and later) reads.
    if pod.tolerations:
        result["tolerations"] = [_toleration(toleration) for toleration in pod.tolerations]
    return result


def _toleration(toleration: TolerationSettings) -> dict[str, Any]:
    values = toleration.model_dump(exclude_none=True)
    if "seconds" in values:
        values["tolerationSeconds"] = str(values.pop("seconds"))
    return values
