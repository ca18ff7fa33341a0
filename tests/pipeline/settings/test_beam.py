"""The `beam:` block: the arguments of each runner, and what is said about wrong ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.runner import create_runner
from pydantic import ValidationError
from tfx.utils import dependency_utils

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.settings import LogSettings
from pipeline.settings.beam import PROCESSES_FROM_BYTES, BeamSettings, beam_args, log_bytes
from pipeline.settings.config import ConfigError, load

ROOT = Path(__file__).resolve().parents[3]

DATAFLOW = {
    "project": "my-project",
    "region": "europe-west4",
    "temp_location": "gs://my-bucket/temp",
    "image": "europe-docker.pkg.dev/my-project/fair/recommender:1",
}
FLINK = {"job_endpoint": "flink-jobs:8099", "image": "registry:5000/recommender:1"}
SPARK = {"job_endpoint": "spark-jobs:8099", "worker_pool": "localhost:50000"}
CLUSTERS = {"dataflow": DATAFLOW, "flink": FLINK, "spark": SPARK}


def arguments(**block: Any) -> list[str]:
    return beam_args(BeamSettings.model_validate(block))


def parsed(found: list[str]) -> PipelineOptions:
    """Beam's own reading; an argument that it does not know fails."""
    options = PipelineOptions(found)
    unknown = set(options.get_all_options(retain_unknown_options=True)) - set(options.get_all_options())
    assert not unknown, f"unknown to Beam: {unknown}"
    return options


def beam_errors(options: PipelineOptions) -> list[str]:
    """What Beam's own validator says of the options for their runner."""
    runner = create_runner(options.view_as(StandardOptions).runner)
    return PipelineOptionsValidator(options, runner).validate()


@pytest.mark.parametrize(
    ("workers", "mode", "number"), [(1, "in_memory", 1), (2, "multi_processing", 2), (16, "multi_processing", 16)]
)
def test_direct_with_a_number_of_workers(workers: int, mode: str, number: int) -> None:
    options = parsed(arguments(workers=workers)).view_as(DirectOptions)
    assert (options.direct_running_mode, options.direct_num_workers) == (mode, number)
    assert parsed(arguments(workers=workers)).view_as(StandardOptions).runner is None


@pytest.mark.parametrize(
    ("size", "mode", "number"),
    [
        (0, "in_memory", 1),
        (PROCESSES_FROM_BYTES - 1, "in_memory", 1),
        (PROCESSES_FROM_BYTES, "multi_processing", "cores"),
        # Compiled elsewhere: the machine that runs it settles the number.
        (None, "multi_processing", 0),
    ],
)
def test_direct_by_the_size_of_the_log(size: Any, mode: str, number: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)))
    options = parsed(beam_args(BeamSettings(), size)).view_as(DirectOptions)
    assert (options.direct_running_mode, options.direct_num_workers) == (mode, 6 if number == "cores" else number)


def test_one_core_works_in_process_whatever_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    options = parsed(beam_args(BeamSettings(), PROCESSES_FROM_BYTES)).view_as(DirectOptions)
    assert (options.direct_running_mode, options.direct_num_workers) == ("in_memory", 1)


def test_the_number_that_is_set_counts_whatever_the_size() -> None:
    assert beam_args(BeamSettings(workers=1), 10 * PROCESSES_FROM_BYTES) == arguments(workers=1)
    assert beam_args(BeamSettings(workers=3), 1) == arguments(workers=3)


def test_dataflow() -> None:
    block = DATAFLOW | {
        "staging_location": "gs://my-bucket/staging",
        "machine_type": "n2-highmem-8",
        "max_workers": 40,
        "disk_gb": 50,
        "service_account": "beam@my-project.iam.gserviceaccount.com",
        "subnetwork": "regions/europe-west4/subnetworks/private",
        "public_ips": False,
        "labels": {"team": "ranking", "stage": "prod"},
    }
    options = parsed(arguments(runner="dataflow", dataflow=block))
    cloud, workers = options.view_as(GoogleCloudOptions), options.view_as(WorkerOptions)
    assert options.view_as(StandardOptions).runner == "DataflowRunner"
    assert (cloud.project, cloud.region) == ("my-project", "europe-west4")
    assert (cloud.temp_location, cloud.staging_location) == ("gs://my-bucket/temp", "gs://my-bucket/staging")
    assert cloud.service_account_email == "beam@my-project.iam.gserviceaccount.com"
    assert cloud.labels == ["team=ranking", "stage=prod"]
    assert (workers.machine_type, workers.max_num_workers, workers.disk_size_gb) == ("n2-highmem-8", 40, 50)
    assert workers.subnetwork == "regions/europe-west4/subnetworks/private" and workers.use_public_ips is False
    assert workers.sdk_container_image == DATAFLOW["image"]
    assert options.view_as(SetupOptions).sdk_location == "container"
    assert beam_errors(options) == []


