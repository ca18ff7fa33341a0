"""Settings of recorded runs: what the nodes were handed, and what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.tradeoff_metrics.settings import EvaluationSettings
from models.config.settings import TrainerSettings
from pipeline.evaluation import build_eval_config
from pipeline.running.run_record import Node, RunRecord, records
from pipeline.settings.config import RunSettings
from pipeline.settings.known_settings import (
    ABSENT,
    Difference,
    code_differences,
    differences,
    from_nodes,
    log_fingerprint,
    not_compared,
    whole,
)
from tests.pipeline.recorded import NODES, RecordedRuns, sample_settings


def recorded(folder: Path, states: dict[str, str], **kwargs: Any) -> RunRecord:
    runs = RecordedRuns(folder)
    runs.add("r", states, **kwargs)
    return records(folder / "mini" / "metadata.sqlite", "mini")[-1]


def shown(found: list[Difference]) -> list[tuple[str, Any, Any]]:
    return [tuple(difference) for difference in found]


def test_the_nodes_tell_the_blocks_that_they_were_handed(tmp_path: Path) -> None:
    settings = sample_settings(fairness={"strength": 0.7})
    told = from_nodes(recorded(tmp_path, dict.fromkeys(NODES, "finished"), settings=settings))
    all_of_it = settings.model_dump(mode="json")
    for block in ("log", "features", "tasks", "groups", "negatives", "model", "fairness", "training"):
        # In the YAML's own shape, so that the keys are those that a user knows.
        assert told[block] == all_of_it[block], block
    assert told["gate"] == {"arfg": "at most 0.8", "min_negatives/click": "at least 100"}


@pytest.mark.parametrize(
    ("reached", "blocks"),
    [
        ([], set()),
        (["InteractionLogGen"], {"log"}),
        (["InteractionLogGen", "NegativeSplitter"], {"log", "groups", "negatives"}),
        (["InteractionLogGen", "NegativeSplitter", "Transform"], {"log", "groups", "negatives"}),
    ],
)
def test_a_run_that_stopped_early_tells_what_it_reached(tmp_path: Path, reached: list[str], blocks: set[str]) -> None:
    states = dict.fromkeys([*reached, "Other"], "finished")
    assert set(from_nodes(recorded(tmp_path, states))) == blocks


def test_the_reports_node_tells_all_even_where_it_failed(tmp_path: Path) -> None:
    record = recorded(tmp_path, dict.fromkeys(NODES, "finished") | {"FairnessReport": "failed"})
    assert whole(record) == sample_settings().model_dump(mode="json")
    assert whole(RunRecord("r")) is None


def test_the_evaluator_s_real_configuration_is_read(tmp_path: Path) -> None:
    """The property as TFX writes it, from the function that makes it."""
    from google.protobuf import json_format

    def node(gate: dict[str, Any], code: str) -> dict[str, Any]:
        settings = sample_settings(gate=gate)
        config = build_eval_config(
            [(task.name, task.threshold) for task in settings.tasks],
            [group.name for group in settings.groups],
            EvaluationSettings(),
            settings.gate,
            code,
        )
        text = json_format.MessageToJson(config, preserving_proto_field_name=True)
        return from_nodes(RunRecord("r", {"Evaluator": Node("Evaluator", "finished", 1, {}, {"eval_config": text})}))

    told = node({"on": "interval"}, "one")
    assert told["gate"]["arfg/upper"] == "at most 0.8" and told["gate"]["min_negatives/like"] == "at least 100"
    assert ["group/gender"] in told["evaluation"]["slices"]
    # Other code is told apart from other settings.
    assert differences(told, node({"on": "interval"}, "two")) == []
    assert shown(differences(told, node({"on": "interval", "are_max": 1.1}, "two"))) == [
        ("gate.are/upper", "at most 1.05", "at most 1.1")
    ]


def test_differences_have_dotted_keys_and_named_entries_keep_their_name() -> None:
    a = {"tasks": [{"name": "click", "weight": 1.0}, {"name": "like", "weight": 2.0}], "training": {"seed": 1, "x": {}}}
    b = {"training": {"seed": 2, "x": {}}, "tasks": [{"name": "like", "weight": 2.0}, {"name": "click", "weight": 3.0}]}
    assert shown(differences(a, b)) == [("tasks.click.weight", 1.0, 3.0), ("training.seed", 1, 2)]
    assert differences(a, json.loads(json.dumps(a))) == []


def test_what_one_side_lacks_is_absent_and_null_is_a_value() -> None:
    a = {"gate": {"on": "value", "are_max": None}, "tasks": [{"name": "click", "weight": 1}]}
    b = {"gate": {"on": "value"}, "tasks": [{"name": "view", "weight": 1}]}
    assert shown(differences(a, b)) == [
        ("gate.are_max", None, ABSENT),
        ("tasks.click.weight", 1, ABSENT),
        ("tasks.view.weight", ABSENT, 1),
    ]


def test_a_list_without_names_is_one_value() -> None:
    assert shown(differences({"model": {"units": [64, 32]}}, {"model": {"units": [64]}})) == [
        ("model.units", [64, 32], [64])
    ]


def test_blocks_that_one_side_is_not_known_to_have_are_not_compared() -> None:
    a, b = {"log": {"root": "x"}}, {"log": {"root": "y"}, "model": {"experts": 4}}
    assert shown(differences(a, b)) == [("log.root", "x", "y")]
    assert not_compared(a, b) == ["model"]


def test_other_code_and_other_files_are_seen(tmp_path: Path) -> None:
    states = dict.fromkeys(NODES, "finished")
    a = recorded(tmp_path / "a", states)
    b = recorded(tmp_path / "b", states, code="other", fingerprint="files:2")
    assert code_differences(a, a) == []
    assert code_differences(a, b) == ["InteractionLogGen", "NegativeSplitter", "Transform", "Baseline", "Candidate"]
    assert (log_fingerprint(a), log_fingerprint(b), log_fingerprint(RunRecord("r"))) == ("files:1", "files:2", None)
    early = recorded(tmp_path / "c", {"InteractionLogGen": "failed"}, code="other")
    assert code_differences(a, early) == ["InteractionLogGen"]


def test_every_block_that_the_candidate_depends_on_is_told_as_the_yaml_has_it(tmp_path: Path) -> None:
    """A block that is new in the settings needs no code here."""
    settings = sample_settings()
    told = from_nodes(recorded(tmp_path, dict.fromkeys(NODES, "finished"), settings=settings))
    shared = set(TrainerSettings.model_fields) & set(RunSettings.model_fields) - {"groups"}
    assert {"features", "model", "fairness", "training", "tasks"} <= shared
    content = settings.model_dump(mode="json")
    assert {block: told[block] for block in shared} == {block: content[block] for block in shared}
