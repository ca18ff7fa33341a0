"""The weighting experiment: what it trains, how a method's numbers are chosen, and what its tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from rich.console import Console

from benchmarks.tables import read_rows
from benchmarks.weighting import __main__ as command
from benchmarks.weighting import cases, report, rows
from models.config.combinations import check_combination
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.runner import DataSet
from pipeline.settings.config import load
from tests.benchmarks import made_up

FIRST = {method: candidates[0] for method, candidates in cases.METHODS.items()}


@pytest.mark.parametrize("name", sorted(cases.DATA_SETS))
def test_every_case_can_be_trained_and_flips_one_tasks_labels(name):
    choice = cases.DATA_SETS[name]
    settings = cases.base(load(choice.config), choice)
    found = [*cases.tuning(settings, choice), *cases.final(settings, choice, FIRST, 2)]
    assert len({run.case.name for run in found}) == len(found)
    for run in found:
        check_combination(run.case.settings)
        training = run.case.settings.training
        assert training.label_noise == ({choice.noisy: run.noise} if run.noise else {})
        assert (training.seed, training.epochs, training.early_stopping) == (run.seed, choice.epochs, None)
        assert training.weighting.method == run.weighting["method"]
        assert run.case.settings.model.shared_units == (16,)


def test_numbers_are_chosen_by_seeds_that_no_figure_comes_from():
    choice = cases.DATA_SETS["adult3"]
    settings = cases.base(load(choice.config), choice)
    tuning, final = list(cases.tuning(settings, choice)), list(cases.final(settings, choice, FIRST, 5))
    assert {run.seed for run in tuning}.isdisjoint({run.seed for run in final})
    assert {run.method for run in tuning} == {name for name, found in cases.METHODS.items() if len(found) > 1}
    assert len(final) == len(cases.METHODS) * len(cases.NOISE) * 5 + 5
    assert {run.noise for run in final if run.method == cases.STL} == {0.0}


@pytest.mark.parametrize("name", sorted(cases.DATA_SETS))
def test_the_minimum_compares_with_no_wrong_labels(name):
    choice = cases.DATA_SETS[name]
    assert set(choice.minimum) <= set(cases.NOISE) and 0.0 in choice.minimum and len(choice.minimum) > 2
    settings = cases.base(load(choice.config), choice)
    found = list(cases.final(settings, choice, FIRST, 3, choice.minimum))
    assert {run.noise for run in found} == set(choice.minimum)


def test_the_authors_step_goes_without_a_floor():
    choice = cases.DATA_SETS["adult3"]
    settings = cases.base(load(choice.config), choice)
    found = {run.method: run for run in cases.final(settings, choice, FIRST, 1)}
    assert found["excess_risk, step 1"].case.settings.training.weighting.floor is None
    assert found["excess_risk"].case.settings.training.weighting.floor == 0.01


def _tuned(auc_of_step, failed=()):
    choice = cases.DATA_SETS["adult3"]
    methods = {"excess_risk": cases.METHODS["excess_risk"]}
    runs = list(cases.tuning(cases.base(load(choice.config), choice), choice, methods))
    tasks, results = ["income", "capital_gain", "long_hours"], {}
    for run in runs:
        step = run.weighting["step"]
        trained = made_up.trained(tasks, np.full((2, 3), 0.5), validation_auc=auc_of_step[step][run.seed - 101])
        error = "boom" if step in failed else None
        results[run.case.name] = CaseResult(run.case.name, run.case.settings, None if error else trained, error)
    return runs, results


def test_the_candidate_with_the_highest_mean_auc_is_chosen():
    aucs = {0.01: (0.9, 0.6), 0.1: (0.8, 0.8), 1.0: (0.7, 0.79)}
    assert rows.choose(*_tuned(aucs)) == {"excess_risk": {"method": "excess_risk", "step": 0.1}}
    assert rows.choose(*_tuned(aucs, failed=[0.1])) == {"excess_risk": {"method": "excess_risk", "step": 0.01}}


def test_a_method_of_which_nothing_trains_is_an_error():
    aucs = dict.fromkeys((0.01, 0.1, 1.0), (0.5, 0.5))
    with pytest.raises(RuntimeError, match="numbers of `excess_risk` came to an end"):
        rows.choose(*_tuned(aucs, failed=list(aucs)))


def _models() -> pd.DataFrame:
    """Two methods, two shares, three seeds. The first clean task's error grows by a tenth for uniform, a fifth for mgda."""
    found = []
    for method, growth, weight in ((cases.UNIFORM, 1.1, 0.5), ("mgda", 1.2, 0.8)):
        for noise in (0.0, 0.4):
            for seed in (1, 2, 3):
                first = 0.1 * (1 + 0.01 * seed) * (growth if noise else 1)
                for task, error, auc in (
                    ("noisy", 0.3 + noise, 0.7),
                    ("one", first, 0.9 - noise / 10),
                    ("two", 0.2, 0.8),
                ):
                    found.append(
                        {
                            "dataset": "adult3",
                            "method": method,
                            "setting": "",
                            "noise": noise,
                            "seed": seed,
                            "task": task,
                        }
                        | {"noisy": task == "noisy", "error": error, "auc": auc, "loss": 0.5, "weight": weight}
                        | {"seconds": 60.0}
                    )
    return pd.DataFrame(found)


