"""The ``kubeflow:`` block of the YAML file: what the pods of each node get on Kubeflow Pipelines."""

from __future__ import annotations

import re
from typing import Literal, Optional

from pydantic import Field, field_validator, model_validator

from models.config.settings import Settings

# The nodes that may ask for accelerators: the others gain nothing, and TensorFlow would take a whole GPU's memory.
ACCELERATED = ("Candidate", "Baseline", "Tuner")
_GIGABYTES = {"K": 1e-6, "M": 1e-3, "G": 1.0, "T": 1e3, "Ki": 2**10 / 1e9, "Mi": 2**20 / 1e9, "Gi": 2**30 / 1e9}
_MEMORY = re.compile(r"^(\d+(?:\.\d+)?)(Ki|Mi|Gi|K|M|G|T)$")
_SECONDS = re.compile(r"^\d+s$")


class AcceleratorSettings(Settings):
    """GPUs of a pod."""

    type: str = Field(
        "nvidia.com/gpu",
        description="the Kubernetes resource on open-source Kubeflow, the GPU's model on Vertex, such as `NVIDIA_TESLA_T4`",
    )
    count: int = Field(1, ge=1, description="GPUs of each pod")


class RetrySettings(Settings):
    """How often a failed pod is started again, and after how long."""

    count: int = Field(0, ge=0, description="how often at most a failed pod is started again")
    backoff: str = Field(
        "30s", pattern=_SECONDS.pattern, description="whole seconds before the first new start, such as `60s`"
    )
    backoff_factor: float = Field(2.0, ge=1, description="by what the wait is multiplied at each further start")
    backoff_max: str = Field(
        "3600s", pattern=_SECONDS.pattern, description="longest wait in whole seconds, such as `600s`"
    )


class VolumeSettings(Settings):
    """An existing volume claim, mounted."""

    claim: str = Field(min_length=1, description="name of the persistent volume claim in the namespace of the runs")
    mount_path: str = Field(pattern=r"^/.", description="absolute folder of the pod at which the volume appears")


class SecretSettings(Settings):
    """An existing secret: keys as environment variables, all of it as files, or both."""

    name: str = Field(min_length=1, description="the Kubernetes secret, in the namespace of the runs")
    env: dict[str, str] = Field({}, description="key of the secret → environment variable that holds its value")
    mount_path: Optional[str] = Field(
        None, pattern=r"^/.", description="absolute folder of the pod with a file for each key; absent: no files"
    )

    @model_validator(mode="after")
    def _used(self) -> SecretSettings:
        if not self.env and self.mount_path is None:
            raise ValueError(f"secret `{self.name}` should name `env` or `mount_path`. Received: neither")
        return self


class TolerationSettings(Settings):
    """A taint that the pods bear, as Kubernetes has it."""

    key: Optional[str] = Field(None, description="the taint's key; absent, with `Exists` alone: every key")
    operator: Literal["Equal", "Exists"] = Field(
        "Equal", description="whether the taint's value has to be equal, or its key to be there"
    )
    value: Optional[str] = Field(None, description="the taint's value; needed with `Equal`, absent with `Exists`")
    effect: Optional[Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]] = Field(
        None, description="the taint's effect; absent: every effect"
    )
    seconds: Optional[int] = Field(
        None, ge=0, description="how long a pod stays after a `NoExecute` taint appears; absent: for good"
    )

    @model_validator(mode="after")
    def _complete(self) -> TolerationSettings:
        if self.operator == "Equal" and (self.key is None or self.value is None):
            raise ValueError("a toleration with operator `Equal` needs `key` and `value`; `Exists` needs no value")
        if self.operator == "Exists" and self.value is not None:
            raise ValueError(f"a toleration with operator `Exists` takes no `value`. Received: {self.value!r}")
        return self


