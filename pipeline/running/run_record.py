"""What ML Metadata knows of a run: its nodes, how each ended, and where its outputs lie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from absl import logging
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.gate.verdict_record import VERDICT_DIGEST, VerdictError, VerdictRecord, cleared
from components.model_pusher.push import push, versions
from models.formats.file_digest import JUDGED, folder_digest
from pipeline.running.events import PROGRESS
from pipeline.running.places import RunFolder

_STATES = {mlmd.Execution.COMPLETE: "finished", mlmd.Execution.CACHED: "cached", mlmd.Execution.FAILED: "failed"}

# Folders of a dataset whose paths are written down.
_OURS = ("artifacts", "serving")
_PUSHED_TO = "pushed_destination"


@dataclass(frozen=True)
class Output:
    """One output artifact of a node, with its custom properties."""

    uri: Path
    properties: dict[str, Any]


@dataclass(frozen=True)
class Node:
    """How one node of a run ended.

    Attributes:
      name: The node's id in the pipeline.
      state: ``finished``, ``cached``, ``failed`` or ``unfinished`` (killed, or still running).
      seconds: Time between its start and its last word; 0 when cached, None when unfinished: what is written of it after
        a kill is written by the next run.
      outputs: Its output artifacts by key.
      properties: Its execution properties.
      started: When it began, in Unix seconds.
    """

    name: str
    state: str
    seconds: Optional[float]
    outputs: dict[str, Output]
    properties: dict[str, Any] = field(default_factory=dict)
    started: float = 0.0


@dataclass
class RunRecord:
    """One run of the pipeline; ``started`` in Unix seconds."""

    run_id: str
    nodes: dict[str, Node] = field(default_factory=dict)
    started: float = 0.0

    def output(self, node: str, key: str) -> Output:
        """An output of a node.

        Raises:
          LookupError: The run has no such output.
        """
        found = self.nodes.get(node)
        if found is None or key not in found.outputs:
            raise LookupError(f"run {self.run_id}: node `{node}` left no output `{key}`; nodes are {list(self.nodes)}")
        return found.outputs[key]


def open_store(metadata: Path, *, read_only: bool = False) -> metadata_store.MetadataStore:
    """Opens the SQLite file in which the local engine keeps its metadata; made where missing, unless ``read_only``."""
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata)
    modes = mlmd.SqliteMetadataSourceConfig
    config.sqlite.connection_mode = modes.READONLY if read_only else modes.READWRITE_OPENCREATE
    return metadata_store.MetadataStore(config)


def _value(value: mlmd.Value) -> Any:
    return getattr(value, value.WhichOneof("value"))


def _values(properties: Any) -> dict[str, Any]:
    return {name: _value(value) for name, value in properties.items()}


def relocated(path: Path, folder: Path) -> Path:
    """Where a path lies now that a run of ``folder`` wrote down, if the folder was moved or copied since.

    Args:
      path: A whole path.
      folder: The dataset's folder, as it is called now; it kept its name.
    """
    if path.is_relative_to(folder):
        return path
    for name in _OURS:
        if name not in path.parts:
            continue
        # The last one: a folder above may be called so too.
        at = len(path.parts) - 1 - path.parts[::-1].index(name)
        now = folder.joinpath(*path.parts[at:])
        if path.parts[at - 1] == folder.name and now.exists():
            return now
    return path


def _outputs(
    store: metadata_store.MetadataStore, executions: Iterable[int], folder: Path
) -> dict[int, dict[str, Output]]:
    """Execution id → key → output, in two queries whatever the number of executions."""
    ids = list(executions)
    events = [e for e in store.get_events_by_execution_ids(ids) if e.type == mlmd.Event.OUTPUT] if ids else []
    artifacts = {a.id: a for a in store.get_artifacts_by_id({e.artifact_id for e in events})} if events else {}
    found: dict[int, dict[str, Output]] = {}
    for event in events:
        artifact = artifacts[event.artifact_id]
        properties = _values(artifact.custom_properties)
        if properties.get(_PUSHED_TO):
            properties[_PUSHED_TO] = str(relocated(Path(properties[_PUSHED_TO]), folder))
        output = Output(relocated(Path(artifact.uri), folder), properties)
        found.setdefault(event.execution_id, {})[event.path.steps[0].key] = output
    return found


def _node(name: str, execution: mlmd.Execution, outputs: dict[str, Output]) -> Node:
    state = _STATES.get(execution.last_known_state, "unfinished")
    took = (execution.last_update_time_since_epoch - execution.create_time_since_epoch) / 1000
    seconds = {"cached": 0.0, "unfinished": None}.get(state, took)
    started = execution.create_time_since_epoch / 1000
    return Node(name, state, seconds, outputs, _values(execution.custom_properties), started)


def records(metadata: Path, pipeline_name: str, newest: Optional[int] = None) -> list[RunRecord]:
    """The runs of a pipeline, oldest first; only the ``newest`` so many where that is given.

    Reads the file and never writes it, so it may be called while a run goes on.
    """
    store = open_store(metadata, read_only=True)
    contexts = sorted(store.get_contexts_by_type("pipeline_run"), key=lambda c: (c.create_time_since_epoch, c.id))
    prefix = f"{pipeline_name}."
    node_of = {
        execution.id: context.name.removeprefix(prefix)
        for context in store.get_contexts_by_type("node")
        for execution in store.get_executions_by_context(context.id)
    }
    found = []
    for context in contexts if newest is None else contexts[-newest:]:
        executions = sorted(store.get_executions_by_context(context.id), key=lambda e: e.id)
        outputs = _outputs(store, [execution.id for execution in executions], metadata.parent)
        record = RunRecord(context.name, started=context.create_time_since_epoch / 1000)
        for execution in executions:
            name = node_of[execution.id]
            record.nodes[name] = _node(name, execution, outputs.get(execution.id, {}))
        found.append(record)
    return found


def latest(metadata: Path, pipeline_name: str) -> RunRecord:
    """The newest run of a pipeline.

    Raises:
      LookupError: The metadata holds no run of it.
    """
    found = records(metadata, pipeline_name, newest=1)
    if not found:
        raise LookupError(f"{metadata}: no run of pipeline `{pipeline_name}` is recorded")
    return found[0]


def pushed_to(record: RunRecord) -> Optional[Path]:
    """Where the run's model was pushed; None where it was refused."""
    properties = record.output("ModelPusher", "pushed_model").properties
    return Path(properties[_PUSHED_TO]) if properties.get("pushed") else None


