"""What ML Metadata knows of a run: its nodes, how each ended, and where its outputs lie."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from absl import logging
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.model_pusher.push import push, versions
from pipeline.events import PROGRESS
from pipeline.places import RunFolder

_STATES = {mlmd.Execution.COMPLETE: "finished", mlmd.Execution.CACHED: "cached", mlmd.Execution.FAILED: "failed"}


@dataclass(frozen=True)
class Output:
    """One output artifact of a node, with its custom properties."""

    uri: Path
    properties: dict[str, Any]


@dataclass(frozen=True)
class Node:
    """How one node of a run ended. ``seconds`` is the time between its start and its last word, 0 when cached."""

    name: str
    state: str
    seconds: float
    outputs: dict[str, Output]


@dataclass
class RunRecord:
    """One run of the pipeline."""

    run_id: str
    nodes: dict[str, Node] = field(default_factory=dict)

    def output(self, node: str, key: str) -> Output:
        """An output of a node.

        Raises:
          LookupError: The run has no such output.
        """
        found = self.nodes.get(node)
        if found is None or key not in found.outputs:
            raise LookupError(f"run {self.run_id}: node `{node}` left no output `{key}`; nodes are {list(self.nodes)}")
        return found.outputs[key]


def open_store(metadata: Path) -> metadata_store.MetadataStore:
    """Opens the SQLite file in which the local engine keeps its metadata."""
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata)
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return metadata_store.MetadataStore(config)


def _value(value: mlmd.Value) -> Any:
    return getattr(value, value.WhichOneof("value"))


def _outputs(store: metadata_store.MetadataStore, execution_id: int) -> dict[str, Output]:
    events = [e for e in store.get_events_by_execution_ids([execution_id]) if e.type == mlmd.Event.OUTPUT]
    artifacts = {a.id: a for a in store.get_artifacts_by_id([e.artifact_id for e in events])} if events else {}
    found = {}
    for event in events:
        artifact = artifacts[event.artifact_id]
        properties = {name: _value(value) for name, value in artifact.custom_properties.items()}
        found[event.path.steps[0].key] = Output(Path(artifact.uri), properties)
    return found


def latest(metadata: Path, pipeline_name: str) -> RunRecord:
    """The newest run of a pipeline.

    Raises:
      LookupError: The metadata holds no run of it.
    """
    store = open_store(metadata)
    runs = store.get_contexts_by_type("pipeline_run")
    if not runs:
        raise LookupError(f"{metadata}: no run of pipeline `{pipeline_name}` is recorded")
    newest = max(runs, key=lambda run: (run.create_time_since_epoch, run.id))
    record = RunRecord(newest.name)
    prefix = f"{pipeline_name}."
    for execution in sorted(store.get_executions_by_context(newest.id), key=lambda e: e.id):
        names = [c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "node"]
        name = next(n.removeprefix(prefix) for n in names)
        state = _STATES.get(execution.last_known_state, "unfinished")
        took = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        seconds = 0.0 if state == "cached" else took / 1000
        record.nodes[name] = Node(name, state, seconds, _outputs(store, execution.id))
    return record


def pushed_to(record: RunRecord) -> Optional[Path]:
    """Where the run's model was pushed; None where it was refused."""
    properties = record.output("ModelPusher", "pushed_model").properties
    return Path(properties["pushed_destination"]) if properties.get("pushed") else None


def ensure_newest(record: RunRecord, folder: RunFolder) -> Optional[Path]:
    """Makes the run's pushed model the newest in the serving directory and returns where it stands.

    A pusher that was served from cache pushes nothing: after run A, then B, then A again, B would still be served. The
    blessing is part of what was cached, so pushing A's model once more is as judged as it was the first time.
    """
    target = pushed_to(record)
    if target is None:
        return None
    standing = versions(folder.serving)
    if standing and target == folder.serving / str(standing[-1]):
        return target
    source = record.output("Candidate", "model").uri / "Format-Serving"
    again = push(source, folder.serving)
    logging.info("%sthis model was pushed before and is not the newest: pushed again to %s", PROGRESS, again)
    return again


def innermost(error: BaseException) -> str:
    """What went wrong, in the words of whoever raised it first: Beam and TFX wrap errors in errors of their own."""
    seen = {id(error)}
    while (cause := error.__cause__ or error.__context__) is not None and id(cause) not in seen:
        error = cause
        seen.add(id(error))
    text = re.sub(r"\s*\[while running '.*?'\]", "", str(error)).strip()
    return f"{type(error).__name__}: {text}"