def test_errors_are_compared_by_their_geometric_mean_and_pairs_of_seeds():
    """√(1.1 · 1) − 1 for uniform and √(1.2 · 1) − 1 for mgda, the same in every seed."""
    found = rows.compared(_models(), "clean", "error")
    assert found["adult3", cases.UNIFORM, 0.4].mean == pytest.approx(100 * (1.1**0.5 - 1))
    assert found["adult3", "mgda", 0.4].mean == pytest.approx(100 * (1.2**0.5 - 1))
    assert found["adult3", "mgda", 0.4].half == pytest.approx(0, abs=1e-9)
    against = rows.compared(_models(), "uniform", "error")
    assert against["adult3", "mgda", 0.4].mean == pytest.approx(100 * ((1.2 / 1.1) ** 0.5 - 1))
    assert against["adult3", cases.UNIFORM, 0.4].mean == 0


def test_auc_is_a_difference_and_the_noisy_task_counts_in_none():
    found = rows.compared(_models(), "clean", "auc")
    assert found["adult3", "mgda", 0.4].mean == pytest.approx(-0.02)


def test_a_seed_without_its_pair_is_left_out():
    models = _models()
    lacking = models[~((models["method"] == cases.UNIFORM) & (models["noise"] == 0.4) & (models["seed"] == 2))]
    found = rows.compared(lacking, "uniform", "error")
    assert found["adult3", "mgda", 0.4].number == 2 and found["adult3", "mgda", 0.0].number == 3


@pytest.mark.parametrize(("against", "figure"), [("stl", "error"), ("clean", "loss")])
def test_other_comparisons_are_refused(against, figure):
    with pytest.raises(ValueError, match=f"Received: '{against}', '{figure}'"):
        rows.compared(_models(), against, figure)


def test_the_noisy_tasks_weight():
    found = rows.noisy_weights(_models())
    assert found["adult3", "mgda", 0.4].mean == pytest.approx(0.8)


def _trained_runs():
    choice = cases.DATA_SETS["adult3"]
    tasks = ["income", "capital_gain", "long_hours"]
    runs = list(cases.final(cases.base(load(choice.config), choice), choice, {"mgda": {"method": "mgda"}}, 1))
    weights = {"income": 0.6, "capital_gain": 0.2, "long_hours": 0.2}
    labels = np.random.default_rng(1).integers(0, 2, (50, 3))
    results = {}
    for index, run in enumerate(runs):
        trained = made_up.trained(
            tasks, made_up.scores_with_errors(labels, np.zeros((50, 3))), weights=weights, epochs=3
        )
        failed = index == 0
        results[run.case.name] = CaseResult(
            run.case.name, run.case.settings, None if failed else trained, "boom" if failed else None
        )
    return runs, results, made_up.outcomes(tasks, labels)


def test_rows_of_models_and_paths_leave_out_what_failed():
    runs, results, outcomes = _trained_runs()
    models = rows.model_rows("adult3", "income", runs, results, outcomes)
    assert len(models) == 3 * (len(runs) - 1) and (models["error"] == 0).all()
    assert set(models[models["noisy"]]["task"]) == {"income"}
    assert models[models["task"] == "income"]["weight"].tolist() == [0.6] * (len(runs) - 1)
    paths = rows.path_rows("adult3", runs, results)
    # Not of single-task models, nor of the training that failed.
    assert len(paths) == 3 * 3 * (len(runs) - 2)
    income = paths[(paths["task"] == "income") & (paths["noise"] == 0.4)]
    assert income["epoch"].tolist() == [1, 2, 3] and income["weight"].tolist() == [0.3, 0.3, 0.6]


