"""What experiments share: data prepared under a lock, cases trained with the code's hash, failures kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from pipeline.experiments import runner
from pipeline.experiments.cases import Case, CaseResult
from pipeline.experiments.pool import ExperimentInProgressError, exclusive
from tests.benchmarks import made_up

CONFLICT = "benchmarks/settings/conflict.yaml"


@pytest.fixture
def prepared(monkeypatch, tmp_path):
    """Stands for the pipeline's components; keeps what they were asked for."""
    asked = []

    def prepare(config, folder, logs, console):
        with pytest.raises(ExperimentInProgressError), exclusive(folder):
            pass
        asked.append((config.name, folder, logs))
        return {"transform_dir": "t", "train": "a*", "validation": "b*", "test": "c*"}

    monkeypatch.setenv("FAIR_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setattr(runner.preparation, "prepare", prepare)
    monkeypatch.setattr(runner.sample_data, "ensure", lambda root, settings: asked.append((root, settings.conflict)))
    monkeypatch.setattr(runner, "read_outcomes", lambda *given: given)
    return asked


def test_data_is_prepared_once_for_all_experiments_and_its_sample_made(prepared, tmp_path):
    found = runner.open_data(Path(CONFLICT), Console())
    folder = tmp_path / "runs" / "benchmarks" / "data" / "conflict"
    (root, conflict), asked = prepared
    assert root.parts[-2:] == ("data", "conflict") and conflict == 3.0
    assert asked == ("conflict.yaml", folder, folder / "logs")
    assert found.data.train == "a*" and found.tasks == ["click", "long_view", "like", "dismiss"]
    # Test's labels, the settings' groups, and users as clusters.
    assert found.outcomes == (found.data, found.tasks, ["gender"], "user_id")


def test_a_second_preparation_at_once_is_refused(prepared):
    folder = runner.experiment_folder("data") / "conflict"
    with exclusive(folder), pytest.raises(ExperimentInProgressError, match=str(folder)):
        runner.open_data(Path(CONFLICT), Console())


def test_results_come_by_name_and_what_comes_is_told_of(monkeypatch, prepared, tmp_path):
    data = runner.open_data(Path(CONFLICT), Console())
    settings = made_up.settings(["a"])
    given, told, said = {}, [], []

    def run_cases(cases, *args, **options):
        given.update(options, args=args)
        for case in cases:
            failed, stored = case.name == "fails", case.name == "stored"
            trained = None if failed else made_up.trained(["a"], [0.5])
            yield CaseResult(case.name, case.settings, trained, "boom" if failed else None, stored=stored)

    monkeypatch.setattr(runner, "run_cases", run_cases)
    found = runner.train_cases(
        [Case(name, settings) for name in ("stored", "one", "fails", "two")],
        data,
        tmp_path,
        said.append,
        after=lambda results: told.append(list(results)),
    )
    assert {name: result.error for name, result in found.items()} == {
        "stored": None,
        "one": None,
        "fails": "boom",
        "two": None,
    }
    assert told == [["stored", "one"], ["stored", "one", "fails", "two"]]
    assert said == ["failed: fails: boom"]
    assert given["args"] == (data.data, tmp_path)
    assert given["code"] == runner.source_hash("models.training.sweep")
