"""The settings of a recorded run: all of them from its summary, or those that its nodes were handed.

Settings are compared by dotted keys, as in the report. An entry of a list whose entries have names stands under its name,
whatever its place: ``tasks.click.weight``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from components.fairness_report.sections.earlier_runs import flat
from pipeline.running.run_record import RunRecord
from pipeline.settings.config import RunSettings

_BLOCKS = set(RunSettings.model_fields)
# Stands for a key that one side does not have.
ABSENT = "(absent)"


class Difference(NamedTuple):
    """A setting that two runs have differently."""

    key: str
    a: Any
    b: Any


def whole(record: RunRecord) -> Optional[dict[str, Any]]:
    """All settings, as the report's node was handed them; None where the run did not reach it."""
    return _json(record, "FairnessReport", "settings").get("run") or None


def from_nodes(record: RunRecord) -> dict[str, Any]:
    """What the nodes were handed, in the shape of the YAML file; blocks that the run did not reach are absent.

    Every node of ours is handed its part of the settings as JSON when it starts. The gate is told by the metrics that it
    bounds (``gate.arfg``), and what is no node's is not told.
    """
    found: dict[str, Any] = {}
    log = _json(record, "InteractionLogGen", "settings")
    if log:
        found["log"] = log["log"]
    schema = _property(record, "ImportSchemaGen", "schema_file")
    if schema is not None:
        found["data_schema"] = schema
    splitter = _json(record, "NegativeSplitter", "settings")
    if splitter:
        found["groups"] = splitter["groups"]
        found["negatives"] = {key: splitter[key] for key in ("rule", "min_specific")}
    trainer = _json(record, "Candidate", "custom_config")
    if trainer:
        # Transform is handed features too, but without what it does not depend on.
        trainer = json.loads(trainer["settings"])
        found |= {block: value for block, value in trainer.items() if block in _BLOCKS - {"tasks", "groups"}}
        own = {task["name"]: task for task in trainer["tasks"]}
        # The splitter knows a task's label rule and the trainer its weight: a task is told whole, or not at all.
        found["tasks"] = [{**task, **own[task["name"]]} for task in splitter["tasks"]]
    return found | _evaluation(record)


def _evaluation(record: RunRecord) -> dict[str, Any]:
    """Blocks that the Evaluator's EvalConfig tells."""
    config = _json(record, "Evaluator", "eval_config")
    if not config:
        return {}
    columns = [spec.get("feature_keys", []) for spec in config.get("slicing_specs", [])]
    metrics = [
        {
            "outputs": spec.get("output_names", []),
            "name": metric["class_name"],
            **json.loads(metric.get("config", "{}")),
        }
        for spec in config["metrics_specs"]
        for metric in spec["metrics"]
    ]
    evaluation = {
        "slices": columns,
        "metrics": [{key: value for key, value in metric.items() if key != "code"} for metric in metrics],
    }
    thresholds = {
        name: bound["threshold"]["value_threshold"]
        for spec in config["metrics_specs"]
        for name, bounds in spec.get("per_slice_thresholds", {}).items()
        for bound in bounds["thresholds"]
    }
    sides = {"upper_bound": "at most", "lower_bound": "at least"}
    gate = {
        name: " and ".join(f"{sides[end]} {limit:g}" for end, limit in sorted(bound.items()))
        for name, bound in thresholds.items()
    }
    return {"evaluation": evaluation, "gate": gate}


def _property(record: RunRecord, node: str, name: str) -> Any:
    """An execution property; None where the run did not come to the node."""
    reached = record.nodes.get(node)
    return reached.properties.get(name) if reached else None


def _json(record: RunRecord, node: str, name: str) -> dict[str, Any]:
    """A property that holds JSON; empty where the run has none."""
    return json.loads(_property(record, node, name) or "{}")


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[Difference]:
    """Settings that differ, over the blocks that both have, by key."""
    both = [block for block in a if block in b]
    left, right = ({k: v for block in both for k, v in flat(side[block], block).items()} for side in (a, b))
    keys = sorted({*left, *right}, key=lambda key: (both.index(key.partition(".")[0]), key))
    pairs = [Difference(key, left.get(key, ABSENT), right.get(key, ABSENT)) for key in keys]
    return [pair for pair in pairs if pair.a != pair.b]


def not_compared(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Blocks that only one of the two is known to have, so that they cannot be compared."""
    return sorted(set(a) ^ set(b))


def code_differences(a: RunRecord, b: RunRecord) -> list[str]:
    """Nodes that ran other code, or with other library versions, in the two runs."""
    hashes = [{name: _code(record, name) for name in record.nodes} for record in (a, b)]
    shared = [name for name in hashes[1] if name in hashes[0]]
    return [name for name in shared if hashes[0][name] != hashes[1][name]]


def _code(record: RunRecord, node: str) -> Any:
    properties = record.nodes[node].properties
    if "custom_config" in properties:
        return json.loads(properties["custom_config"]).get("code")
    return properties.get("code")


def log_fingerprint(record: RunRecord) -> Any:
    """The fingerprint of the files that the run read; None where it did not come that far."""
    return _property(record, "InteractionLogGen", "fingerprint")
