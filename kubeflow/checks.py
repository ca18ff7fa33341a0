"""What would only fail on the cluster, looked for before anything is compiled."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

from kubeflow.target import ROOT, WRITABLE, Binding, access
from pipeline.settings.config import ConfigError, RunSettings
from pipeline.settings.kubeflow import KubeflowSettings

PROBE_SECONDS = 20


def check(settings: RunSettings, binding: Binding, nodes: list[str]) -> None:
    """Refuses settings that the target cannot honour.

    Args:
      settings: As loaded, with absolute paths.
      binding: Target, image and root.
      nodes: Ids of the pipeline's nodes.

    Raises:
      ConfigError: Names the key, what was received, and the fix.
    """
    _pods(settings.kubeflow, binding, nodes)
    _beam(settings, binding)
    for path in _paths(settings):
        _reachable(path, settings.kubeflow)


def _pods(kubeflow: KubeflowSettings, binding: Binding, nodes: list[str]) -> None:
    for name in kubeflow.components:
        if name not in nodes:
            raise ConfigError(f"kubeflow.components.{name}: no such node; the pipeline has {', '.join(nodes)}")
    if binding.target == "kfp":
        return
    for name, pod in (
        ("defaults", kubeflow.defaults),
        *((f"components.{n}", p) for n, p in kubeflow.components.items()),
    ):
        for key in ("node_selector", "tolerations", "volumes", "secrets"):
            if getattr(pod, key):
                raise ConfigError(f"kubeflow.{name}.{key}: Vertex has no such thing; remove it, or use TARGET=kfp")
        if pod.accelerator is not None and "/" in pod.accelerator.type:
            raise ConfigError(
                f"kubeflow.{name}.accelerator.type: Vertex names a GPU by its model, such as NVIDIA_TESLA_T4. "
                f"Received: {pod.accelerator.type}"
            )


def _beam(settings: RunSettings, binding: Binding) -> None:
    if settings.beam.runner != "direct" and access(settings, binding.target) == "local":
        raise ConfigError(
            f"kubeflow.artifacts: beam.runner {settings.beam.runner} works on other machines, which do not see the copies "
            "that a pod has of its artifacts; set `artifacts: remote`"
        )
    if access(settings, binding.target) == "remote" and not binding.root.startswith(WRITABLE):
        raise ConfigError(
            f"kubeflow.artifacts: remote needs a pipeline root that TensorFlow and Beam can write: "
            f"{', '.join(WRITABLE)}; their libraries for other schemes are not in this environment. Received: "
            f"{binding.root}; use `artifacts: local`"
        )


class _Path(NamedTuple):
    """A path of the YAML file, the nodes that use it, and whether what lies in the project is in the image too."""

    key: str
    path: str
    nodes: tuple[str, ...]
    in_image: bool = False


def _paths(settings: RunSettings) -> Iterator[_Path]:
    yield _Path("data_schema", settings.data_schema, ("ImportSchemaGen",), in_image=True)
    yield _Path("log.root", settings.log.root, ("InteractionLogGen",), in_image=settings.sample is not None)
    if settings.push.directory is not None:
        yield _Path("push.directory", settings.push.directory, ("ModelPusher",))
    if settings.kubeflow.checkpoints is not None:
        yield _Path("kubeflow.checkpoints", settings.kubeflow.checkpoints, ("Candidate", "Baseline"))


def _reachable(used: _Path, kubeflow: KubeflowSettings) -> None:
    key, path = used.key, used.path
    if "://" in path:
        if not path.startswith(WRITABLE):
            scheme = path.split("://")[0]
            raise ConfigError(
                f"{key}: TensorFlow and Beam have no library for {scheme}:// here; use {', '.join(WRITABLE)} or a folder "
                f"on a volume (kubeflow.defaults.volumes). Received: {path}"
            )
        return
    if used.in_image and path.startswith(f"{ROOT}/"):
        return
    for node in used.nodes:
        mounts = [volume.mount_path.rstrip("/") for volume in kubeflow.pod(node).volumes]
        if not any(path == mount or path.startswith(mount + "/") for mount in mounts):
            raise ConfigError(
                f"{key}: the pods of {node} cannot see {path}; give a gs:// address, or a folder below the mount_path of "
                f"one of its volumes (kubeflow.defaults.volumes; received: {', '.join(mounts) or 'none'})"
            )


def probe(root: str, client: Optional[Any] = None) -> bool:
    """Writes an empty object below ``root`` and removes it.

    Args:
      root: The pipeline root.
      client: A ``google.cloud.storage.Client``; one with this machine's credentials where absent.

    Returns:
      False where nothing could be looked at from here: stores inside the cluster (``minio://``, ``s3://``).

    Raises:
      ConfigError: The root cannot be reached or written.
    """
    if not root.startswith("gs://"):
        return False
    bucket, _, folder = root[len("gs://") :].partition("/")
    name = "/".join(filter(None, [folder, f".write-probe-{uuid.uuid4().hex}"]))
    try:
        if client is None:
            from google.cloud import storage

            client = storage.Client()
        blob = client.bucket(bucket).blob(name)
        blob.upload_from_string(b"", timeout=PROBE_SECONDS, retry=None)
        blob.delete(timeout=PROBE_SECONDS, retry=None)
    # Google's libraries raise what their transports raise; all of it means the same here.
    except Exception as error:
        raise ConfigError(
            f"PIPELINE_ROOT (`kubeflow.pipeline_root`): {root} cannot be written from here "
            f"({type(error).__name__}: {error}); correct it, sign in (`gcloud auth application-default login`), or set "
            "`kubeflow.check_root: false` where only the cluster can reach it"
        ) from error
    return True