class PodSettings(Settings):
    """What the pods of one node get. An absent key is taken from ``kubeflow.defaults``; of lists and maps both count."""

    image: Optional[str] = Field(None, min_length=1, description="container image; absent: the pipeline's")
    cpu: Optional[float] = Field(None, gt=0, description="limit in cores; absent: the cluster's default")
    memory: Optional[str] = Field(
        None,
        description="limit: a number with K, M, G, T, Ki, Mi or Gi, such as `8Gi` or `500M`; absent: the cluster's default",
    )
    accelerator: Optional[AcceleratorSettings] = Field(
        None, description="GPUs, for `Candidate`, `Baseline` and `Tuner` alone and never a default; absent: none"
    )
    node_selector: dict[str, str] = Field(
        {}, description="labels that a machine has to have to run the pod; open-source Kubeflow alone"
    )
    tolerations: tuple[TolerationSettings, ...] = Field(
        (), description="taints of machines that may run the pod all the same; open-source Kubeflow alone"
    )
    volumes: tuple[VolumeSettings, ...] = Field(
        (), description="existing volume claims to mount; open-source Kubeflow alone"
    )
    secrets: tuple[SecretSettings, ...] = Field(
        (), description="existing secrets as environment variables or files; open-source Kubeflow alone"
    )
    env: dict[str, str] = Field({}, description="environment variables of the pod, name → value")
    retries: Optional[RetrySettings] = Field(None, description="how a failed pod is started again; absent: it is not")
    cache: Optional[bool] = Field(
        None,
        description="whether Kubeflow may take the outputs of an equal earlier task; absent: yes, but not for `ModelPusher`",
    )
    beam: Optional[tuple[str, ...]] = Field(
        None, description="Beam's command-line arguments; absent: those that the `beam` block of the file stands for"
    )

    @field_validator("memory")
    @classmethod
    def _memory(cls, value: Optional[str]) -> Optional[str]:
        if value is not None and not _MEMORY.match(value):
            raise ValueError(
                f"`memory` should be a number with K, M, G, T, Ki, Mi or Gi, such as 8Gi. Received: {value}"
            )
        return value

    @property
    def gigabytes(self) -> Optional[float]:
        """The memory limit in units of 10⁹ bytes, as the pipeline spec has it."""
        match = _MEMORY.match(self.memory or "")
        return float(match.group(1)) * _GIGABYTES[match.group(2)] if match else None

    def over(self, defaults: PodSettings) -> PodSettings:
        """These settings, with ``defaults`` where they say nothing. An accelerator is never a default."""
        single = ("image", "cpu", "memory", "retries", "cache", "beam")
        values = {key: getattr(defaults, key) if getattr(self, key) is None else getattr(self, key) for key in single}
        return PodSettings(
            **values,
            accelerator=self.accelerator,
            node_selector={**defaults.node_selector, **self.node_selector},
            tolerations=(*defaults.tolerations, *self.tolerations),
            volumes=(*defaults.volumes, *self.volumes),
            secrets=(*defaults.secrets, *self.secrets),
            env={**defaults.env, **self.env},
        )


class KubeflowSettings(Settings):
    """Where and how the pipeline runs on Kubeflow."""

    image: Optional[str] = Field(
        None,
        min_length=1,
        description="container image of every pod, which kubeflow/Dockerfile builds; `IMAGE` of `make kubeflow` comes "
        "first, and one of the two is needed",
    )
    pipeline_root: Optional[str] = Field(
        None,
        min_length=1,
        description="folder for artifacts in a bucket: `gs://`, on open-source Kubeflow also `s3://` or `minio://`; "
        "`PIPELINE_ROOT` of `make kubeflow` comes first, and one of the two is needed",
    )
    artifacts: Literal["local", "remote"] = Field(
        "local",
        description="what executors work on: `local`, the copies that Kubeflow's launcher downloads and uploads; `remote`, "
        "the URIs themselves, which a distributed Beam runner needs and Vertex always does",
    )
    checkpoints: Optional[str] = Field(
        None,
        description="folder for training checkpoints, `gs://` or on a volume; absent: `checkpoints/<dataset>` below a "
        "`gs://` pipeline root, and none with other roots, so that an interrupted training starts anew",
    )
    check_root: bool = Field(
        True, description="whether an empty object is written to a `gs://` pipeline root and removed before compiling"
    )
    defaults: PodSettings = Field(PodSettings(), description="what the pods of every node get")
    components: dict[str, PodSettings] = Field(
        {}, description="node, such as `Candidate` → what its pods get beside or in place of the defaults"
    )

    @model_validator(mode="after")
    def _accelerators(self) -> KubeflowSettings:
        if self.defaults.accelerator is not None:
            raise ValueError(f"`defaults.accelerator`: only {', '.join(ACCELERATED)} can use one; name it there")
        for name, pod in self.components.items():
            if pod.accelerator is not None and name not in ACCELERATED:
                raise ValueError(
                    f"`components.{name}.accelerator`: {name} cannot use one, only {', '.join(ACCELERATED)} can; remove it"
                )
        return self

    def pod(self, node: str) -> PodSettings:
        """What the pods of the node ``node`` get."""
        return self.components.get(node, PodSettings()).over(self.defaults)
