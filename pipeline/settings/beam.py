"""Where Beam runs: the ``beam:`` block of the YAML file, and the arguments that it stands for.

Workers of every runner but Direct need this project's packages, so an image (or a pool of workers that runs one) is asked
for; with it TFX also leaves out the source package of itself that it would otherwise build and send for each component.
"""

from __future__ import annotations

import os
from typing import Annotated, Literal, Optional

from pydantic import Field, model_validator

from components.interaction_log_gen.reading import files
from components.interaction_log_gen.settings import LogSettings
from models.config.settings import Settings

Runner = Literal["direct", "dataflow", "flink", "spark"]

# Beam's Direct runner with processes starts them anew for each component, which costs 11 to 25 CPU seconds of imports for
# two, and each takes a gigabyte: at 20,000 rows they lose half a minute in each component. At a million rows of the sample,
# which are 68 MB, two had won over the pipeline; benchmarks/beam/README.md has the measurements.
PROCESSES_FROM_BYTES = 64 << 20
_DENSITY = 4

# Processes of this machine have our packages. Where no image is named, TFX packs itself in each component for workers that
# lack it, and leaves the package in TMPDIR. The Direct runner starts no container and does not look at the name.
_NOTHING_TO_SEND = "--sdk_container_image=this_machine"

_PORT = r"^[A-Za-z0-9.\-\[\]:]+:[0-9]+$"
_BUCKET = r"^gs://[a-z0-9][a-z0-9._-]+(/.*)?$"

Endpoint = Annotated[str, Field(pattern=_PORT)]
Bucket = Annotated[str, Field(pattern=_BUCKET)]


class DataflowSettings(Settings):
    """Google Cloud Dataflow. Credentials come from where Google's own libraries look for them."""

    project: str = Field(min_length=1, description="id of the Google Cloud project that runs and pays for the jobs")
    region: str = Field(min_length=1, description="region of the workers, such as `europe-west4`")
    temp_location: Bucket = Field(description="`gs://` folder for temporary files of the jobs")
    staging_location: Optional[Bucket] = Field(
        None, description="`gs://` folder for the files that workers start from; absent: that of temporary files"
    )
    image: str = Field(
        min_length=1, description="container image of the workers, with this project's packages: kubeflow/Dockerfile's"
    )
    machine_type: Optional[str] = Field(
        None, description="Compute Engine type of the workers, such as `n2-standard-4`; absent: Dataflow's choice"
    )
    max_workers: Optional[int] = Field(
        None, ge=1, description="upper bound of Dataflow's own scaling; absent: Dataflow's limit"
    )
    disk_gb: Optional[int] = Field(
        None, ge=10, description="size of each worker's disk in gigabytes; absent: Dataflow's choice"
    )
    service_account: Optional[str] = Field(
        None, description="e-mail address of the account that workers act as; absent: Compute Engine's default account"
    )
    subnetwork: Optional[str] = Field(
        None, description="Compute Engine subnetwork of the workers; absent: that of the default network"
    )
    public_ips: bool = Field(True, description="whether workers have addresses on the public internet")
    labels: dict[str, str] = Field({}, description="key → value pairs that Google Cloud bills and filters the jobs by")

    def arguments(self) -> list[str]:
        """Beam's arguments."""
        found = [
            "--runner=DataflowRunner",
            f"--project={self.project}",
            f"--region={self.region}",
            f"--temp_location={self.temp_location}",
            f"--staging_location={self.staging_location or self.temp_location}",
            f"--sdk_container_image={self.image}",
            # TFX's own libraries are in the image; the runner would otherwise install what it finds on this machine.
            "--sdk_location=container",
            "--experiments=use_runner_v2",
        ]
        optional = {
            "machine_type": self.machine_type,
            "max_num_workers": self.max_workers,
            "disk_size_gb": self.disk_gb,
            "service_account_email": self.service_account,
            "subnetwork": self.subnetwork,
        }
        found += [f"--{name}={value}" for name, value in optional.items() if value is not None]
        found += [] if self.public_ips else ["--no_use_public_ips"]
        return found + [f"--labels={key}={value}" for key, value in self.labels.items()]


class PortableSettings(Settings):
    """A cluster behind a Beam job server, and where its workers get our packages from: exactly one of the two."""

    job_endpoint: Endpoint = Field(description="host:port of the Beam job server")
    artifact_endpoint: Optional[Endpoint] = Field(
        None, description="host:port that takes the job's files; absent: the one that the job server names"
    )
    image: Optional[str] = Field(
        None, min_length=1, description="container image of the workers; give this or `worker_pool`"
    )
    worker_pool: Optional[Endpoint] = Field(
        None,
        description="host:port of a pool that runs beside each worker (`python -m …worker_pool_main`); give this or "
        "`image`",
    )
    workers_per_node: int = Field(1, ge=1, description="worker processes on each node")
    timeout_s: int = Field(
        60,
        ge=1,
        description="seconds to wait for the job server; longer than the job itself where it names jobs as they are "
        "prepared, as Beam's own in Python does: Beam then breaks off the stream of states after it",
    )

    @model_validator(mode="after")
    def _one_environment(self) -> PortableSettings:
        if (self.image is None) == (self.worker_pool is None):
            given = "neither" if self.image is None else f"`image: {self.image}` and `worker_pool: {self.worker_pool}`"
            raise ValueError(
                "workers need this project's packages: give `image` (containers; kubeflow/Dockerfile builds one) or "
                f"`worker_pool` (host:port of a pool beside each worker). Received: {given}"
            )
        return self

    def arguments(self) -> list[str]:
        """Beam's arguments, without the runner."""
        found = [
            f"--job_endpoint={self.job_endpoint}",
            f"--job_server_timeout={self.timeout_s}",
            f"--sdk_worker_parallelism={self.workers_per_node}",
        ]
        if self.artifact_endpoint is not None:
            found.append(f"--artifact_endpoint={self.artifact_endpoint}")
        if self.image is not None:
            environment = ["--environment_type=DOCKER", f"--environment_config={self.image}"]
        else:
            environment = ["--environment_type=EXTERNAL", f"--environment_config={self.worker_pool}"]
        # Tells TFX that workers have its packages.
        return [*found, *environment, f"--sdk_container_image={self.image or 'worker_pool'}"]


