"""What is compiled for whom: the choices of the command line and of the YAML file, checked before anything is compiled."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple, Optional

from pipeline.pipeline import Places
from pipeline.settings.config import ConfigError, RunSettings

ROOT = Path(__file__).resolve().parent.parent
IMAGE_VARIABLE = "KUBEFLOW_IMAGE"
ROOT_VARIABLE = "KUBEFLOW_PIPELINE_ROOT"
TARGET_VARIABLE = "KUBEFLOW_TARGET"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,126}[a-z0-9])?")
TARGETS = ("kfp", "vertex")
# What each target's own software can read and write: Kubeflow's launcher, and Vertex.
SCHEMES = {"kfp": ("minio://", "s3://", "gs://"), "vertex": ("gs://",)}
# What TensorFlow's and Beam's file systems in this environment can write.
WRITABLE = ("gs://",)


class Binding(NamedTuple):
    """A compiled pipeline's target, image and root."""

    target: str
    image: str
    root: str


def bind(settings: RunSettings, default_target: str = "kfp") -> Binding:
    """Target, image and root, from the environment first and then from the YAML file.

    Raises:
      ConfigError: One is missing or unknown, the root is of no store that the target reads, or the dataset's name can
        be no pipeline's.
    """
    target = os.environ.get(TARGET_VARIABLE) or default_target
    if target not in TARGETS:
        raise ConfigError(f"TARGET ({TARGET_VARIABLE}) should be one of {', '.join(TARGETS)}. Received: {target}")
    image = os.environ.get(IMAGE_VARIABLE) or settings.kubeflow.image
    if not image:
        raise ConfigError(
            f"the pods need an image: give IMAGE=… ({IMAGE_VARIABLE}) or `kubeflow.image`, such as "
            "registry.example.org/fair-recommender:1; kubeflow/Dockerfile builds it"
        )
    root = os.environ.get(ROOT_VARIABLE) or settings.kubeflow.pipeline_root
    if not root:
        raise ConfigError(
            f"give PIPELINE_ROOT=… ({ROOT_VARIABLE}) or `kubeflow.pipeline_root`: the folder for artifacts, such as "
            f"{SCHEMES[target][0]}bucket/folder"
        )
    schemes = SCHEMES[target]
    scheme = next((scheme for scheme in schemes if root.startswith(scheme)), None)
    if scheme is None or not root[len(scheme) :].split("/")[0]:
        raise ConfigError(
            f"PIPELINE_ROOT (`kubeflow.pipeline_root`) should be a folder in a bucket, {' or '.join(schemes)}bucket/…, "
            f"for TARGET={target}. Received: {root}"
        )
    if not _NAME.fullmatch(settings.dataset):
        raise ConfigError(
            "`dataset` names the pipeline, and Kubeflow wants lower-case letters, digits and hyphens. "
            f"Received: {settings.dataset}"
        )
    return Binding(target, image, root.rstrip("/"))


def access(settings: RunSettings, target: str) -> str:
    """How the executors reach artifacts: Vertex copies nothing, so they use URIs there."""
    return "remote" if target == "vertex" else settings.kubeflow.artifacts


def places(settings: RunSettings, binding: Binding) -> Places:
    """What a cluster binds: artifacts, pushed models and checkpoints under the pipeline root, and no metadata file.

    Raises:
      ConfigError: Models cannot be pushed under the root, and the YAML file names no other folder.
    """
    serving = settings.push.directory
    if serving is None:
        if not binding.root.startswith(WRITABLE):
            raise ConfigError(
                f"`push.directory`: models cannot be pushed below {binding.root}: only {', '.join(WRITABLE)} and mounted "
                "volumes can be written by the pods; give a folder there"
            )
        serving = f"{binding.root}/serving/{settings.dataset}"
    checkpoints: Optional[str] = settings.kubeflow.checkpoints
    if checkpoints is None and binding.root.startswith(WRITABLE):
        checkpoints = f"{binding.root}/checkpoints/{settings.dataset}"
    return Places(pipeline_root=binding.root, serving=serving, checkpoints=checkpoints)


def for_pods(settings: RunSettings) -> RunSettings:
    """The settings with the paths that lie in the project made relative: in a pod, it is the working folder."""

    def relative(path: str) -> str:
        return str(Path(path).relative_to(ROOT)) if "://" not in path and Path(path).is_relative_to(ROOT) else path

    log = settings.log.model_copy(update={"root": relative(settings.log.root)}) if settings.sample else settings.log
    return settings.model_copy(update={"data_schema": relative(settings.data_schema), "log": log})
