"""Runs a compiled pipeline without a cluster, task by task, as Kubeflow's driver and launcher would.

What is imitated, from Kubeflow's backend 2.5: ``driver.go`` (``provisionOutputs``, ``resolveInputs``), ``launcher_v2.go``
(``downloadArtifacts``, ``prepareOutputFolders``, ``compileCmdAndArgs``, ``execute``, ``uploadOutputArtifacts``,
``mergeRuntimeArtifacts``) and ``converter.go`` (what a property becomes in the metadata store and comes back as). The object
store is a folder; every pod has a file system of its own, so that only what was uploaded reaches the next task.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, Optional

ROOT = Path(__file__).resolve().parents[2]
SCHEMES = {"minio://": "minio", "s3://": "s3", "gs://": "gcs"}


class TaskFailed(Exception):
    """A task's command failed; the message is the end of what it printed."""


class Recorded(NamedTuple):
    """An artifact in the metadata store."""

    id: int
    uri: str
    type: dict[str, Any]
    properties: dict[str, Any]


class SpecRunner:
    """The tasks of one pipeline run.

    Args:
      spec: ``PipelineSpec``, as a JSON object.
      root: The pipeline root.
      work: An empty folder for the object store, the pods and the logs.
    """

    def __init__(self, spec: dict[str, Any], root: str, work: Path):
        self.spec, self.root, self.work = spec, root, work
        self.store = work / "store"
        self.outputs: dict[tuple[str, str], Recorded] = {}
        self.seconds: dict[str, float] = {}
        self._ids = 0

    @property
    def tasks(self) -> dict[str, Any]:
        return self.spec["root"]["dag"]["tasks"]

    def order(self) -> list[str]:
        """The tasks, each after those that it depends on."""
        done: list[str] = []
        while len(done) < len(self.tasks):
            ready = [
                n for n, t in self.tasks.items() if n not in done and set(t.get("dependentTasks", [])) <= set(done)
            ]
            assert ready, f"the tasks {sorted(set(self.tasks) - set(done))} wait for each other"
            done.extend(ready)
        return done

    def run(self, only: Optional[list[str]] = None) -> None:
        for name in self.order():
            if only is None or name in only:
                self.run_task(name)

    def executor(self, name: str) -> dict[str, Any]:
        """The container of a task."""
        component = self.spec["components"][self.tasks[name]["componentRef"]["name"]]
        return self.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]

    def run_task(self, name: str, command: Optional[list[str]] = None) -> None:
        """Runs a task in a pod of its own; ``command`` stands in place of its container's.

        Raises:
          TaskFailed: The command failed.
        """
        pod = self.work / "pods" / f"{name}-{len(list(self.work.glob('pods/*')))}"
        pod.mkdir(parents=True)
        given = self.executor_input(name, pod)
        self.before(given, pod)
        container = self.executor(name)
        rendered = json.dumps(given)
        words = [
            word.replace("{{$}}", rendered) for word in [*(command or container["command"]), *container.get("args", [])]
        ]
        assert max(len(word.encode()) for word in words) < 128 << 10, "an argument is longer than Linux takes"
        log = self.work / "logs" / f"{pod.name}.txt"
        log.parent.mkdir(exist_ok=True)
        start = time.monotonic()
        with log.open("w", encoding="utf-8") as file:
            code = subprocess.run(
                words, env=self.environment(container, pod), cwd=ROOT, stdout=file, stderr=subprocess.STDOUT
            ).returncode
        self.seconds[name] = time.monotonic() - start
        if code:
            raise TaskFailed(f"{name}: exit {code}\n{log.read_text(encoding='utf-8')[-4000:]}")
        output = Path(given["outputs"]["outputFile"])
        self.after(name, given, json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}, pod)

    def environment(self, container: dict[str, Any], pod: Path) -> dict[str, str]:
        """A pod's: the image's own (`python` is on the path), and the container's variables."""
        kept = {key: os.environ[key] for key in ("LANG", "TMPDIR") if key in os.environ}
        image = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(pod), "TF_CPP_MIN_LOG_LEVEL": "2"}
        declared = {entry["name"]: entry["value"] for entry in container.get("env", [])}
        return {**kept, **image, "KUBEFLOW_LAUNCHER_ROOT": str(pod), **declared}

    def executor_input(self, name: str, pod: Path) -> dict[str, Any]:
        task = self.tasks[name]
        component = self.spec["components"][task["componentRef"]["name"]]
        inputs: dict[str, Any] = {"artifacts": {}, **self.parameters(task)}
        for key, source in task.get("inputs", {}).get("artifacts", {}).items():
            origin = source["taskOutputArtifact"]
            recorded = self.outputs[origin["producerTask"], origin["outputArtifactKey"]]
            inputs["artifacts"][key] = {"artifacts": [self.input_artifact(recorded)]}
        declared = component.get("outputDefinitions", {}).get("artifacts", {})
        outputs = {
            key: {"artifacts": [{"type": d["artifactType"], "uri": self.output_uri(name, key), **_metadata(d)}]}
            for key, d in declared.items()
        }
        return {"inputs": inputs, "outputs": {"artifacts": outputs, "outputFile": self.output_file(name, pod)}}

    def output_uri(self, name: str, key: str) -> str:
        return f"{self.root}/{self.spec['pipelineInfo']['name']}/run-1/{name}/{len(self.seconds)}-salt/{key}"

    def parameters(self, task: dict[str, Any]) -> dict[str, Any]:
        values = task.get("inputs", {}).get("parameters", {})
        return {"parameterValues": {key: value["runtimeValue"]["constant"] for key, value in values.items()}}

    def input_artifact(self, recorded: Recorded) -> dict[str, Any]:
        """As the driver reads it back: with an empty schema, whatever was written."""
        return {
            "name": str(recorded.id),
            "type": {"instanceSchema": ""},
            "uri": recorded.uri,
            "metadata": recorded.properties,
        }

    def output_file(self, name: str, pod: Path) -> str:
        return str(pod / "tmp" / "kfp_outputs" / "output_metadata.json")

    def before(self, given: dict[str, Any], pod: Path) -> None:
        """Downloads the inputs and makes the folders above the outputs."""
        for group in given["inputs"]["artifacts"].values():
            for artifact in group["artifacts"]:
                _copy(local(artifact["uri"], self.store), local(artifact["uri"], pod))
        for group in given["outputs"]["artifacts"].values():
            for artifact in group["artifacts"]:
                local(artifact["uri"], pod).parent.mkdir(parents=True, exist_ok=True)

    def after(self, name: str, given: dict[str, Any], output: dict[str, Any], pod: Path) -> None:
        """Merges what the task said of its outputs, uploads and records them."""
        for key, group in given["outputs"]["artifacts"].items():
            for artifact in group["artifacts"]:
                for said in output.get("artifacts", {}).get(key, {}).get("artifacts", [])[:1]:
                    artifact["uri"] = said.get("uri") or artifact["uri"]
                    artifact.setdefault("metadata", {}).update(said.get("metadata", {}))
                path = local(artifact["uri"], pod)
                if path.exists():
                    _copy(path, local(artifact["uri"], self.store))
                self.record(name, key, artifact)

    def record(self, name: str, key: str, artifact: dict[str, Any]) -> None:
        self._ids += 1
        properties = {k: _stored(k, v) for k, v in artifact.get("metadata", {}).items()}
        properties |= {"display_name": key, "store_session_info": "{}"}
        self.outputs[name, key] = Recorded(self._ids, artifact["uri"], artifact["type"], properties)

    def folder(self, name: str, key: str) -> Path:
        """Where an output lies in the object store."""
        return local(self.outputs[name, key].uri, self.store)


