"""The targets experiment: what it asks for, what its rows hold, and what its tables count."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks.mtaf import results as grids
from benchmarks.mtaf import running
from benchmarks.mtaf.grid import NONE, SINGLE, Setting, trainer
from benchmarks.mtaf.parts import PARTS
from benchmarks.targets import __main__ as command
from benchmarks.targets import cases, report
from benchmarks.targets.rows import rows
from models.config.combinations import check_combination
from models.training.sweep import SweepData
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.runner import DataSet
from tests.benchmarks import made_up
from tests.benchmarks.mtaf import made_up_tables as tables

TASKS = ["income", "capital_gain"]
README = Path(report.__file__).with_name("README.md")


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.setenv("FAIR_RUNS_DIR", str(tmp_path / "runs"))
    monkeypatch.setenv("FAIRNESS_DATA_DIR", "/nowhere")


@pytest.fixture
def settings():
    return running.settings_of(PARTS["adult"])


def trained(scores, gaps, *, strengths=(0.5, 2.0), kept=2):
    """A training of the two tasks; ``strengths`` by epoch, ``gaps`` on validation."""
    made = made_up.trained(TASKS, scores)
    history = [{"tasks": {task: {"weight": 0.5, "strength": strength} for task in TASKS}} for strength in strengths]
    validation = {task: {**made.validation[task], "fpr_gap": gap} for task, gap in zip(TASKS, gaps, strict=True)}
    return dataclasses.replace(made, history=history, validation=validation, kept_epoch=kept)


@pytest.mark.parametrize("name", cases.DATA)
def test_every_target_can_be_trained_and_bounds_the_gap_of_the_parts_group(name):
    source = cases.DATA[name]
    part = PARTS[source.part]
    run = running.settings_of(part)
    gaps = {task.name: 0.123 for task in run.tasks}
    found = list(cases.target_runs(run, gaps, "correlation", 2, part.group, epochs=source.epochs))
    assert len(found) == len({each.case.name for each in found}) == 2 * len(cases.MODES) * len(cases.SHARES)
    for each in found:
        check_combination(each.case.settings)
        fairness = each.case.settings.fairness
        assert fairness.target_gap == each.asked == dict.fromkeys(gaps, float(f"{each.share * 0.123:.2g}"))
        assert (fairness.mode, fairness.loss) == (each.series, "correlation")
        training = run.training.model_copy(update={"seed": each.seed, "epochs": source.epochs or run.training.epochs})
        assert each.case.settings.training == training
        # The first one is the one that is measured.
        assert each.case.settings.groups[0] == (part.group or run.candidate().groups[0])
        assert fairness.group in (None, each.case.settings.groups[0])


def test_another_first_strength_is_another_case_and_its_rows_lie_elsewhere(settings):
    one, other = (list(cases.target_runs(settings, {"income": 0.1}, "mmd", 1, start=start)) for start in (0.0, 1.0))
    assert {run.case.settings.fairness.strength for run in other} == {1.0}
    assert not {run.case.name for run in one} & {run.case.name for run in other}
    refused = CliRunner().invoke(command.main, ["--data", "adult", "--start", "1"])
    assert refused.exit_code == 2 and "give --folder and --table" in refused.output


def test_trainings_of_another_length_are_other_cases(settings):
    one, other = (list(cases.target_runs(settings, {"income": 0.1}, "mmd", 1, epochs=epochs)) for epochs in (None, 9))
    assert not {run.case.name for run in one} & {run.case.name for run in other}


def test_plain_models_of_another_group_are_those_of_its_part():
    part = PARTS["kuairand-activity"]
    run = running.settings_of(part)
    cases_of_part = {case.name: case.settings for _, _, case in part.cases(run, "minimum")}
    for each in cases.plain_runs(run, 2, part.group):
        assert cases_of_part[each.case.name] == each.case.settings


def test_plain_models_are_those_of_the_grid(settings):
    for run in cases.plain_runs(settings, 2):
        setting = Setting(run.series)
        assert run.case.name == f"{setting.name}-s{run.seed}"
        assert run.case.settings == trainer(settings, setting, run.seed)
    assert {name for name in ("none-s1", "single-task-s1")} <= {
        case.name for _, _, case in PARTS["adult"].cases(settings, "minimum")
    }


def test_targets_are_shares_of_the_mean_gap_on_validation(settings):
    plain = list(cases.plain_runs(settings, 2))
    gaps = {"none-s1": (0.1, 0.04), "none-s2": (0.2, 0.08)}
    results = {
        run.case.name: CaseResult(
            run.case.name, run.case.settings, trained=trained([0.1, 0.2], gaps.get(run.case.name, (9, 9)))
        )
        for run in plain
    }
    assert cases.plain_gaps(plain, results) == pytest.approx({"income": 0.15, "capital_gain": 0.06})
    failed = {name: CaseResult(name, result.settings, error="died") for name, result in results.items()}
    with pytest.raises(ValueError, match="none was trained"):
        cases.plain_gaps(plain, failed)


@pytest.fixture
def data(tmp_path, settings):
    """40 rows of two groups, all labels negative, so that an FPR is the share of scores above ½."""
    paths = {}
    for name in ("transform_dir", "train", "validation", "test"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name, encoding="utf-8")
        paths[name] = str(tmp_path / name) if name == "transform_dir" else str(tmp_path / name / "*")
    outcomes = made_up.outcomes(TASKS, np.zeros([40, 2]))
    groups = {"sex": np.array(["female"] * 20 + ["male"] * 20)}
    return DataSet(settings, SweepData(**paths), dataclasses.replace(outcomes, groups=groups))


def with_gap(female, male):
    """Scores of both tasks above ½ for so many of 20 rows of each group."""
    above = np.concatenate([np.arange(20) < female, np.arange(20) < male])
    return np.repeat(np.where(above, 0.9, 0.1)[:, None], 2, axis=1)


def test_a_row_holds_what_was_asked_for_and_what_was_measured(settings, data):
    plain = list(cases.plain_runs(settings, 1))
    asked = list(cases.target_runs(settings, dict.fromkeys(TASKS, 0.4), "mmd", 1))[:2]
    scores = {SINGLE: with_gap(12, 2), NONE: with_gap(10, 2), 0.75: with_gap(6, 2), 0.5: with_gap(8, 2)}
    results = {}
    for run in [*plain, *asked]:
        made = trained(scores[run.share if run.asked else run.series], (0.3, 0.1), kept=1)
        results[run.case.name] = CaseResult(run.case.name, run.case.settings, trained=made)
    results[asked[1].case.name] = CaseResult(asked[1].case.name, asked[1].case.settings, error="it diverged")
    found = rows("adult", "mmd", [*plain, *asked], results, data).set_index(["series", "share", "task"])
    one = found.loc[("vanilla", 0.75, "income")]
    assert one["asked"] == 0.3 and one["validation"] == 0.3 and one["test"] == pytest.approx(0.2)
    assert one["lower"] < 0.2 < one["upper"] and one["strength"] == 0.5
    assert one["error"] == pytest.approx(8 / 40)
    # A gap of 0.2 against the single-task models' 0.5, and 8 wrong rows against their 14, alike for both tasks.
    assert one["arfg"] == pytest.approx(0.4) and one["are"] == pytest.approx(8 / 14)
    lost = found.loc[("vanilla", 0.5, "income")]
    assert lost["failure"] == "it diverged" and math.isnan(lost["test"]) and math.isnan(lost["validation"])
    without = found.xs(NONE, level="series").iloc[0]
    assert math.isnan(without["asked"]) and math.isnan(without["strength"]) and without["test"] == pytest.approx(0.4)


def made_table():
    """Five seeds; ``vanilla`` holds on validation in all, on test in three; ``mtaf`` nowhere."""
    lines = []
    for seed in range(1, 6):
        for series, share in ((SINGLE, math.nan), (NONE, math.nan), ("vanilla", 0.5), ("mtaf", 0.5)):
            for task in TASKS:
                has = not math.isnan(share)
                misses = series == "mtaf" or (seed > 3 and task == "income")
                test = {SINGLE: 0.2, NONE: 0.2}.get(series, 0.14 if misses else 0.09)
                lines.append(
                    {
                        "dataset": "adult",
                        "loss": "mmd",
                        "series": series,
                        "share": share,
                        "seed": seed,
                        "task": task,
                        "asked": 0.1 if has else math.nan,
                        "validation": 0.3 if series == "mtaf" else 0.1,
                        "test": test,
                        "lower": test - 0.03,
                        "upper": test + 0.03,
                        "error": 0.2,
                        "strength": 3.0 if has else math.nan,
                        "arfg": {SINGLE: 1.0, NONE: 1.0, "vanilla": 0.5, "mtaf": 0.6}[series],
                        "are": {SINGLE: 1.0, NONE: 1.0, "vanilla": 1.02, "mtaf": 1.05}[series],
                        "failure": "",
                    }
                )
    return pd.DataFrame(lines)


def cells(lines):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_a_training_holds_its_targets_if_all_tasks_do():
    found = {line[2]: line for line in cells(report.held(made_table()))}
    assert found["vanilla"][3:7] == ["0.5", "5 of 5", "3 of 5", "3 of 5"]
    assert found["mtaf"][4:7] == ["0 of 5", "0 of 5", "0 of 5"]
    near = made_table().assign(lower=0.1)
    assert {line[6] for line in cells(report.held(near))} == {"5 of 5"}


def test_losses_of_one_data_set_stand_side_by_side(tmp_path):
    both = pd.concat([made_table(), made_table().assign(loss="correlation", test=0.05, lower=0.01)], ignore_index=True)
    assert [line[1:3] for line in cells(report.held(both))] == [
        ["mmd", "vanilla"],
        ["mmd", "mtaf"],
        ["correlation", "vanilla"],
        ["correlation", "mtaf"],
    ]
    assert [line[5] for line in cells(report.held(both))] == ["3 of 5", "0 of 5", "5 of 5", "5 of 5"]
    assert len(report.stated(both)) == 2
    report.draw_gaps(both, tmp_path / "gaps")
    report.draw_tradeoffs(both, tmp_path / "no grids", tmp_path / "tradeoffs")
    assert (tmp_path / "gaps.png").stat().st_size > 1000 < (tmp_path / "tradeoffs.png").stat().st_size


def test_a_failed_training_holds_nothing_and_is_counted():
    table = made_table()
    lost = (table["series"] == "vanilla") & (table["seed"] == 1)
    figures = ["validation", "test", "lower", "upper", "error", "strength", "arfg", "are"]
    table.loc[lost, figures] = math.nan
    table.loc[lost, "failure"] = "it diverged"
    assert report.stated(table) == ["- adult: loss mmd, seeds 1, 2, 3, 4, 5, 20 trainings, 1 failed."]
    found = {line[2]: line for line in cells(report.held(table))}
    assert found["vanilla"][4:6] == ["4 of 4", "2 of 4"]
    # Means over other seeds than the grid's would compare nothing.
    assert len(report.target_points(table, "vanilla")) == 0


def test_place_beside_the_grid():
    plain = np.array([[[1.0, 1.0]]])
    grid = np.array([[[1.0, 1.0]], [[1.05, 0.6]]])
    at = report.place(grid, np.array([[[1.02, 0.5]], [[1.06, 0.7]]]), plain)
    # By hand: below (1.1, 1.1), (1, 1) adds 0.1 × 0.1 and what a point lower down adds is its width times its drop to 1.
    assert at.grid == pytest.approx(0.1 * 0.1 + 0.05 * 0.4)
    assert at.targets == pytest.approx(0.1 * 0.1 + 0.08 * 0.5)
    assert at.both == pytest.approx(at.targets) and at.settings == (2, 2) and at.behind == 1


def test_the_command_trains_measures_and_writes(monkeypatch, tmp_path, settings, data):
    """With trainings that take no time; the grid's table is that of two made-up λ."""
    wanted = {SINGLE: (12, 2), NONE: (10, 2)}

    def train_cases(cases_, data, folder, report):
        assert folder.name == "mtaf_adult"
        made = {}
        for case in cases_:
            series = SINGLE if case.name.startswith("single-task") else NONE if case.name.startswith("none") else ""
            made[case.name] = CaseResult(
                case.name, case.settings, trained=trained(with_gap(*wanted.get(series, (4, 2))), (0.4, 0.4))
            )
        return made

    monkeypatch.setattr(command, "train_cases", train_cases)
    monkeypatch.setattr(running, "prepared", lambda part, console: data)
    points = tables.starts(5)
    for series in ("vanilla", "mtaf"):
        points[Setting(series, "mmd", 1.0)] = [(1.05, 0.6)] * 5
    grids.write(tmp_path / "mtaf" / "results", "adult", tables.table(points, thresholds=("validation", "evaluated")))
    monkeypatch.setattr(command, "HERE", tmp_path / "targets")
    readme = tmp_path / "targets" / "README.md"
    readme.parent.mkdir()
    readme.write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    options = ["--data", "adult", "--loss", "mmd", "--folder", str(readme.parent), "--table", str(readme)]
    first = CliRunner().invoke(command.main, options, catch_exceptions=False)
    assert first.exit_code == 0, first.output
    text = readme.read_text(encoding="utf-8")
    block = re.search(r"<!-- held -->\n(.*?)\n<!-- end of held -->", text, re.S).group(1)
    assert "40 trainings" in block
    assert block.count("5 of 5") >= len(cases.SHARES)
    assert "| adult | vanilla | mmd | 1 | 3 |" in text
    for name in ("gaps", "tradeoffs"):
        assert (readme.parent / f"{name}.png").stat().st_size > 1000
    again = CliRunner().invoke(command.main, ["--redraw", *options[4:]], catch_exceptions=False)
    assert again.exit_code == 0 and readme.read_text(encoding="utf-8") == text


def test_without_a_grid_it_is_said(tmp_path):
    assert report.places(made_table(), tmp_path) == ["No grid of `benchmarks/mtaf` is there to compare with."]


def test_the_committed_readme_has_the_marks(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(README.read_text(encoding="utf-8"), encoding="utf-8")
    report.write(made_table(), path, tmp_path / "no grids")
    text = path.read_text(encoding="utf-8")
    assert "5 of 5" in text and "No grid" in text and "| adult | income | mmd | vanilla | 0.1 |" in text