def pushed_since(metadata: Path, pipeline_name: str, start: float) -> Optional[Path]:
    """Where a run that began after ``start`` (Unix seconds) pushed a model; None where it pushed none, or there is none."""
    if not metadata.exists():
        return None
    found = [record for record in records(metadata, pipeline_name, newest=1) if record.started >= start]
    pusher = found[0].nodes.get("ModelPusher") if found else None
    if pusher is None or pusher.state != "finished":
        return None
    return pushed_to(found[0])


def ensure_newest(record: RunRecord, folder: RunFolder) -> Optional[Path]:
    """Makes the run's pushed model the newest in the serving directory and returns where it stands.

    A pusher that was served from cache pushes nothing: after run A, then B, then A again, B would still be served. The
    verdict is part of what was cached, so pushing A's model once more is as judged as it was the first time, as long as
    verdict and blessing still say so; its digest tells whether it is still that model.

    Raises:
      VerdictError: Verdict or blessing were removed or edited since, or do not let the model pass.
      ChangedModelError: The model's folder holds other files than those that were judged.
    """
    target = pushed_to(record)
    if target is None:
        return None
    judged = _cleared_model(record)
    standing = versions(folder.serving)
    newest = bool(standing) and target == folder.serving / str(standing[-1])
    if newest and folder_digest(target) == judged:
        return target
    again = push(record.output("Candidate", "model").uri / "Format-Serving", folder.serving, judged)
    why = "its files were changed since" if newest else "it is not the newest"
    logging.info("%sthis model was pushed before, and %s: pushed again to %s", PROGRESS, why, again)
    return again


def _cleared_model(record: RunRecord) -> str:
    """Digest of the model that the gate let pass, by verdict and blessing as they lie there now."""
    verdict, blessing = record.output("Gate", "verdict"), record.output("Gate", "blessing")
    found = VerdictRecord.load(verdict.uri, verdict.properties.get(VERDICT_DIGEST))
    judged = str(blessing.properties[JUDGED])
    if not cleared(found, blessing.uri, blessed=bool(blessing.properties["blessed"]), judged=judged):
        raise VerdictError(f"{verdict.uri}: the gate refused the model, and its record says that it was pushed")
    return judged