class VertexRunner(SpecRunner):
    """The same for a PipelineJob: nothing is copied, types are kept, and the output file lies beside the outputs."""

    def parameters(self, task: dict[str, Any]) -> dict[str, Any]:
        values = task.get("inputs", {}).get("parameters", {})
        return {"parameters": {key: value["runtimeValue"]["constantValue"] for key, value in values.items()}}

    def input_artifact(self, recorded: Recorded) -> dict[str, Any]:
        return {
            "name": f"projects/1/locations/here/metadataStores/default/artifacts/{recorded.id}",
            "type": recorded.type,
            "uri": recorded.uri,
            "metadata": recorded.properties,
        }

    def output_file(self, name: str, pod: Path) -> str:
        return f"{self.root}/{name}-{pod.name}/executor_output.json"

    def before(self, given: dict[str, Any], pod: Path) -> None:
        pass

    def after(self, name: str, given: dict[str, Any], output: dict[str, Any], pod: Path) -> None:
        for key, group in given["outputs"]["artifacts"].items():
            for artifact in group["artifacts"]:
                for said in output["artifacts"][key]["artifacts"][:1]:
                    artifact["uri"] = said["uri"]
                    artifact.setdefault("metadata", {}).update(said.get("metadata", {}))
                self.record(name, key, artifact)

    def folder(self, name: str, key: str) -> Path:
        return Path(self.outputs[name, key].uri)


def local(uri: str, root: Path) -> Path:
    """``LocalPathForURI`` of the launcher, below ``root``."""
    for scheme, folder in SCHEMES.items():
        if uri.startswith(scheme):
            return root / folder / uri[len(scheme) :]
    raise AssertionError(f"the launcher refuses the URI {uri}")


def _copy(source: Path, target: Path) -> None:
    # Like the launcher's download and upload: files alone, so that an empty folder is lost.
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        return
    for path in source.rglob("*"):
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)


def _stored(key: str, value: Any) -> Any:
    """A property as it comes back from the metadata store (``StructValueToMLMDValue``, ``toRuntimeArtifact``)."""
    assert value is not None, f"the launcher refuses the null property {key}"
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, list):
        return {"list": value}
    if isinstance(value, dict):
        return {"struct": value}
    return value


def _metadata(declared: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": dict(declared["metadata"])} if declared.get("metadata") else {}
