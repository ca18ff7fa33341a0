"""What is refused before anything is compiled: the message names the key, what was received, and the fix."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import pytest
import yaml

from kubeflow import checks, target
from kubeflow.target import IMAGE_VARIABLE, ROOT_VARIABLE, TARGET_VARIABLE, Binding
from pipeline.settings.config import ConfigError, RunSettings, load

ROOT = Path(__file__).resolve().parents[2]
NODES = ["InteractionLogGen", "Candidate", "Baseline", "Evaluator"]
MINIO = Binding("kfp", "image:1", "minio://bucket/root")
GCS = Binding("kfp", "image:1", "gs://bucket/root")
VERTEX = Binding("vertex", "image:1", "gs://bucket/root")


@pytest.fixture(autouse=True)
def no_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (IMAGE_VARIABLE, ROOT_VARIABLE, TARGET_VARIABLE, "FAIRNESS_SAMPLE_DIR"):
        monkeypatch.delenv(name, raising=False)


def settings(tmp_path: Path, kubeflow: Optional[dict[str, Any]] = None, **blocks: Any) -> RunSettings:
    """The sample's settings, with the schema and the log where they are shipped."""
    content = yaml.safe_load((ROOT / "data_schemas" / "sample" / "dataset.yaml").read_text(encoding="utf-8"))
    content["data_schema"] = str(ROOT / "data_schemas" / "sample" / "schema.pbtxt")
    content["log"]["root"] = str(ROOT / "data" / "sample")
    for name, block in blocks.items():
        content[name] = {**content.get(name, {}), **block} if isinstance(block, dict) else block
    content["kubeflow"] = kubeflow or {}
    path = tmp_path / "sample.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return load(path)


WRONG_CHOICES: list[tuple[dict[str, str], str]] = [
    ({}, r"IMAGE=… \(KUBEFLOW_IMAGE\) or `kubeflow.image`.*kubeflow/Dockerfile"),
    ({IMAGE_VARIABLE: "a:1"}, r"PIPELINE_ROOT=….*`kubeflow.pipeline_root`.*minio://bucket/folder"),
    ({TARGET_VARIABLE: "argo"}, "TARGET.*one of kfp, vertex. Received: argo"),
    ({IMAGE_VARIABLE: "a:1", ROOT_VARIABLE: "/mnt/root"}, "minio:// or s3:// or gs://bucket/….*Received: /mnt/root"),
    ({IMAGE_VARIABLE: "a:1", ROOT_VARIABLE: "minio://"}, "folder in a bucket.*Received: minio://"),
    ({IMAGE_VARIABLE: "a:1", ROOT_VARIABLE: "hdfs://n/r"}, "Received: hdfs://n/r"),
    ({IMAGE_VARIABLE: "a:1", ROOT_VARIABLE: "s3://b/r", TARGET_VARIABLE: "vertex"}, "gs://bucket/….*TARGET=vertex"),
]


@pytest.mark.parametrize("environment, message", WRONG_CHOICES)
def test_wrong_choices(
    environment: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=message):
        target.bind(settings(tmp_path))


def test_the_environment_stands_above_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = settings(tmp_path, {"image": "file:1", "pipeline_root": "minio://file/root/"})
    assert target.bind(file) == Binding("kfp", "file:1", "minio://file/root")
    monkeypatch.setenv(IMAGE_VARIABLE, "environment:1")
    monkeypatch.setenv(ROOT_VARIABLE, "gs://environment/root")
    monkeypatch.setenv(TARGET_VARIABLE, "vertex")
    assert target.bind(file) == Binding("vertex", "environment:1", "gs://environment/root")


VOLUME = {"defaults": {"volumes": [{"claim": "data", "mount_path": "/mnt/data"}]}}
WRONG: list[tuple[Binding, dict[str, Any], dict[str, Any], str]] = [
    (MINIO, {"components": {"Trainer": {"cpu": 1}}}, {}, "kubeflow.components.Trainer: no such node.*Candidate"),
    (
        MINIO,
        {},
        {"push": {"directory": "/srv/models"}},
        "push.directory: the pods of ModelPusher cannot see /srv/models.*none",
    ),
    (MINIO, VOLUME, {"push": {"directory": "/mnt/database"}}, "cannot see /mnt/database.*received: /mnt/data"),
    (MINIO, {}, {"push": {"directory": "s3://b/serving"}}, "push.directory:.*no library for s3://.*gs://"),
    (MINIO, {"checkpoints": "minio://b/c"}, {}, "kubeflow.checkpoints:.*no library for minio://"),
    (GCS, {}, {"sample": None}, "log.root: the pods of InteractionLogGen cannot see .*data/sample"),
    (
        GCS,
        {},
        {"data_schema": "/etc/schema.pbtxt"},
        "data_schema: the pods of ImportSchemaGen cannot see /etc/schema.pbtxt",
    ),
    (
        MINIO,
        {"artifacts": "remote"},
        {},
        "kubeflow.artifacts: remote needs a pipeline root.*gs://.*minio://bucket/root",
    ),
    (
        GCS,
        {},
        {"beam": {"runner": "spark", "spark": {"job_endpoint": "jobs:8099", "image": "workers:1"}}},
        "kubeflow.artifacts: beam.runner spark.*set `artifacts: remote`",
    ),
    (VERTEX, {"defaults": {"node_selector": {"pool": "a"}}}, {}, "kubeflow.defaults.node_selector: Vertex has no"),
    (VERTEX, VOLUME, {}, "kubeflow.defaults.volumes: Vertex has no"),
    (
        VERTEX,
        {"components": {"Candidate": {"accelerator": {"type": "nvidia.com/gpu"}}}},
        {},
        "components.Candidate.accelerator.type: Vertex names a GPU by its model.*Received: nvidia.com/gpu",
    ),
]


