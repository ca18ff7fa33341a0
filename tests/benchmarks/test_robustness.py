"""The robustness experiment: what it trains, its figures against counts by hand, and what its tables say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from benchmarks.robustness import __main__ as command
from benchmarks.robustness import cases, report, rows, worlds
from benchmarks.robustness.spurious import WORLDS, SpuriousSettings
from models.config.combinations import check_combination
from pipeline.experiments.cases import Case, CaseResult
from pipeline.settings.config import load
from tests.benchmarks import made_up

SMALL = SpuriousSettings(train=40, validation=20, test=20, core=2, spurious=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return load(worlds.write_draw(SMALL, 7, tmp_path_factory.mktemp("world"), "small"))


def test_a_worlds_cases_cross_capacity_method_and_rule(world):
    found = list(cases.world_runs(world, 7))
    crossed = {(run.capacity, run.method, run.rule) for run in found}
    assert len(found) == len(crossed) == 2 * 6 * 2
    assert len({run.case.name for run in found}) == len(found)
    for run in found:
        check_combination(run.case.settings)
        training = run.case.settings.training
        assert (training.seed, training.epochs) == (7, cases.WORLD_EPOCHS)
        assert run.case.settings.model.shared_units == (run.capacity,)
        if run.rule == "last":
            assert training.early_stopping is None
        else:
            assert training.early_stopping.patience == training.epochs and training.select_by == "worst_cell_error"


def test_the_parts_of_regularised_learning_are_taken_apart(world):
    found = {run.method: run.case.settings.training.robustness for run in cases.world_runs(world, 1)}
    assert found["ERM"].method == "none" and found["GroupDRO"].method == "group_dro"
    assert (found["ERM + L1"].reconstruction, found["ERM + L1"].l1) == (0, found["regularised"].l1)
    assert (found["ERM + aux"].reconstruction, found["ERM + aux"].l1) == (found["regularised"].reconstruction, 0)
    pretrained = found["regularised, pretrained"]
    assert pretrained.pretrain_epochs > 0
    assert pretrained.model_copy(update={"pretrain_epochs": 0}) == found["regularised"]


@pytest.mark.parametrize("name", sorted(cases.DATA_SETS))
def test_a_data_sets_cases_can_be_trained_and_look_at_its_group(name):
    choice = cases.DATA_SETS[name]
    found = list(cases.data_runs(load(choice.config), choice, 3))
    assert len(found) == len({run.case.name for run in found}) == 6 * 2
    assert {run.method for run in found} >= {"ERM", "JTT", "GroupDRO"}
    for run in found:
        settings = run.case.settings
        check_combination(settings)
        assert settings.groups == (choice.group,) and settings.fairness.mode == "none"
        assert settings.model.network == "shared_bottom"
        assert (settings.training.seed, settings.training.select_by) == (3, run.rule)


def test_the_schema_names_every_column_of_the_written_log(world, tmp_path):
    path = worlds.write_draw(SMALL, 1, tmp_path, "small")
    schema = text_format.Parse((tmp_path / "schema.pbtxt").read_text(encoding="utf-8"), schema_pb2.Schema())
    found = {feature.name: feature.type for feature in schema.feature}
    columns = (tmp_path / "train.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert set(columns) < set(found)
    assert found["core_00"] == schema_pb2.FLOAT and found["group/attribute"] == schema_pb2.BYTES
    assert load(path).dataset == "small"


def _result(scores, tasks=("a", "b"), threshold=0.5, name="x") -> CaseResult:
    settings = made_up.settings(tasks)
    return CaseResult(name, settings, trained=made_up.trained(tasks, scores, threshold=threshold))


def _outcomes(labels, groups, tasks=("a", "b")):
    return dataclasses.replace(made_up.outcomes(tasks, labels), groups={"g": np.asarray(groups)})


def _world(random, n=2000):
    labels = random.integers(0, 2, [n, 2])
    groups = random.choice(["u", "v", "w"], n, p=[0.6, 0.39, 0.01])
    wrong = random.random([n, 2]) < np.where(groups == "v", 0.3, 0.1)[:, np.newaxis]
    return labels, groups, wrong


def test_figures_are_the_counts_of_wrong_decisions():
    labels, groups, wrong = _world(np.random.default_rng(1))
    found = rows.figures(_result(made_up.scores_with_errors(labels, wrong)), _outcomes(labels, groups), "g")
    # `w` has about twenty rows: too few.
    cells = [
        max(wrong[(groups == g) & (labels[:, t] == y), t].mean() for g in ("u", "v") for y in (0, 1)) for t in (0, 1)
    ]
    worst = [max(wrong[groups == g, t].mean() for g in ("u", "v")) for t in (0, 1)]
    assert found["worst_cell"] == pytest.approx(np.mean(cells))
    assert found["worst_group"] == pytest.approx(np.mean(worst))
    assert found["error"] == pytest.approx(wrong.mean())


def test_a_task_without_a_large_cell_is_said():
    outcomes = _outcomes(np.zeros([20, 2]), ["u"] * 20)
    with pytest.raises(ValueError, match="worst_cell_error of `a` over `g`"):
        rows.figures(_result(np.full([20, 2], 0.1)), outcomes, "g")


def _runs(methods, seeds=(1, 2), rule="loss"):
    settings = made_up.settings(("a", "b"))
    return [
        cases.Run(method, rule, 8, seed, Case(f"{method.replace(' ', '')}-{seed}", settings))
        for method in methods
        for seed in seeds
    ]


def test_rows_decide_by_both_thresholds_and_leave_out_what_failed():
    labels, groups, _ = _world(np.random.default_rng(2))
    runs = _runs(["ERM", "JTT"], seeds=(1,))
    # All scores between the two thresholds: positive by the settings', negative by one half.
    results = {
        runs[0].case.name: _result(np.full(labels.shape, 0.4), threshold=0.2),
        runs[1].case.name: CaseResult(runs[1].case.name, runs[1].case.settings, error="died"),
    }
    table = rows.rows("d", "g", runs, results, _outcomes(labels, groups))
    assert list(table["method"]) == ["ERM", "ERM"]
    error = table.set_index("threshold")["error"]
    assert error["settings"] == pytest.approx((labels == 0).mean())
    assert error["0.5"] == pytest.approx((labels == 1).mean())
    assert (table["worst_cell"] == 1).all()


def _table(values: dict[tuple[str, int], float], dataset="d", rule="loss", threshold="settings") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "dataset": dataset,
                "capacity": 8,
                "method": method,
                "rule": rule,
                "threshold": threshold,
                "seed": seed,
                "worst_cell": value,
                "worst_group": value / 2,
                "error": value / 4,
                "kept_epoch": 1,
                "seconds": 30.0,
            }
            for (method, seed), value in values.items()
        ]
    )


def test_differences_are_of_pairs_with_one_seed():
    table = _table({("ERM", 1): 0.5, ("ERM", 2): 0.7, ("JTT", 1): 0.4, ("JTT", 2): 0.6, ("JTT", 3): 0.1})
    found = rows.against_erm(table, "worst_cell")
    assert list(found) == [("d", 8, "JTT", "loss", "settings")]
    difference = found["d", 8, "JTT", "loss", "settings"]
    # The third seed has no ERM; the others differ by −0.1 each, so the interval has no width.
    assert difference.mean == pytest.approx(-0.1) and difference.number == 2
    assert difference.half == pytest.approx(0, abs=1e-12)
    assert rows.means(table, "error")["d", 8, "ERM", "loss", "settings"].mean == pytest.approx(0.15)


def _both(values, rules, **changes) -> pd.DataFrame:
    return pd.concat([_table(values, rule=rule, **changes) for rule in rules], ignore_index=True)


def test_the_command_redraws_tables_and_plots_from_the_files_alone(tmp_path):
    values = {("ERM", 1): 0.5, ("ERM", 2): 0.7, ("GroupDRO", 1): 0.25, ("GroupDRO", 2): 0.45}
    _both(values, cases.WORLD_RULES, dataset="redundant").to_csv(tmp_path / "worlds.csv", index=False)
    data = [_both(values, cases.DATA_RULES, threshold=threshold) for threshold in rows.THRESHOLDS]
    pd.concat(data).to_csv(tmp_path / "data.csv", index=False)
    readme = tmp_path / "README.md"
    readme.write_text(
        "a\n<!-- worlds -->\n<!-- end of worlds -->\nb\n<!-- data -->\nstale\n<!-- end of data -->\nc\n",
        encoding="utf-8",
    )
    arguments = ["--redraw", "--folder", str(tmp_path), "--table", str(readme)]
    result = CliRunner().invoke(command.main, arguments)
    assert result.exit_code == 0, result.output
    text = readme.read_text(encoding="utf-8")
    assert "stale" not in text and text.endswith("c\n")
    assert "| redundant | 8 | GroupDRO | 0.350 ± 1.271 | -0.250 ± 0.000 |" in text
    assert text.count("| d | ERM | 0.600 ± 1.271 |  | 0.300 ± 0.635 | 0.150 ± 0.318 |") == 2
    assert "redundant: seeds 1, 2, 8 trainings, 4 minutes" in text
    draws = range(1, command.SIZES["minimum"].draws + 1)
    missing = [*(f"independent {draw}" for draw in draws), *(f"redundant {draw}" for draw in draws if draw > 2)]
    assert f"not run: {', '.join(missing)}." in text
    for name in ("worlds", "data"):
        assert (tmp_path / f"{name}.png").stat().st_size > 5000
    again = {name: (tmp_path / name).read_bytes() for name in ("README.md", "worlds.png", "data.png")}
    assert CliRunner().invoke(command.main, arguments).exit_code == 0
    assert again == {name: (tmp_path / name).read_bytes() for name in again}


def test_one_seed_has_no_interval_and_a_missing_rule_a_dash():
    lines = report.data_table(_table({("ERM", 1): 0.5, ("JTT", 1): 0.4}), "settings")
    assert lines[2] == "| d | ERM | 0.500 |  | 0.250 | 0.125 | – |  | – | – |"
    assert lines[3] == "| d | JTT | 0.400 | -0.100 | 0.200 | 0.100 | – | – | – | – |"


def test_the_worlds_are_those_that_are_described():
    assert set(WORLDS) == {"independent", "redundant"}
    assert {worlds.dataset_name(world, 1) for world in WORLDS} == {"spurious_independent_1", "spurious_redundant_1"}
