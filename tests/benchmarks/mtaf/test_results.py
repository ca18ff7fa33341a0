"""The table of a part, against figures by hand and by scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from benchmarks.mtaf import results
from benchmarks.mtaf.grid import SINGLE, Setting
from pipeline.experiments.cases import CaseResult
from tests.benchmarks import made_up

TASKS = ["a", "b"]
FAIR = Setting("vanilla", "mmd", 1.0)


@pytest.fixture
def world():
    """200 rows, two groups, and scores of a baseline and of a model that is better and fairer."""
    draw = np.random.default_rng(4)
    labels = draw.integers(0, 2, [200, 2])
    groups = np.array(["f", "m"] * 100)
    outcomes = made_up.outcomes(TASKS, labels)
    outcomes = type(outcomes)(outcomes.tasks, outcomes.labels, outcomes.known, {"g": groups}, None)
    plain, fair = draw.random([200, 2]) < 0.3, draw.random([200, 2]) < 0.2
    # Among the negatives of one group the baseline errs more often.
    plain |= (groups == "m")[:, None] & (labels == 0) & (draw.random([200, 2]) < 0.4)
    return outcomes, labels, groups, plain, fair


def case(name, labels, wrong, **changes):
    # No two scores alike, so that a threshold can be put between any two rows.
    scores = made_up.scores_with_errors(labels, wrong) + np.random.default_rng(8).uniform(-0.05, 0.05, labels.shape)
    return CaseResult(name, made_up.settings(TASKS), made_up.trained(TASKS, scores, **changes))


def gap(labels, wrong, groups, task):
    negatives = labels[:, task] == 0
    rates = [wrong[negatives & (groups == group), task].mean() for group in ("f", "m")]
    return abs(rates[0] - rates[1])


def test_figures_by_hand(world):
    outcomes, labels, groups, plain, fair = world
    found = results.rows(
        [(Setting(SINGLE), 1, case("s", labels, plain)), (FAIR, 1, case("v", labels, fair))], outcomes, ["g"]
    )
    assert len(found) == 4 and (found["failure"] == "").all()
    row = found[(found["series"] == "vanilla") & (found["thresholds"] == "validation")].iloc[0]
    for t, task in enumerate(TASKS):
        assert row[f"error/{task}"] == pytest.approx(fair[:, t].mean(), abs=1e-6)
        assert row[f"fpr_gap/{task}"] == pytest.approx(gap(labels, fair, groups, t), abs=1e-6)
    ratios = [gap(labels, fair, groups, t) / gap(labels, plain, groups, t) for t in (0, 1)]
    assert row["arfg"] == pytest.approx(np.mean(ratios), abs=1e-6)
    assert row["are"] == pytest.approx(np.mean(fair.mean(axis=0) / plain.mean(axis=0)), abs=1e-6)
    assert (row["seconds"], row["parameters"]) == (3.0, 10)


def test_thresholds_on_evaluated_scores_make_as_many_positives_as_train_has(world):
    outcomes, labels, groups, plain, fair = world
    # Train's base rate is ½ in the made-up trainings, the threshold that validation gave is too high.
    found = results.rows(
        [(Setting(SINGLE), 1, case("s", labels, plain)), (FAIR, 1, case("v", labels, fair, threshold=0.99))],
        outcomes,
        ["g"],
    )
    rows = found[found["series"] == "vanilla"].set_index("thresholds")
    # With the threshold at 0.99 nothing is positive, and the error is the share of positives.
    assert rows.loc["validation", "error/a"] == pytest.approx(labels[:, 0].mean(), abs=1e-6)
    scores = case("v", labels, fair).trained.test_scores[:, 0]
    predicted = scores > np.sort(scores)[99]
    assert predicted.sum() == 100
    assert rows.loc["evaluated", "error/a"] == pytest.approx((predicted != labels[:, 0]).mean(), abs=1e-6)


def test_the_baseline_is_the_seeds_own(world):
    outcomes, labels, _, plain, fair = world
    worse = plain | (np.random.default_rng(1).random(plain.shape) < 0.3)
    cases = [
        (Setting(SINGLE), 1, case("s1", labels, plain)),
        (Setting(SINGLE), 2, case("s2", labels, worse)),
        (FAIR, 1, case("v1", labels, fair)),
        (FAIR, 2, case("v2", labels, fair)),
    ]
    found = results.rows(cases, outcomes, ["g"])
    found = found[found["thresholds"] == "validation"].set_index(["series", "seed"])
    assert (found.loc[SINGLE, "are"] == 1).all() and (found.loc[SINGLE, "arfg"] == 1).all()
    expected = [np.mean(fair.mean(axis=0) / base.mean(axis=0)) for base in (plain, worse)]
    np.testing.assert_allclose(found.loc["vanilla", "are"], expected, atol=1e-6)


def test_a_failed_training_is_a_row_with_its_reason(world):
    outcomes, labels, _, plain, _ = world
    failed = CaseResult("v", made_up.settings(TASKS), error="FloatingPointError: the train loss is nan")
    found = results.rows([(Setting(SINGLE), 1, case("s", labels, plain)), (FAIR, 1, failed)], outcomes, ["g"])
    row = found[found["series"] == "vanilla"].iloc[0]
    assert row["failure"] == "FloatingPointError: the train loss is nan" and math.isnan(row["are"])


def test_without_a_baseline_there_are_no_ratios(world):
    outcomes, labels, groups, _, fair = world
    failed = CaseResult("s", made_up.settings(TASKS), error="died")
    found = results.rows([(Setting(SINGLE), 1, failed), (FAIR, 1, case("v", labels, fair))], outcomes, ["g"])
    assert set(found["failure"]) == {"died", "its single-task baseline was not trained"}
    row = found[(found["series"] == "vanilla") & (found["thresholds"] == "validation")].iloc[0]
    assert math.isnan(row["arfg"]) and math.isnan(row["are"])
    assert row["error/b"] == pytest.approx(fair[:, 1].mean(), abs=1e-6)
    assert row["fpr_gap/a"] == pytest.approx(gap(labels, fair, groups, 0), abs=1e-6)


def test_a_baseline_without_a_gap_leaves_arfg_undefined(world):
    outcomes, labels, _, _, fair = world
    right = np.zeros_like(fair)
    found = results.rows(
        [(Setting(SINGLE), 1, case("s", labels, right)), (FAIR, 1, case("v", labels, fair))], outcomes, ["g"]
    )
    row = found[(found["series"] == "vanilla") & (found["thresholds"] == "validation")].iloc[0]
    assert math.isnan(row["arfg"]) and row["fpr_gap/a"] > 0


def test_a_table_comes_back_as_it_was(tmp_path, world):
    outcomes, labels, _, plain, fair = world
    failed = CaseResult("v", made_up.settings(TASKS), error="died")
    strengths = Setting("vanilla", "mmd", {"a": 0.5, "b": 1.0})
    found = results.rows(
        [
            (Setting(SINGLE), 1, case("s", labels, plain)),
            (FAIR, 1, failed),
            (strengths, 1, case("b", labels, fair)),
        ],
        outcomes,
        ["g"],
    )
    results.write(tmp_path / "new", "p", found)
    again = results.read(tmp_path / "new", "p")
    assert list(again.columns) == list(found.columns)
    for column in ("are", "arfg", "error/a", "fpr_gap/b"):
        np.testing.assert_allclose(again[column].astype(float), found[column].astype(float))
    for column in ("series", "loss", "failure", "thresholds", "network", "strength"):
        assert list(again[column].astype(str)) == list(found[column].astype(str))
    assert again.loc[again["series"] == SINGLE, "loss"].eq("").all()


def test_a_part_that_was_not_run_has_no_table(tmp_path):
    assert results.read(tmp_path, "adult") is None


def test_numbers_are_rounded_so_that_a_file_changes_where_they_do(tmp_path, world):
    outcomes, labels, _, plain, _ = world
    results.write(tmp_path, "p", results.rows([(Setting(SINGLE), 1, case("s", labels, plain))], outcomes, ["g"]))
    table = pd.read_csv(results.path_of(tmp_path, "p"), dtype=str)
    assert table["error/a"].str.len().max() <= len("0.123456")