def test_dataflow_with_the_least() -> None:
    options = parsed(arguments(runner="dataflow", dataflow=DATAFLOW))
    cloud, workers = options.view_as(GoogleCloudOptions), options.view_as(WorkerOptions)
    assert cloud.staging_location == DATAFLOW["temp_location"]
    assert (workers.machine_type, workers.max_num_workers, workers.use_public_ips) == (None, None, None)
    assert beam_errors(options) == []


def test_flink_with_containers() -> None:
    block = FLINK | {"parallelism": 8, "max_parallelism": 128, "artifact_endpoint": "flink-jobs:8098"}
    options = parsed(arguments(runner="flink", flink=block | {"workers_per_node": 4}))
    portable, flink = options.view_as(PortableOptions), options.view_as(FlinkRunnerOptions)
    assert options.view_as(StandardOptions).runner == "FlinkRunner"
    assert (portable.job_endpoint, portable.artifact_endpoint) == ("flink-jobs:8099", "flink-jobs:8098")
    assert (portable.environment_type, portable.environment_config) == ("DOCKER", FLINK["image"])
    assert portable.sdk_worker_parallelism == "4"
    assert (flink.parallelism, flink.max_parallelism) == (8, 128)
    assert beam_errors(options) == []


def test_spark_with_a_worker_pool() -> None:
    options = parsed(arguments(runner="spark", spark=SPARK))
    portable = options.view_as(PortableOptions)
    assert options.view_as(StandardOptions).runner == "SparkRunner"
    assert (portable.job_endpoint, portable.environment_type) == ("spark-jobs:8099", "EXTERNAL")
    assert portable.environment_config == "localhost:50000" and portable.job_server_timeout == 60
    patient = arguments(runner="spark", spark=SPARK | {"timeout_s": 900})
    assert parsed(patient).view_as(PortableOptions).job_server_timeout == 900
    assert beam_errors(options) == []


