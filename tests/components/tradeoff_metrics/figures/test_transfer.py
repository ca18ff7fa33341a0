"""Δp and negative transfer: by hand, against NumPy, and how often they say what is true."""

import math

import numpy as np
import pytest

from components.tradeoff_metrics.counting.accumulator import BASELINE, CANDIDATE
from components.tradeoff_metrics.figures.statistics import Estimate
from components.tradeoff_metrics.figures.transfer import delta_p, harmed, negative_transfer_count
from tests.components.tradeoff_metrics.figures.test_statistics import rows_from_latent, statistics


def drawn(rng, candidate, baseline, n=3000):
    """Rows of two tasks whose error rates are those given, alike in both groups and of both kinds of errors."""
    rates = np.stack([np.repeat(np.array(rates)[:, None], 2, axis=1) for rates in (candidate, baseline)])
    return rows_from_latent(rng, n, [0.5, 0.5], np.full((2, 2), 0.6), rates, rates)


def test_delta_p_by_its_definition():
    rng = np.random.default_rng(0)
    rows = drawn(rng, [0.1, 0.3], [0.15, 0.25])
    result = statistics(rows)
    error = ((rows["scores"] > 0.5) != rows["labels"]).mean(axis=1)
    expected = 100 * np.mean((error[1] - error[0]) / error[1])
    are = result.error_ratios()[1]
    found = delta_p(are)
    assert found.value == pytest.approx(expected) and found.value == pytest.approx(-100 * (are.value - 1))
    assert (found.lower, found.upper) == pytest.approx((-100 * (are.upper - 1), -100 * (are.lower - 1)))
    assert found.lower < found.value < found.upper


def test_higher_is_better_and_equal_models_give_zero():
    assert delta_p(Estimate(0.9, 0.8, 1.1)).value == pytest.approx(10)
    same = delta_p(Estimate(1.0, 1.0, 1.0))
    assert (same.value, same.lower, same.upper) == (0, 0, 0) and math.copysign(1, same.value) == 1


def test_what_leaves_are_undefined_or_unbounded_does_so_here():
    found = delta_p(Estimate(reason="the baseline makes no error on task `a`"))
    assert math.isnan(found.value) and found.reason == "the baseline makes no error on task `a`"
    unbounded = delta_p(Estimate(1.1, reason="holds 0"))
    assert unbounded.value == pytest.approx(-10) and math.isnan(unbounded.lower) and unbounded.reason == "holds 0"


def test_the_interval_of_delta_p_covers_the_truth_and_equals_a_bootstraps():
    rng = np.random.default_rng(1)
    truth = 100 * np.mean([(0.15 - 0.12) / 0.15, (0.25 - 0.28) / 0.25])
    hits, draws = 0, 400
    for _ in range(draws):
        found = delta_p(statistics(drawn(rng, [0.12, 0.28], [0.15, 0.25], n=2000)).error_ratios()[1])
        hits += found.lower <= truth <= found.upper
    assert 0.92 <= hits / draws <= 0.98
    rows = drawn(rng, [0.12, 0.28], [0.15, 0.25])
    error = ((rows["scores"] > 0.5) != rows["labels"]).astype(float)
    values = []
    for _ in range(400):
        mean = error[:, rng.integers(0, 3000, 3000)].mean(axis=1)
        values.append(100 * np.mean((mean[1] - mean[0]) / mean[1]))
    found = delta_p(statistics(rows).error_ratios()[1])
    assert (found.upper - found.lower) / (2 * 1.96) == pytest.approx(np.std(values), rel=0.15)


def test_only_tasks_that_are_surely_worse_are_counted():
    differences = [
        Estimate(0.02, 0.01, 0.03),
        Estimate(0.01, -0.01, 0.03),
        Estimate(-0.01, -0.02, 0.001),
        Estimate(-1, -1, -1),
        # No difference at all is none.
        Estimate(0, 0, 0),
    ]
    assert negative_transfer_count(differences) == Estimate(1, 1, 3)
    assert negative_transfer_count([]) == Estimate(0, 0, 0)
    found = negative_transfer_count([*differences, Estimate(reason="no label of task `x` is known")])
    assert math.isnan(found.value) and found.reason == "no label of task `x` is known"


def test_a_task_that_is_not_worse_is_seldom_counted_and_one_that_is_nearly_always():
    rng = np.random.default_rng(2)
    alike, worse, draws = 0, 0, 300
    for _ in range(draws):
        differences = statistics(drawn(rng, [0.2, 0.27], [0.2, 0.2], n=1500)).error_differences()
        alike += differences[0].lower > 0
        worse += differences[1].lower > 0
    assert alike / draws <= 0.06 and worse / draws > 0.95


def test_harmed_names_the_tasks():
    def difference(lower, upper):
        return {"value": 0.0, "lower": lower, "upper": upper}

    values = {
        "error_difference/a": difference(0.01, 0.02),
        "error_difference/b": difference(-0.01, 0.02),
        "error_difference/c": difference(-0.02, -0.01),
        "error_difference/d": difference(None, None),
    }
    assert harmed({"tasks": dict.fromkeys("abcd"), "values": values}) == (["a"], ["b"])


def test_errors_behind_the_differences_are_of_the_same_rows():
    rng = np.random.default_rng(3)
    rows = drawn(rng, [0.2, 0.3], [0.2, 0.3])
    rows["scores"][1] = rows["scores"][0]
    result = statistics(rows)
    assert result.errors(CANDIDATE) == result.errors(BASELINE)
    assert negative_transfer_count(result.error_differences()) == Estimate(0, 0, 0)
