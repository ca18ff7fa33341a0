"""The sharing experiment: what it trains, when a task counts as harmed, and what its tables say."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from rich.console import Console
from scipy import stats

from benchmarks.sharing import __main__ as command
from benchmarks.sharing import cases, report
from benchmarks.sharing.rows import delta_p, rows
from benchmarks.sharing.transfer import Difference, error_difference
from benchmarks.tables import read_rows
from models.config.combinations import check_combination
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.runner import DataSet
from pipeline.settings.config import load
from tests.benchmarks import made_up


@pytest.mark.parametrize("name", sorted(cases.DATA_SETS))
def test_every_case_can_be_trained_and_has_the_stated_capacity(name):
    choice = cases.DATA_SETS[name]
    found = list(cases.runs(load(choice.config), choice, seeds=2))
    numbers = [choice.least_seeds.get(weighting, 2) for weighting in cases.WEIGHTINGS]
    assert len(found) == max(numbers) + len(cases.NETWORKS) * sum(numbers)
    assert len({run.case.name for run in found}) == len(found)
    for run in found:
        check_combination(run.case.settings)
        model = run.case.settings.model
        assert list(model.shared_units) == choice.capacity["shared_units"]
        assert list(model.tower_units) == choice.capacity["tower_units"]
        assert run.case.settings.fairness.mode == "none"
        assert run.case.settings.training.seed == run.seed
        if run.network != cases.STL:
            assert run.case.settings.training.weighting.method == run.weighting


def test_where_chance_decides_a_weighting_has_more_seeds_and_single_task_models_have_them_too():
    choice = cases.DATA_SETS["adult3"]._replace(least_seeds={"uniform": 3})
    found = cases.runs(load(choice.config), choice, seeds=2, networks=["ple"], weightings=["uniform", "gradnorm"])
    assert Counter((run.network, run.weighting) for run in found) == {
        (cases.STL, "uniform"): 3,
        ("ple", "uniform"): 3,
        ("ple", "gradnorm"): 2,
    }


def test_seeds_are_stated_by_weighting_where_they_differ():
    models = pd.DataFrame(
        [(cases.STL, "uniform", 3), ("ple", "uniform", 3), ("ple", "gradnorm", 2), ("cgc", "gradnorm", 2)],
        columns=["network", "weighting", "seeds"],
    )
    assert report._seeds(models) == "3 seeds under uniform, 2 seeds under gradnorm"
    assert report._seeds(models[models["weighting"] == "uniform"]) == "3 seeds"


def test_a_subset_of_networks_and_weightings_can_be_asked_for():
    choice = cases.DATA_SETS["adult3"]
    found = list(cases.runs(load(choice.config), choice, seeds=1, networks=["ple"], weightings=["gradnorm"]))
    assert [(run.network, run.weighting) for run in found] == [(cases.STL, "uniform"), ("ple", "gradnorm")]


def _seeds(labels, wrong_by_seed):
    """Seed → a training of one task that errs where it is told to."""
    return {
        seed: made_up.trained(["a"], made_up.scores_with_errors(labels, wrong))
        for seed, wrong in enumerate(wrong_by_seed, start=1)
    }


def _errs(rows, count):
    wrong = np.zeros(count, bool)
    wrong[list(rows)] = True
    return wrong


def test_the_difference_by_hand():
    """Eight rows. Seed 1 errs on two rows more than alone, seed 2 on one more and one less: d̄ = (2/8 + 0/8) / 2 = 1/8."""
    labels = np.array([0, 1] * 4)
    alone = _seeds(labels, [_errs([0], 8), _errs([0], 8)])
    network = _seeds(labels, [_errs([0, 1, 2], 8), _errs([1], 8)])
    found = error_difference(network, alone, made_up.outcomes(["a"], labels), "a")
    assert found.value == pytest.approx(1 / 8)
    # Means over seeds by row: −½, 1, ½, 0, …; over rows by seed: ¼, 0.
    by_row = np.array([-0.5, 1.0, 0.5, 0, 0, 0, 0, 0])
    of_rows, of_seeds = by_row.var(ddof=1) / 8, np.var([0.25, 0.0], ddof=1) / 2
    freedom = (of_rows + of_seeds) ** 2 / (of_rows**2 / 7 + of_seeds**2 / 1)
    assert found.half == pytest.approx(stats.t.ppf(0.975, freedom) * math.sqrt(of_rows + of_seeds))


def test_clusters_count_instead_of_rows():
    """Every row ten times over in a cluster of its own is no more evidence than the rows once."""
    labels = np.random.default_rng(0).integers(0, 2, 60)
    wrong = np.random.default_rng(1).random((4, 60)) < 0.3
    once = error_difference(_seeds(labels, wrong[:2]), _seeds(labels, wrong[2:]), made_up.outcomes(["a"], labels), "a")
    copies, clusters = np.repeat(labels, 10), np.repeat(np.arange(60).astype(str), 10)
    many = error_difference(
        _seeds(copies, np.repeat(wrong[:2], 10, axis=1)),
        _seeds(copies, np.repeat(wrong[2:], 10, axis=1)),
        made_up.outcomes(["a"], copies, clusters=clusters),
        "a",
    )
    assert many == pytest.approx(once)


@pytest.mark.parametrize(("harm", "harmed_at_least"), [(0.0, 0.0), (0.06, 0.95)])
def test_harm_is_found_where_it_is_and_seldom_where_it_is_not(harm, harmed_at_least):
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 2000)
    outcomes = made_up.outcomes(["a"], labels)
    found = []
    for _ in range(100):
        alone = _seeds(labels, rng.random((3, 2000)) < 0.2)
        network = _seeds(labels, rng.random((3, 2000)) < 0.2 + harm)
        found.append(error_difference(network, alone, outcomes, "a"))
    share = np.mean([each.harmed for each in found])
    assert share >= harmed_at_least
    if harm == 0:
        assert share <= 0.06 and np.mean([each.helped for each in found]) <= 0.06


def test_the_same_decisions_differ_by_nothing_for_certain():
    labels = np.array([0, 1, 1])
    same = _seeds(labels, [_errs([1], 3), _errs([2], 3)])
    found = error_difference(same, same, made_up.outcomes(["a"], labels), "a")
    assert found == Difference(0.0, 0.0) and not found.harmed and not found.helped


@pytest.mark.parametrize("seeds", [(1,), (1, 3)])
def test_too_few_or_other_seeds_are_refused(seeds):
    labels = np.array([0, 1])
    alone = _seeds(labels, [_errs([], 2)] * 2)
    network = {seed: alone[1] for seed in seeds}
    with pytest.raises(ValueError, match="of the same seeds, two or more"):
        error_difference(network, alone, made_up.outcomes(["a"], labels), "a")


def test_delta_p_is_the_mean_relative_gain_in_per_cent():
    """One error falls by a tenth, the other rises by a fifth: −100 · (−0.1 + 0.2) / 2 = −5."""
    assert delta_p(np.array([[0.09, 0.24]]), np.array([[0.1, 0.2]])) == pytest.approx([-5.0])


def _results(harm=0.1):
    """Two tasks, three seeds, one network that errs by ``harm`` more on the first; another one has a seed that failed."""
    rng = np.random.default_rng(5)
    choice = cases.DATA_SETS["conflict"]._replace(least_seeds={})
    labels = rng.integers(0, 2, (1500, 4))
    found = list(
        cases.runs(load(choice.config), choice, seeds=3, networks=["shared_bottom", "ple"], weightings=["uniform"])
    )
    tasks, results = [task.name for task in found[0].case.settings.tasks], {}
    for run in found:
        rates = np.full(4, 0.2) + (np.array([harm, 0, 0, 0]) if run.network == "shared_bottom" else 0)
        scores = made_up.scores_with_errors(labels, rng.random(labels.shape) < rates)
        failed = run.network == "ple" and run.seed == 2
        trained = None if failed else made_up.trained(tasks, scores, parameters=1234 + run.seed)
        results[run.case.name] = CaseResult(run.case.name, run.case.settings, trained, "boom" if failed else None)
    return found, results, made_up.outcomes(tasks, labels)


def test_rows_say_which_tasks_are_harmed_and_leave_out_what_failed():
    tasks, models = rows("conflict", *_results())
    harmed = tasks[tasks["harmed"]]
    assert list(zip(harmed["network"], harmed["task"], strict=True)) == [("shared_bottom", "click")]
    assert dict(zip(models["network"], models["seeds"], strict=True)) == {cases.STL: 3, "shared_bottom": 3, "ple": 2}
    assert dict(zip(models["network"], models["harmed"], strict=True)) == {cases.STL: 0, "shared_bottom": 1, "ple": 0}
    own = models.set_index("network").loc["shared_bottom"]
    assert own["delta_p"] == pytest.approx(-100 * 0.5 / 4, abs=3)
    assert (own["parameters"], own["parameters_most"]) == (1235, 1237)
    click = tasks[(tasks["network"] == "shared_bottom") & (tasks["task"] == "click")].iloc[0]
    assert click["value"] == pytest.approx(click["error"] - click["error_alone"])


def test_without_single_task_models_there_is_nothing_to_compare_with():
    found, results, outcomes = _results()
    for name, result in results.items():
        if name.startswith("single_task"):
            results[name] = CaseResult(name, result.settings, error="boom")
    with pytest.raises(ValueError, match=r"two single-task models or more are needed. Received those of seeds \[\]"):
        rows("conflict", found, results, outcomes)


def test_tables_and_plot_are_written_and_say_what_was_not_run(tmp_path):
    tasks, models = rows("conflict", *_results())
    readme = tmp_path / "README.md"
    readme.write_text("# T\n<!-- tables -->\n<!-- end of tables -->\n", encoding="utf-8")
    report.write(tasks, models, readme)
    text = readme.read_text(encoding="utf-8")
    assert "| shared_bottom | 1 (conflict 1) | not run | not run |" in text
    line = next(line for line in text.splitlines() if line.startswith("| shared_bottom | uniform"))
    assert line.split("|")[3].strip().startswith("**+") and "| 1,235 to 1,237 |" in line
    assert {path.name for path in tmp_path.iterdir()} == {"README.md", "transfer.png"}


def test_the_command_writes_rows_as_networks_are_finished_and_again_at_the_end(tmp_path, monkeypatch):
    found, results, outcomes = _results()
    run = load(cases.DATA_SETS["conflict"].config)
    seen = []

    def train_cases(given, data, folder, report, *, after):
        so_far = {}
        for case in given:
            so_far[case.name] = results[case.name]
            if results[case.name].trained is not None:
                after(so_far)
                files = command.paths(tmp_path)
                seen.append(read_rows(files[1])["network"].tolist() if files[1].exists() else None)
        return so_far

    monkeypatch.setattr(command, "train_cases", train_cases)
    monkeypatch.setattr(command.cases, "runs", lambda *args, **options: found)
    data = DataSet(run, None, outcomes)
    command.run_data("conflict", data, 3, ("shared_bottom", "ple"), ("uniform",), tmp_path, Console())
    # Three single-task models, three of one network, two of another, whose third failed: it comes at the end alone.
    both = [cases.STL, "shared_bottom"]
    assert seen == [None, None, [cases.STL], [cases.STL], [cases.STL], both, both, both]
    tasks, models = (read_rows(path) for path in command.paths(tmp_path))
    assert models["network"].tolist() == [*both, "ple"] and len(tasks) == 12


def test_tables_are_made_of_the_rows_alone_where_nothing_is_to_be_trained(tmp_path, monkeypatch):
    for path, frame in zip(command.paths(tmp_path), rows("conflict", *_results()), strict=True):
        frame.to_csv(path, index=False)
    monkeypatch.setattr(command, "open_data", lambda *args: pytest.fail("no data is needed"))
    told = CliRunner().invoke(command.main, ["--redraw", "--folder", str(tmp_path)])
    assert told.exit_code == 0, told.output
    assert "| ple | 0 (conflict 0) | not run | not run |" in told.output


def test_only_networks_with_experts_have_their_number():
    choice = cases.DATA_SETS["adult3"]._replace(capacity={"shared_units": [8], "experts": 3, "task_experts": 5})
    found = {run.network: run.case.settings.model for run in cases.runs(load(choice.config), choice, seeds=1)}
    assert {name for name, model in found.items() if getattr(model, "experts", None) == 3} == {"mmoe", "cgc", "ple"}
    assert {name for name, model in found.items() if getattr(model, "task_experts", None) == 5} == {"cgc", "ple"}


def test_networks_stand_in_one_order_in_the_tables_whenever_they_were_run():
    tasks, models = rows("conflict", *_results())
    lines = report.tables(tasks, models.iloc[::-1])
    found = [line.split("|")[1].strip() for line in lines if "| uniform |" in line and "network" not in line]
    assert found == [cases.STL, "shared_bottom", "ple"]


@pytest.mark.parametrize(
    ("value", "half", "cell"),
    [
        (0.02, 0.01, "**+2.00 ± 1.00**"),
        (-0.02, 0.01, "*-2.00 ± 1.00*"),
        (0.02, 0.03, "+2.00 ± 3.00"),
        (0.0, 0.0, "+0.00 ± 0.00"),
    ],
)
def test_harm_is_bold_and_help_in_italics(value, half, cell):
    difference = Difference(value, half)
    row = pd.Series(
        {"value": value, "half": half, "seeds": 3, "harmed": difference.harmed, "helped": difference.helped}
    )
    assert report._cell(row) == cell
