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
    """GPUs of a pod: ``nvidia.com/gpu`` on open-source Kubeflow, a name such as ``NVIDIA_TESLA_T4`` on Vertex."""

    type: str = "nvidia.com/gpu"
    count: int = Field(1, ge=1)


class RetrySettings(Settings):
    """How often a failed pod is started again, and after how long (``60s``, times ``backoff_factor`` each time)."""

    count: int = Field(0, ge=0)
    backoff: str = Field("30s", pattern=_SECONDS.pattern)
    backoff_factor: float = Field(2.0, ge=1)
    backoff_max: str = Field("3600s", pattern=_SECONDS.pattern)


class VolumeSettings(Settings):
    """An existing volume claim, mounted."""

    claim: str = Field(min_length=1)
    mount_path: str = Field(pattern=r"^/.")


class SecretSettings(Settings):
    """An existing secret: keys as environment variables (``env: {key: VARIABLE}``), or all of it as files."""

    name: str = Field(min_length=1)
    env: dict[str, str] = {}
    mount_path: Optional[str] = Field(None, pattern=r"^/.")

    @model_validator(mode="after")
    def _used(self) -> SecretSettings:
        if not self.env and self.mount_path is None:
            raise ValueError(f"secret `{self.name}` should name `env` or `mount_path`. Received: neither")
        return self


class TolerationSettings(Settings):
    """A taint that the pods bear, as Kubernetes has it."""

    key: Optional[str] = None
    operator: Literal["Equal", "Exists"] = "Equal"
    value: Optional[str] = None
    effect: Optional[Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]] = None
    seconds: Optional[int] = Field(None, ge=0)

    @model_validator(mode="after")
    def _complete(self) -> TolerationSettings:
        if self.operator == "Equal" and (self.key is None or self.value is None):
            raise ValueError("a toleration with operator `Equal` needs `key` and `value`; `Exists` needs no value")
        if self.operator == "Exists" and self.value is not None:
            raise ValueError(f"a toleration with operator `Exists` takes no `value`. Received: {self.value!r}")
        return self


class PodSettings(Settings):
    """What the pods of one node get. An absent key is taken from ``kubeflow.defaults``; of lists and maps both count."""

    image: Optional[str] = Field(None, min_length=1)
    cpu: Optional[float] = Field(None, gt=0, description="limit, in cores")
    memory: Optional[str] = Field(None, description="limit, such as 8Gi or 500M")
    accelerator: Optional[AcceleratorSettings] = None
    node_selector: dict[str, str] = {}
    tolerations: tuple[TolerationSettings, ...] = ()
    volumes: tuple[VolumeSettings, ...] = ()
    secrets: tuple[SecretSettings, ...] = ()
    env: dict[str, str] = {}
    retries: Optional[RetrySettings] = None
    cache: Optional[bool] = Field(None, description="whether Kubeflow may take the outputs of an equal earlier task")
    beam: Optional[tuple[str, ...]] = Field(None, description="Beam's arguments, in place of those of `beam`")

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
    """Where and how the pipeline runs on Kubeflow. ``IMAGE``, ``PIPELINE_ROOT`` and ``TARGET`` of `make` come first."""

    image: Optional[str] = Field(None, min_length=1)
    pipeline_root: Optional[str] = Field(None, min_length=1)
    artifacts: Literal["local", "remote"] = Field(
        "local",
        description="kfp only. local: executors work on the copies that Kubeflow's launcher downloads and uploads; "
        "remote: on the URIs themselves, which a distributed Beam runner needs",
    )
    checkpoints: Optional[str] = Field(None, description="folder that TensorFlow can write: gs:// or on a volume")
    check_root: bool = Field(True, description="write a probe object to the pipeline root before compiling")
    defaults: PodSettings = PodSettings()
    components: dict[str, PodSettings] = {}

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
