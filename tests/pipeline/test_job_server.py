"""The arguments of Flink and Spark, carried out: through a job server of Beam's own, by workers of a pool.

Neither engine is here, but all that lies between the pipeline and one is: the job is serialised and handed over to another
process, which sends it to worker processes that know nothing but what was sent and our packages.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow_model_analysis as tfma
import yaml
from apache_beam.options.pipeline_options import PipelineOptions
from tfx import v1 as tfx

from benchmarks.beam.digests import compare_stage
from benchmarks.evaluation.compare import largest_difference, values
from benchmarks.evaluation.data import Shape, save_models, write_examples
from components.tradeoff_metrics.counting.extractor import custom_extractors
from pipeline.pipeline import data_nodes
from pipeline.sample.any_size import generate, settings_for
from pipeline.settings.beam import BeamSettings, beam_args
from pipeline.settings.config import RunSettings, load

ROOT = Path(__file__).resolve().parents[2]
# Nodes of the pipeline in their order, up to NegativeSplitter and up to Transform.
SPLITTER, TRANSFORM = 2, 7


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, f"the server on port {port} ended with {process.returncode}"
        try:
            socket.create_connection(("localhost", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"nothing answers on port {port}")


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, Any]]:
    """The block of a cluster: a job server and a pool of workers, two processes on this machine."""
    ports = {"job_endpoint": free_port(), "worker_pool": free_port()}
    # The pool starts workers by the name `python`.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, "TF_CPP_MIN_LOG_LEVEL": "2"}
    modules = {
        "job_endpoint": ["apache_beam.runners.portability.local_job_service_main", "--port"],
        "worker_pool": ["apache_beam.runners.worker.worker_pool_main", "--service_port"],
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", *modules[key], str(port)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for key, port in ports.items()
    ]
    try:
        for process, port in zip(processes, ports.values(), strict=True):
            wait_for(port, process)
        yield {**{key: f"localhost:{port}" for key, port in ports.items()}, "timeout_s": 900}
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(30)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> RunSettings:
    """3,000 rows in three files."""
    folder = tmp_path_factory.mktemp("log")
    generate(str(folder), settings_for(3_000), rows_per_file=1_000)
    content = yaml.safe_load((folder / "dataset.yaml").read_text(encoding="utf-8"))
    content["negatives"] = {"min_specific": 1}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return load(folder / "dataset.yaml")


Run = Callable[[BeamSettings, int], Path]


@pytest.fixture
def run(settings: RunSettings, tmp_path: Path) -> Run:
    """Runs the first nodes of the pipeline and gives the folder of their outputs."""

    def run(beam: BeamSettings, nodes: int) -> Path:
        root = tmp_path / beam.runner
        metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(root / "metadata"))
        built = tfx.dsl.Pipeline(
            pipeline_name="portable",
            pipeline_root=str(root / "artifacts"),
            metadata_connection_config=metadata,
            components=list(data_nodes(settings))[:nodes],
            beam_pipeline_args=beam_args(beam),
        )
        tfx.orchestration.LocalDagRunner().run(built)
        return root / "artifacts"

    return run


def test_reading_and_splitting_through_a_job_server_as_flink_has_it(run: Run, cluster: dict[str, Any]) -> None:
    expected = run(BeamSettings(workers=1), SPLITTER)
    found = run(BeamSettings.model_validate({"runner": "flink", "flink": cluster}), SPLITTER)
    for stage in ("InteractionLogGen", "NegativeSplitter"):
        assert "records bit for bit the same" in compare_stage(expected / stage, found / stage)


@pytest.mark.slow
def test_all_up_to_transform_through_a_job_server_as_spark_has_it(run: Run, cluster: dict[str, Any]) -> None:
    expected = run(BeamSettings(workers=1), TRANSFORM)
    found = run(BeamSettings.model_validate({"runner": "spark", "spark": cluster}), TRANSFORM)
    told = compare_stage(expected / "Transform", found / "Transform")
    assert "records without their numbers bit for bit the same" in told and "files transform_graph/feature_*" in told


@pytest.mark.slow
def test_the_evaluation_through_a_job_server(cluster: dict[str, Any], tmp_path: Path) -> None:
    """Extractors, combiners and metrics of both models; sums are merged in another order, so the last bits may differ."""
    shape = Shape()
    for part in range(2):
        write_examples(tmp_path / f"part-{part}.gz", 1_000, shape, seed=part)
    config = shape.eval_config(batched=True)
    models = [
        tfma.default_eval_shared_model(path, model_name=name, eval_config=config)
        for name, path in save_models(tmp_path, shape).items()
    ]
    spark = BeamSettings.model_validate({"runner": "spark", "spark": cluster})
    for name, beam in (("expected", BeamSettings(workers=1)), ("found", spark)):
        tfma.run_model_analysis(
            models,
            config,
            data_location=str(tmp_path / "part-*.gz"),
            output_path=str(tmp_path / name),
            extractors=custom_extractors(models, config),
            pipeline_options=PipelineOptions(beam_args(beam)),
        )
    pair = [values(tmp_path / name) for name in ("expected", "found")]
    assert len(pair[0]) > 500 and pair[0].keys() == pair[1].keys()
    assert largest_difference(*pair) < 1e-9
