"""The whole pipeline in this process, run after run: what runs anew, what comes from cache, what is served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.model_pusher.push import versions
from models.formats.features import group_key, label_key, weight_key
from pipeline import local_runner, pipeline
from pipeline.running.places import RUNS_VARIABLE
from pipeline.running.provenance import source_hash
from pipeline.running.run_record import latest

TASKS = ("click", "long_view", "like")
ALL = {
    "InteractionLogGen", "NegativeSplitter", "StatisticsGen", "ImportSchemaGen", "ExampleValidator", "AnomalyGate",
    "Transform", "Baseline", "Candidate", "Evaluator", "Gate", "ModelPusher", "FairnessReport",
}  # fmt: skip


class Runs:
    """Runs the small pipeline and keeps what each run left."""

    def __init__(self, small: Any):
        self.small = small

    def __call__(self, **changes: dict[str, Any]) -> dict[str, Any]:
        self.small.change(**changes)
        local_runner.run_config(self.small.config)
        summary = self.small.summary()
        summary["anew"] = {name for name, stage in summary["stages"].items() if stage["state"] == "finished"}
        return summary


@pytest.fixture(scope="module")
def runs(small_run: Any) -> Iterator[Runs]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RUNS_VARIABLE, str(small_run.runs))
        yield Runs(small_run)


@pytest.fixture(scope="module")
def unfair(runs: Runs) -> dict[str, Any]:
    return runs(fairness={"mode": "mtaf", "loss": "mmd", "strength": 0.0})


@pytest.fixture(scope="module")
def fair(runs: Runs, unfair: dict[str, Any]) -> dict[str, Any]:
    return runs(fairness={"strength": 1.0})


@pytest.fixture(scope="module")
def again(runs: Runs, fair: dict[str, Any]) -> dict[str, Any]:
    return runs()


def test_first_run_runs_everything_and_pushes(unfair: dict[str, Any], runs: Runs) -> None:
    assert unfair["anew"] == ALL
    assert unfair["blessed"], unfair["reasons"]
    assert Path(unfair["pushed"], "saved_model.pb").is_file()


def test_a_disagreement_stops_before_the_push(
    unfair: dict[str, Any], runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving, metadata = runs.small.folder / "serving", runs.small.folder / "metadata.sqlite"
    before = versions(serving)
    mark = latest(metadata, "small").output("Evaluator", "blessing").uri / "BLESSED"
    mark.unlink()

    def edited(*modules: str) -> str:
        return source_hash(*modules) + ("-edited" if "components.gate.executor" in modules else "")

    # The Evaluator is served from cache, and the gate judges anew.
    monkeypatch.setattr(pipeline, "source_hash", edited)
    with pytest.raises(RuntimeError, match="the Evaluator's blessing and the gate disagree; nothing was pushed"):
        runs()
    nodes = latest(metadata, "small").nodes
    assert nodes["Evaluator"].state == "cached" and nodes["Gate"].state == "failed" and "ModelPusher" not in nodes
    assert versions(serving) == before and not (runs.small.folder / "summary.json").exists()
    mark.touch()
    assert runs()["anew"] == {"Gate", "ModelPusher", "FairnessReport"}
    assert len(versions(serving)) == len(before) + 1


def test_changed_strength_trains_the_candidate_and_not_the_baseline(fair: dict[str, Any]) -> None:
    assert fair["anew"] == {"Candidate", "Evaluator", "Gate", "ModelPusher", "FairnessReport"}


def test_unchanged_is_all_cached(again: dict[str, Any], fair: dict[str, Any]) -> None:
    assert again["anew"] == set()
    assert again["pushed"] == fair["pushed"]
    assert again["arfg"] == fair["arfg"]


def test_fairness_loss_lowers_the_held_out_gap_of_every_task(unfair: dict[str, Any], fair: dict[str, Any]) -> None:
    for task in TASKS:
        before, after = (run["tasks"][task]["fpr_gap"]["model"]["value"] for run in (unfair, fair))
        assert after < before, task
    assert fair["arfg"]["value"] < unfair["arfg"]["value"]


def test_planted_gap_shows_in_the_stated_group(unfair: dict[str, Any]) -> None:
    for task, group in {"click": "male", "long_view": "male", "like": "female"}.items():
        rates = {g: cell["model"]["fpr"]["value"] for g, cell in unfair["tasks"][task]["groups"]["gender"].items()}
        assert max(rates, key=rates.__getitem__) == group


def test_served_model_gives_the_figures_that_the_gate_saw(
    fair: dict[str, Any], again: dict[str, Any], runs: Runs
) -> None:
    """Error and FPR per group, recomputed in NumPy from the pushed model and the raw test examples."""
    record = latest(runs.small.folder / "metadata.sqlite", "small")
    files = tf.io.gfile.glob(str(record.output("NegativeSplitter", "examples").uri / "Split-test" / "*"))
    serialized = tf.constant(list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()))
    scores = tf.saved_model.load(fair["pushed"]).signatures["serving_default"](examples=serialized)
    spec: dict[str, Any] = {group_key("gender"): tf.io.FixedLenFeature([], tf.string)}
    for task in TASKS:
        spec[label_key(task)] = tf.io.FixedLenFeature([], tf.int64)
        spec[weight_key(task)] = tf.io.FixedLenFeature([], tf.float32)
    columns = {name: column.numpy() for name, column in tf.io.parse_example(serialized, spec).items()}
    decision = json.loads(Path(fair["pushed"], "assets.extra", "decision.json").read_text(encoding="utf-8"))
    for task in TASKS:
        above = scores[task].numpy().reshape(-1) > decision["thresholds"][task]
        label, known = columns[label_key(task)], columns[weight_key(task)] > 0
        error = np.mean((above != label)[known])
        assert fair["tasks"][task]["error"]["model"]["value"] == pytest.approx(error, abs=1e-9)
        for group in ("female", "male"):
            negatives = known & (label == 0) & (columns[group_key("gender")] == group.encode())
            cell = fair["tasks"][task]["groups"]["gender"][group]["model"]["fpr"]
            assert cell["of"] == negatives.sum()
            assert cell["value"] == pytest.approx(above[negatives].mean(), abs=1e-9)


def test_evaluation_opens_with_tfma_alone(fair: dict[str, Any]) -> None:
    result = tfma.load_eval_result(fair["paths"]["evaluation"], model_name="candidate")
    slices = {slice_key for slice_key, _ in result.slicing_metrics}
    assert () in slices and ((group_key("gender"), "female"),) in slices


def test_an_older_model_served_from_cache_becomes_the_newest_again(
    runs: Runs, unfair: dict[str, Any], again: dict[str, Any]
) -> None:
    back = runs(fairness={"strength": 0.0})
    assert back["anew"] == set()
    newest = runs.small.folder / "serving" / str(versions(runs.small.folder / "serving")[-1])
    assert back["pushed"] == str(newest) != unfair["pushed"]
    assert (newest / "saved_model.pb").read_bytes() == Path(unfair["pushed"], "saved_model.pb").read_bytes()


def test_a_refused_model_is_not_pushed_and_says_why(runs: Runs, again: dict[str, Any]) -> None:
    before = versions(runs.small.folder / "serving")
    refused = runs(gate={"are_max": 0.01})
    assert refused["anew"] == {"Evaluator", "Gate", "ModelPusher", "FairnessReport"}
    assert not refused["blessed"] and refused["pushed"] is None
    assert any("ARE" in reason and "0.01" in reason for reason in refused["reasons"])
    assert versions(runs.small.folder / "serving") == before
    runs(gate={"are_max": 3.0})


def test_an_edited_component_runs_again(runs: Runs, again: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def edited(*modules: str) -> str:
        return source_hash(*modules) + ("-edited" if "components.tradeoff_metrics.metrics" in modules else "")

    monkeypatch.setattr(pipeline, "source_hash", edited)
    assert runs()["anew"] == {"Evaluator", "Gate", "ModelPusher", "FairnessReport"}


def test_a_side_table_that_changed_is_read_again(runs: Runs, again: dict[str, Any]) -> None:
    users = runs.small.config.parent / "log" / "users.csv"
    users.write_text(users.read_text(encoding="utf-8"), encoding="utf-8")
    anew = runs()["anew"]
    # The same content again: only the log is read anew, and what depends on its new artifact.
    assert "InteractionLogGen" in anew
