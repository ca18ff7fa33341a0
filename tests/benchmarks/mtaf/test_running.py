"""What is trained in which order, what time is left for, and the command."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from benchmarks.mtaf import __main__ as command
from benchmarks.mtaf import report, results, running
from benchmarks.mtaf.grid import NONE, SINGLE, Part, Setting
from benchmarks.mtaf.parts import PARTS
from models.training.sweep import SweepData
from pipeline.experiments import runner
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.runner import DataSet
from pipeline.settings.config import load
from tests.benchmarks import made_up

SETTINGS = (
    Setting("vanilla", "fpr_gap", 1.0),
    Setting("vanilla", "mmd", 1.0),
    Setting(NONE),
    Setting("mtaf", "correlation", 1.0),
    Setting(SINGLE),
)
PART = Part("part", "mtaf_adult", {"minimum": SETTINGS}, {"minimum": (1, 2)})
TASKS = ["income", "capital_gain"]


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.setenv("FAIR_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("FAIRNESS_DATA_DIR", "/nowhere")


@pytest.fixture
def data(tmp_path):
    """Files whose digest can be taken, and the outcomes of 40 rows."""
    paths = {}
    for name in ("transform_dir", "train", "validation", "test"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name, encoding="utf-8")
        paths[name] = str(tmp_path / name) if name == "transform_dir" else str(tmp_path / name / "*")
    draw = np.random.default_rng(2)
    outcomes = made_up.outcomes(TASKS, draw.integers(0, 2, [40, 2]))
    groups = {"sex": np.array(["female", "male"] * 20)}
    outcomes = type(outcomes)(outcomes.tasks, outcomes.labels, outcomes.known, groups, None)
    return DataSet(running.settings_of(PART), SweepData(**paths), outcomes)


@pytest.fixture
def trainings(monkeypatch, data):
    """Names of the cases in the order in which they are trained; a training takes no time."""
    order = []

    def run_cases(cases, *_, until, **__):
        for case in cases:
            if time.monotonic() > until:
                return
            order.append(case.name)
            scores = np.random.default_rng(len(order)).random([40, 2])
            yield CaseResult(case.name, case.settings, trained=made_up.trained(TASKS, scores))

    monkeypatch.setattr(runner, "run_cases", run_cases)
    monkeypatch.setattr(running, "prepared", lambda part, console: data)
    return order


def test_the_models_that_all_are_compared_with_come_first(trainings, tmp_path):
    running.run_parts([PART], "minimum", Console(quiet=True), lambda _: None, tmp_path / "results")
    kinds = [name.rsplit("-s", 1)[0].split("-")[0:2] for name in trainings]
    assert [kind[0] for kind in kinds[:4]] == ["none", "none", "single", "single"]
    assert [kind[1] for kind in kinds[4:]] == ["correlation"] * 2 + ["mmd"] * 2 + ["fpr_gap"] * 2
    table = results.read(tmp_path / "results", "part")
    assert len(table) == 2 * len(trainings) == 20 and (table["failure"] == "").all()


def test_what_time_is_left_for_enters_the_table(trainings, tmp_path):
    lines = []
    # Time is up at once: the first training ends, and no other begins.
    running.run_parts([PART], "minimum", Console(quiet=True), lines.append, tmp_path, until=time.monotonic() + 1e-4)
    assert len(trainings) <= 1
    running.run_parts([PART], "minimum", Console(quiet=True), lines.append, tmp_path, until=time.monotonic() - 1)
    assert len(trainings) <= 1
    table = results.read(tmp_path, "part")
    assert table is None or len(table) == 2


def test_one_model_of_a_setting(trainings, data):
    of, result = running.one_model(PART, Setting(NONE), "minimum", Console(quiet=True), lambda _: None)
    assert of is data and trainings == ["none-s1"] and result.trained is not None


def test_one_model_that_failed_is_an_error(monkeypatch, data, trainings):
    failing = lambda cases, *_, **__: (CaseResult(c.name, c.settings, error="the loss is nan") for c in cases)  # noqa: E731
    monkeypatch.setattr(runner, "run_cases", failing)
    with pytest.raises(RuntimeError, match="none-s1.*the loss is nan"):
        running.one_model(PART, Setting(NONE), "minimum", Console(quiet=True), lambda _: None)


@pytest.mark.parametrize("name", PARTS)
def test_the_file_that_a_part_writes_is_the_parts_settings(monkeypatch, name):
    opened = []
    monkeypatch.setattr(running, "open_data", lambda config, console: opened.append(load(config)))
    running.prepared(PARTS[name], Console(quiet=True))
    expected = running.settings_of(PARTS[name])
    assert opened[0].candidate() == expected.candidate() and opened[0].splitter() == expected.splitter()
    assert opened[0].log_gen() == expected.log_gen() and opened[0].data_schema == expected.data_schema
    assert Path(opened[0].data_schema).exists() and opened[0].dataset == expected.dataset


def test_the_command_draws_what_is_there_and_trains_nothing(trainings, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(Path(report.__file__).with_name("README.md").read_text(encoding="utf-8"), encoding="utf-8")
    arguments = ["--draw", "--results", str(tmp_path / "none"), "--table", str(readme)]
    done = CliRunner().invoke(command.main, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and not trainings
    assert readme.read_text(encoding="utf-8").count("Not run yet.") == 7


def test_the_command_runs_the_parts_that_are_named(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(running, "run_parts", lambda parts, size, *rest: asked.append((parts[0].name, size, rest[-1])))
    readme = tmp_path / "README.md"
    readme.write_text(Path(report.__file__).with_name("README.md").read_text(encoding="utf-8"), encoding="utf-8")
    arguments = ["--part", "german", "--part", "lsac", "--size", "full", "--minutes", "2", "--table", str(readme)]
    started = time.monotonic()
    done = CliRunner().invoke(command.main, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and [each[:2] for each in asked] == [("german", "full"), ("lsac", "full")]
    assert all(120 <= until - started <= 150 for _, _, until in asked)


def test_tables_of_the_full_size_lie_beside_its_results_and_the_readme_stays(trainings, tmp_path):
    committed = Path(report.__file__).with_name("README.md")
    before = committed.read_text(encoding="utf-8")
    done = CliRunner().invoke(command.main, ["--size", "full", "--draw"], catch_exceptions=False)
    assert done.exit_code == 0 and committed.read_text(encoding="utf-8") == before
    text = (tmp_path / "runs" / "benchmarks" / "mtaf" / "full" / "README.md").read_text(encoding="utf-8")
    assert text.count("Not run yet.") == 7 and "0 of 1220" in text


def test_the_command_knows_its_parts():
    done = CliRunner().invoke(command.main, ["--part", "adlut"])
    assert done.exit_code == 2 and "adlut" in done.output and "german" in done.output
