"""What Kubeflow hands to a task, made into what TFX can read, and TFX's answer made into what Kubeflow can record.

Open-source Kubeflow's driver reads input artifacts back from its metadata store without their schema, or under generic
titles (``system.Dataset``), so that TFX cannot tell an Examples from a Model; the component's own input definitions have
the truth. Its launcher copies input artifacts to the pod before a task and uploads output artifacts after it, under paths
that follow from their URIs: with ``local`` access the executors work on these copies, whatever the object store.

All functions take and return the JSON objects of Kubeflow's ``ExecutorInput`` and ``ExecutorOutput``.
"""

from __future__ import annotations

import copy
from typing import Any, Optional

import yaml

# Scheme → the folder under which Kubeflow's launcher keeps its copies (`LocalPathForURI` in its launcher_v2.go).
LAUNCHER_FOLDERS = {"gs://": "gcs", "minio://": "minio", "s3://": "s3"}


class InvocationError(ValueError):
    """What Kubeflow handed over does not fit the component."""


def local_path(uri: str, root: str = "/") -> str:
    """Where the launcher keeps the copy of ``uri``; a ``uri`` of no object store is a path already.

    Args:
      uri: Of an artifact.
      root: The folder of the launcher's folders: ``/`` in a pod.

    Raises:
      InvocationError: The launcher knows no such scheme.
    """
    for scheme, folder in LAUNCHER_FOLDERS.items():
        if uri.startswith(scheme):
            return f"{root.rstrip('/')}/{folder}/{uri[len(scheme) :]}"
    if "://" in uri:
        raise InvocationError(
            f"an artifact's URI should start with one of {', '.join(LAUNCHER_FOLDERS)}. Received: {uri}"
        )
    return uri


def schema_title(artifact_type: dict[str, Any]) -> Optional[str]:
    """The title of an artifact type, ``tfx.Examples`` or one of our own; None where it has none."""
    if artifact_type.get("schemaTitle"):
        return artifact_type["schemaTitle"]
    # An empty schema is what Kubeflow's driver hands over; YAML reads it as None.
    return (yaml.safe_load(artifact_type.get("instanceSchema") or "") or {}).get("title")


def typed(invocation: dict[str, Any], inputs_spec: dict[str, Any], classes: dict[str, str]) -> dict[str, Any]:
    """Gives every artifact the type that its component declares.

    Args:
      invocation: ``ExecutorInput``.
      inputs_spec: The component's ``ComponentInputsSpec``.
      classes: Title → import path of the artifact classes that are not TFX's.

    Returns:
      A new ``ExecutorInput``, whose types TFX can import. What the launcher adds to the outputs for itself
      (``executor-logs``) is left out.

    Raises:
      InvocationError: An input is not declared, is declared without a title, or an output has no type.
    """
    result = copy.deepcopy(invocation)
    declared = inputs_spec.get("artifacts", {})
    for key, artifact in _artifacts(result, "inputs"):
        if key not in declared:
            raise InvocationError(f"input `{key}` is not declared; the component declares {sorted(declared)}")
        artifact["type"] = _importable(declared[key].get("artifactType", {}), f"input `{key}`", classes)
    outputs = result.get("outputs", {}).get("artifacts", {})
    for key in list(outputs):
        kinds = [schema_title(artifact.get("type", {})) or "" for artifact in outputs[key].get("artifacts", [])]
        if any(kind.startswith("system.") for kind in kinds):
            del outputs[key]
    for key, artifact in _artifacts(result, "outputs"):
        artifact["type"] = _importable(artifact.get("type", {}), f"output `{key}`", classes)
    return result


def on_local_copies(invocation: dict[str, Any], root: str = "/") -> tuple[dict[str, Any], dict[str, str]]:
    """Points every artifact to the launcher's copy of it.

    Returns:
      A new ``ExecutorInput``, and path → URI of every artifact that was moved.
    """
    result, uris = copy.deepcopy(invocation), {}
    for side in ("inputs", "outputs"):
        for _, artifact in _artifacts(result, side):
            # A path of the user's own, which later launchers allow, stands above the rule.
            path = artifact.pop("customPath", None) or local_path(artifact["uri"], root)
            if path != artifact["uri"]:
                uris[path] = artifact["uri"]
                artifact["uri"] = path
    return result, uris


def output_uris(invocation: dict[str, Any]) -> list[str]:
    """Where the outputs of an ``ExecutorInput`` are to be written."""
    return [artifact["uri"] for _, artifact in _artifacts(invocation, "outputs")]


def recordable(output: dict[str, Any], uris: dict[str, str]) -> dict[str, Any]:
    """Makes TFX's ``ExecutorOutput`` one that Kubeflow can record.

    Paths become URIs again, in the artifacts' properties too (a blessing names its model). Properties without a value are
    left out: Kubeflow's launcher refuses a null.
    """
    result = copy.deepcopy(output)
    for artifacts in result.get("artifacts", {}).values():
        for artifact in artifacts.get("artifacts", []):
            artifact["uri"] = _uri(artifact["uri"], uris)
            artifact["metadata"] = {
                key: _uri(value, uris) if isinstance(value, str) else value
                for key, value in artifact.get("metadata", {}).items()
                if value is not None
            }
    return result


def _uri(text: str, uris: dict[str, str]) -> str:
    for path, uri in uris.items():
        if text == path or text.startswith(path + "/"):
            return uri + text[len(path) :]
    return text


def _artifacts(invocation: dict[str, Any], side: str) -> list[tuple[str, dict[str, Any]]]:
    found = invocation.get(side, {}).get("artifacts", {})
    return [(key, artifact) for key, group in found.items() for artifact in group.get("artifacts", [])]


def _importable(declared: dict[str, Any], where: str, classes: dict[str, str]) -> dict[str, Any]:
    title = schema_title(declared)
    if title is None:
        raise InvocationError(f"{where} should have a type with a title. Received: {declared or 'none'}")
    # TFX knows its own titles and takes any other for an import path.
    return {"schemaTitle": classes.get(title, title)}