class FlinkSettings(PortableSettings):
    """Apache Flink behind Beam's Flink job server, which knows its master."""

    parallelism: Optional[int] = Field(
        None, ge=1, description="parallel copies of each operator; absent: the cluster's default"
    )
    max_parallelism: Optional[int] = Field(
        None, ge=1, description="copies that an operator can be scaled up to later; absent: Flink's choice"
    )

    @model_validator(mode="after")
    def _bounds(self) -> FlinkSettings:
        if self.parallelism and self.max_parallelism and self.parallelism > self.max_parallelism:
            raise ValueError(
                f"`max_parallelism` should be at least `parallelism`, {self.parallelism}. Received: {self.max_parallelism}"
            )
        return self

    def arguments(self) -> list[str]:
        """Beam's arguments."""
        optional = {"parallelism": self.parallelism, "max_parallelism": self.max_parallelism}
        own = [f"--{name}={value}" for name, value in optional.items() if value is not None]
        return ["--runner=FlinkRunner", *super().arguments(), *own]


class SparkSettings(PortableSettings):
    """Apache Spark behind Beam's Spark job server, which knows its master and its executors."""

    def arguments(self) -> list[str]:
        """Beam's arguments."""
        return ["--runner=SparkRunner", *super().arguments()]


class BeamSettings(Settings):
    """How Beam runs: on this machine, or on a cluster, whose block then stands beside ``runner``."""

    runner: Runner = Field(
        "direct",
        description="`direct` is this machine (on Kubeflow the component's pod); the others are clusters, and need the "
        "block of their name",
    )
    workers: Optional[int] = Field(
        None,
        ge=1,
        description="processes of `runner: direct`, where 1 is the component's own; absent: 1 for logs below 64 MiB, and "
        "one for each core from there on",
    )
    dataflow: Optional[DataflowSettings] = Field(
        None, description="Google Cloud Dataflow, with `runner: dataflow` alone"
    )
    flink: Optional[FlinkSettings] = Field(None, description="an Apache Flink cluster, with `runner: flink` alone")
    spark: Optional[SparkSettings] = Field(None, description="an Apache Spark cluster, with `runner: spark` alone")

    @model_validator(mode="after")
    def _one_runner(self) -> BeamSettings:
        blocks = {name: getattr(self, name) for name in ("dataflow", "flink", "spark")}
        if self.runner != "direct" and blocks[self.runner] is None:
            required = [name for name, field in _BLOCKS[self.runner].model_fields.items() if field.is_required()]
            raise ValueError(
                f"`runner: {self.runner}` needs a block `{self.runner}` with {', '.join(f'`{key}`' for key in required)}. "
                "Received none"
            )
        for name, block in blocks.items():
            if block is not None and name != self.runner:
                raise ValueError(
                    f"the block `{name}` is for `runner: {name}`; remove it, or set the runner. "
                    f"Received: `runner: {self.runner}`"
                )
        if self.workers is not None and self.runner != "direct":
            instead = {"dataflow": "dataflow.max_workers", "flink": "flink.parallelism"}.get(self.runner)
            fix = f"set `{instead}`" if instead else "the Spark job server settles it"
            raise ValueError(f"`workers` are processes of `runner: direct`; remove it: {fix}")
        return self


_BLOCKS: dict[str, type[Settings]] = {"dataflow": DataflowSettings, "flink": FlinkSettings, "spark": SparkSettings}


def log_bytes(log: LogSettings) -> int:
    """Size of the log's files, those that are compressed or columnar counted as what they hold in CSV, roughly.

    Raises:
      LogError: A glob of the log matches nothing.
    """
    total = 0
    for source, found in zip(log.sources, files.log_files(log), strict=True):
        for file in found:
            dense = source.read.format == "parquet" or os.path.splitext(file.path)[1] in (".gz", ".bz2", ".zst")
            total += file.size * (_DENSITY if dense else 1)
    return total


def beam_args(settings: BeamSettings, log_bytes: Optional[int] = None) -> list[str]:
    """The arguments that every component hands to Beam.

    Args:
      settings: The ``beam:`` block.
      log_bytes: Size of the log's files; None where they are not to be seen from here (a pipeline that is compiled for
        a cluster), which counts as large.
    """
    for block in (settings.dataflow, settings.flink, settings.spark):
        if block is not None:
            return block.arguments()
    workers = settings.workers
    if workers is None:
        small = log_bytes is not None and log_bytes < PROCESSES_FROM_BYTES
        # 0 is Beam's word for all cores of the machine that it will run on.
        workers = 1 if small else (len(os.sched_getaffinity(0)) if log_bytes is not None else 0)
    mode = "in_memory" if workers == 1 else "multi_processing"
    return [f"--direct_running_mode={mode}", f"--direct_num_workers={workers}", _NOTHING_TO_SEND]
