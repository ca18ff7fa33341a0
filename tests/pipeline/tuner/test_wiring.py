"""The Tuner in the pipeline, and its values in the Trainer."""

import json
from types import SimpleNamespace

import pytest

from models.training import trainer
from models.training.job import TrainingJob
from pipeline.pipeline import Places, create_pipeline
from pipeline.summary import _paths
from pipeline.tuner.settings import TuneSettings

TUNE = TuneSettings(trials=3, arfg_max=0.9, strength={"low": 0.1, "high": 1})


def wired(settings):
    places = Places("/root", "/serving", "/checkpoints", None)
    return {node.id: node for node in create_pipeline(settings, places, []).components}


@pytest.fixture
def sample_settings():
    from pathlib import Path

    from pipeline import local_runner

    return local_runner.prepare(Path(local_runner.ROOT) / "data_schemas" / "sample" / "dataset.yaml")


def test_the_candidate_takes_what_the_tuner_found_and_the_baseline_does_not(sample_settings):
    nodes = wired(sample_settings.model_copy(update={"tune": TUNE}))
    found = nodes["Candidate"].inputs["hyperparameters"]
    assert found.producer_component_id == "Tuner" and "hyperparameters" not in nodes["Baseline"].inputs
    assert {node.id for node in nodes["Tuner"].upstream_nodes} == {"Transform", "ImportSchemaGen"}
    config = json.loads(nodes["Tuner"].exec_properties["custom_config"])
    assert TuneSettings.model_validate_json(config["tune"]) == TUNE and config["trials_root"] == "/checkpoints"


def test_without_the_block_there_is_no_tuner(sample_settings):
    nodes = wired(sample_settings)
    assert "Tuner" not in nodes and "hyperparameters" not in nodes["Candidate"].inputs


@pytest.mark.parametrize("found", [None, {"space": [], "values": {"fairness.strength": 0.625}}])
def test_the_trainer_puts_the_values_in_their_places(candidate, tmp_path, monkeypatch, found):
    jobs = []

    def run_child(command, told=None):
        job = TrainingJob.model_validate_json(open(command[-1], encoding="utf-8").read())
        (tmp_path / "model.partial").mkdir()
        jobs.append(job)

    monkeypatch.setattr(trainer, "run_child", run_child)
    trainer.run_fn(
        SimpleNamespace(
            custom_config={"settings": candidate.model_dump_json(), "code": "1"},
            transform_graph_path="/transform",
            serving_model_dir=str(tmp_path / "model"),
            model_run_dir=str(tmp_path / "log"),
            train_files=["/t"],
            eval_files=["/v"],
            hyperparameters=found,
        )
    )
    (job,) = jobs
    expected = candidate.fairness.strength if found is None else 0.625
    assert job.settings.fairness.strength == expected
    assert job.settings.model == candidate.model


def test_the_end_of_a_run_names_the_table_of_trials(tmp_path):
    class Record:
        nodes = {"Tuner": None}

        def output(self, node, key):
            return SimpleNamespace(uri=tmp_path / node / key)

    paths = _paths(SimpleNamespace(summary=tmp_path / "summary.json"), Record(), None)
    assert paths["trials"] == str(tmp_path / "Tuner" / "tuner_results" / "trials.json")
    Record.nodes = {}
    assert "trials" not in _paths(SimpleNamespace(summary=tmp_path / "summary.json"), Record(), None)