@pytest.mark.parametrize("binding, kubeflow, blocks, message", WRONG)
def test_what_the_target_cannot_honour(
    binding: Binding, kubeflow: dict[str, Any], blocks: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message):
        checks.check(settings(tmp_path, kubeflow, **blocks), binding, NODES)


def test_a_volume_counts_for_the_nodes_that_have_it(tmp_path: Path) -> None:
    volumes = VOLUME["defaults"]
    push = {"directory": "/mnt/data/serving"}
    checks.check(
        settings(tmp_path, {"components": {"ModelPusher": volumes}}, push=push), MINIO, [*NODES, "ModelPusher"]
    )
    kubeflow = {"components": {"Candidate": volumes}, "checkpoints": "/mnt/data/c"}
    with pytest.raises(ConfigError, match="kubeflow.checkpoints: the pods of Baseline cannot see /mnt/data/c"):
        checks.check(settings(tmp_path, kubeflow), GCS, NODES)


def test_a_name_that_kubeflow_refuses(tmp_path: Path) -> None:
    named = settings(tmp_path, {"image": "a:1", "pipeline_root": "gs://b/r"}, dataset="My_Data")
    with pytest.raises(ConfigError, match="`dataset` names the pipeline.*lower-case.*Received: My_Data"):
        target.bind(named)


def test_what_can_be_honoured_passes(tmp_path: Path) -> None:
    checks.check(settings(tmp_path), GCS, NODES)
    checks.check(settings(tmp_path), VERTEX, NODES)
    volume = {**VOLUME, "checkpoints": "/mnt/data/checkpoints"}
    checks.check(settings(tmp_path, volume, push={"directory": "/mnt/data/serving"}), MINIO, NODES)
    dataflow = {"project": "p", "region": "r", "temp_location": "gs://bucket/tmp", "image": "i:1"}
    beam = {"runner": "dataflow", "dataflow": dataflow}
    checks.check(settings(tmp_path, {"artifacts": "remote"}, beam=beam), GCS, NODES)


def test_models_are_pushed_below_a_root_that_can_be_written(tmp_path: Path) -> None:
    found = target.places(settings(tmp_path), GCS)
    assert found.serving == "gs://bucket/root/serving/sample"
    assert found.checkpoints == "gs://bucket/root/checkpoints/sample"
    assert found.metadata is None
    with pytest.raises(ConfigError, match="`push.directory`: models cannot be pushed below minio://bucket/root"):
        target.places(settings(tmp_path), MINIO)
    on_volume = target.places(settings(tmp_path, push={"directory": "/mnt/data/serving"}), MINIO)
    assert (on_volume.serving, on_volume.checkpoints) == ("/mnt/data/serving", None)


def test_paths_in_the_project_are_relative_to_it_in_the_pods(tmp_path: Path) -> None:
    found = target.for_pods(settings(tmp_path))
    assert found.data_schema == "data_schemas/sample/schema.pbtxt"
    assert found.log.root == "data/sample"
    elsewhere = target.for_pods(
        settings(tmp_path, log={"root": "gs://b/log", "sources": found.log.model_dump()["sources"]})
    )
    assert elsewhere.log.root == "gs://b/log"


class Store(http.server.BaseHTTPRequestHandler):
    """As much of the storage service as a probe needs; ``status`` answers uploads."""

    status = 200
    seen: list[tuple[str, str]] = []

    def do_POST(self) -> None:  # noqa: N802  the name is the library's
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(self.status)

    def do_DELETE(self) -> None:  # noqa: N802
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.seen.append((self.command, self.path.split("?")[0]))
        body = b'{"name": "probe", "bucket": "bucket"}' if status == 200 else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Store]]:
    class Own(Store):
        seen: list[tuple[str, str]] = []

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Own)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
    yield Own
    server.shutdown()


def test_a_root_that_can_be_written_is_left_clean(store: type[Store]) -> None:
    assert checks.probe("gs://bucket/root")
    (upload, path), (delete, deleted) = store.seen
    assert (upload, delete) == ("POST", "DELETE")
    assert "/b/bucket/o" in path and ".write-probe-" in deleted


def test_a_root_that_cannot_be_written_is_refused(store: type[Store]) -> None:
    store.status = 403
    with pytest.raises(
        ConfigError, match=r"gs://bucket/root cannot be written from here \(Forbidden.*check_root: false"
    ):
        checks.probe("gs://bucket/root")


def test_a_root_that_cannot_be_reached_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="PIPELINE_ROOT.*cannot be written from here"):
        checks.probe("gs://bucket/root")


def test_stores_inside_a_cluster_are_not_looked_at() -> None:
    assert not checks.probe("minio://bucket/root") and not checks.probe("s3://bucket/root")