@pytest.mark.parametrize(
    "block",
    [{"workers": 1}, {"workers": 2}, *({"runner": runner, runner: block} for runner, block in CLUSTERS.items())],
    ids=str,
)
def test_tfx_packs_no_package_of_its_own(block: dict[str, Any]) -> None:
    """It would build one from its installation for each component, leave it, and have workers install it from an index."""
    found = arguments(**block)
    assert dependency_utils.make_beam_dependency_flags(found) == found


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"runner": "dataflow"}, ["needs a block `dataflow`", "`project`", "`region`", "`temp_location`", "`image`"]),
        ({"runner": "flink"}, ["needs a block `flink`", "`job_endpoint`"]),
        ({"runner": "spark"}, ["needs a block `spark`", "`job_endpoint`"]),
        ({"flink": FLINK}, ["the block `flink` is for `runner: flink`", "set the runner", "`runner: direct`"]),
        ({"runner": "spark", "spark": SPARK, "flink": FLINK}, ["the block `flink`", "remove it", "`runner: spark`"]),
        ({"runner": "dataflow", "dataflow": DATAFLOW, "workers": 4}, ["`workers`", "set `dataflow.max_workers`"]),
        ({"runner": "flink", "flink": FLINK, "workers": 4}, ["`workers`", "set `flink.parallelism`"]),
        ({"runner": "spark", "spark": SPARK, "workers": 4}, ["`workers`", "the Spark job server settles it"]),
        (
            {"runner": "flink", "flink": FLINK | {"worker_pool": "localhost:50000"}},
            [
                "give `image`",
                "or `worker_pool`",
                "`image: registry:5000/recommender:1` and `worker_pool: localhost:50000`",
            ],
        ),
        ({"runner": "spark", "spark": {"job_endpoint": "jobs:8099"}}, ["give `image`", "Received: neither"]),
        (
            {"runner": "flink", "flink": FLINK | {"parallelism": 8, "max_parallelism": 4}},
            ["`max_parallelism` should be at least `parallelism`, 8", "Received: 4"],
        ),
    ],
)
def test_contradictory_or_missing_blocks_are_refused(block: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ValidationError) as error:
        BeamSettings.model_validate(block)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("block", "line"),
    [
        ({"runner": "storm"}, "beam.runner: Input should be 'direct', 'dataflow', 'flink' or 'spark'"),
        ({"worker": 2}, "beam.worker: unknown key"),
        ({"workers": 0}, "beam.workers: Input should be greater than or equal to 1"),
        ({"runner": "dataflow", "dataflow": {**DATAFLOW, "zone": "a"}}, "beam.dataflow.zone: unknown key"),
        (
            {"runner": "dataflow", "dataflow": {k: v for k, v in DATAFLOW.items() if k != "project"}},
            "beam.dataflow.project: this key is required",
        ),
        (
            {"runner": "dataflow", "dataflow": {k: v for k, v in DATAFLOW.items() if k != "temp_location"}},
            "beam.dataflow.temp_location: this key is required",
        ),
        (
            {"runner": "dataflow", "dataflow": DATAFLOW | {"temp_location": "/tmp/x"}},
            "beam.dataflow.temp_location: String should match pattern '^gs://",
        ),
        ({"runner": "flink", "flink": {"image": "i"}}, "beam.flink.job_endpoint: this key is required"),
        (
            {"runner": "spark", "spark": SPARK | {"job_endpoint": "spark-jobs"}},
            "beam.spark.job_endpoint: String should match pattern",
        ),
        ({"runner": "flink"}, "beam: `runner: flink` needs a block `flink` with `job_endpoint`"),
    ],
)
def test_the_yaml_file_names_the_key(block: dict[str, Any], line: str, tmp_path: Path) -> None:
    content = yaml.safe_load((ROOT / "data_schemas" / "sample" / "dataset.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(content | {"beam": block}), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load(path)
    assert any(found.strip().startswith(line) for found in str(error.value).splitlines()), str(error.value)


@pytest.mark.parametrize("runner", CLUSTERS)
def test_the_block_goes_through_yaml_and_json(runner: str, tmp_path: Path) -> None:
    content = yaml.safe_load((ROOT / "data_schemas" / "sample" / "dataset.yaml").read_text(encoding="utf-8"))
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(content | {"beam": {"runner": runner, runner: CLUSTERS[runner]}}), encoding="utf-8")
    settings = load(path).beam
    assert settings == BeamSettings.model_validate_json(settings.model_dump_json())
    assert beam_args(settings) == arguments(runner=runner, **{runner: CLUSTERS[runner]})


def log(root: Path, **source: Any) -> LogSettings:
    return LogSettings.model_validate({"root": str(root), "sources": [{"split": "train", **source}]})


def test_the_size_of_the_log_is_that_of_its_files(tmp_path: Path) -> None:
    for name, size in (("a.csv", 1000), ("b.csv", 50), ("c.parquet", 7), ("d.csv.gz", 11), ("other.txt", 10**6)):
        (tmp_path / name).write_bytes(b"x" * size)
    assert log_bytes(log(tmp_path, files=["*.csv"])) == 1050
    assert log_bytes(log(tmp_path, files=["c.parquet"], read={"format": "parquet"})) == 4 * 7
    assert log_bytes(log(tmp_path, files=["a.csv", "d.csv.gz"])) == 1000 + 4 * 11
    with pytest.raises(LogError, match=r"log.sources\[0\].files\[0\].*none.csv"):
        log_bytes(log(tmp_path, files=["none.csv"]))


def test_the_shipped_sample_runs_in_process() -> None:
    """It is small: worker processes would take longer to start than it takes to run."""
    assert beam_args(load(ROOT / "data_schemas" / "sample" / "dataset.yaml").beam, 3 << 20) == arguments(workers=1)