def test_tables_and_plots_are_written(tmp_path):
    readme, models = tmp_path / "README.md", _models()
    readme.write_text("# T\n<!-- tables -->\n<!-- end of tables -->\n", encoding="utf-8")
    keys = ["dataset", "method", "noise", "seed", "task", "weight"]
    paths = pd.concat(
        [models[keys].assign(epoch=epoch, task=models["task"].replace("noisy", "income")) for epoch in (1, 2)]
    )
    report.write(models, paths, readme)
    text = readme.read_text(encoding="utf-8")
    assert (
        "- adult3: seeds 1, 2, 3; 12 trainings of 15 epochs, 12 minutes of one core; wrong labels of `income`." in text
    )
    assert "| adult3 | mgda | – | +9.54 ± 0.00 | – | – |" in text
    assert "| adult3 | mgda | 0.800 ± 0.000 | – | 0.800 ± 0.000 | – | – |" in text
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"README.md", "quality.png", "weights.png"}


def test_tables_are_made_of_the_rows_alone_where_nothing_is_to_be_trained(tmp_path, monkeypatch):
    models = _models()
    keys = ["dataset", "method", "noise", "seed", "task", "weight"]
    for path, frame in zip(command.paths(tmp_path), (models, models[keys].assign(epoch=1)), strict=True):
        frame.to_csv(path, index=False)
    monkeypatch.setattr(command, "open_data", lambda *args: pytest.fail("no data is needed"))
    told = CliRunner().invoke(command.main, ["--redraw", "--folder", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert "| adult3 | mgda | – | +9.54 ± 0.00 | – | – |" in told.output


def test_the_command_chooses_numbers_trains_with_them_and_writes_on_the_way(tmp_path, monkeypatch):
    choice = cases.DATA_SETS["adult3"]
    run = load(choice.config)
    tasks = [task.name for task in run.tasks]
    labels = np.random.default_rng(2).integers(0, 2, (40, 3))
    asked, written = [], []

    def train_cases(given, data, folder, report, *, after=lambda results: None):
        asked.append(given)
        results = {}
        for case in given:
            # The candidate with a step of 0.1 is the best of each method that has steps.
            auc = 0.9 if getattr(case.settings.training.weighting, "step", None) == 0.1 else 0.5
            trained = made_up.trained(tasks, np.abs(labels - 0.1), validation_auc=auc)
            results[case.name] = CaseResult(case.name, case.settings, trained)
            after(results)
            written.append(command.paths(tmp_path)[0].exists())
        return results

    monkeypatch.setattr(command, "train_cases", train_cases)
    data = DataSet(run, None, made_up.outcomes(tasks, labels))
    command.run_data("adult3", data, command.Size(2, True), tmp_path, Console())
    tuning, final = asked
    assert {case.settings.training.seed for case in tuning} == set(cases.TUNING_SEEDS)
    weightings = [case.settings.training.weighting for case in final]
    steps = {(found.floor, found.step) for found in weightings if found.method == "excess_risk"}
    assert steps == {(0.01, 0.1), (None, 1.0)}
    # Twenty trainings after the choice the first rows are there.
    assert written.index(True) == len(tuning) + 19
    models, weights = (read_rows(path) for path in command.paths(tmp_path))
    assert len(models) == 3 * len(final)
    assert set(weights["method"]) == set(cases.METHODS)
    assert set(models[models["method"] == "group_dro"]["setting"]) == {"step 0.1"}


@pytest.mark.parametrize(
    ("weighting", "words"),
    [
        ({"method": "mgda"}, ""),
        ({"method": "gradnorm", "alpha": 1.5}, "alpha 1.5"),
        ({"method": "excess_risk", "step": 1.0, "floor": None}, "step 1.0, floor None"),
    ],
)
def test_what_was_chosen_in_words(weighting, words):
    assert rows.setting_words(weighting) == words


def test_single_task_models_stand_beside_but_are_compared_with_nothing():
    models = pd.concat([_models(), _models()[lambda found: found["noise"] == 0].assign(method=cases.STL)])
    assert cases.STL not in {method for _, method, _ in rows.compared(models, "clean", "error")}
    assert cases.STL not in {method for _, method, _ in rows.noisy_weights(models)}
    assert any(line.startswith("| adult3 | single_task |") for line in report.tables(models))
