"""Batches of fixed scores, and what a loss makes of them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.mtaf import noise
from models.config.settings import FairnessSettings
from models.fairness.registry import build_fairness_loss
from tests.benchmarks import made_up

LABELS = [[0, 1], [0, 0], [1, 0], [1, 1], [0, 1]]


def test_task_specific_negatives_by_hand():
    known = [[1, 1], [1, 1], [1, 1], [1, 1], [1, 0]]
    outcomes = made_up.outcomes(["a", "b"], LABELS, known)
    assert noise.negative(outcomes, 0).tolist() == [True, True, False, False, True]
    # Row 0 alone is negative of `a` and positive of `b`; of row 4 nothing else is known.
    assert noise.specific(outcomes, 0).tolist() == [True, False, False, False, False]
    assert noise.specific(outcomes, 1).tolist() == [False, False, True, False, False]


def test_with_three_tasks_all_known_others_have_to_be_positive():
    labels = [[0, 1, 1], [0, 1, 0], [0, 1, 0]]
    known = [[1, 1, 1], [1, 1, 1], [1, 1, 0]]
    outcomes = made_up.outcomes(["a", "b", "c"], labels, known)
    assert noise.specific(outcomes, 0).tolist() == [True, False, True]


def test_in_batch_draws_any_rows_once():
    rows, group = np.zeros(50, bool), np.zeros(50, int)
    batches = list(noise.draws(rows, group, 20, "in_batch", 30, np.random.default_rng(0)))
    assert len(batches) == 30 and all(len(set(batch)) == 20 for batch in batches)
    assert set(np.concatenate(batches)) == set(range(50))


def test_balanced_draws_the_rows_alone_with_groups_in_equal_shares():
    draw = np.random.default_rng(1)
    rows, group = draw.random(400) < 0.5, np.where(draw.random(400) < 0.1, 1, 0)
    group[::17] = -1
    for batch in noise.draws(rows, group, 32, "balanced", 20, draw):
        assert rows[batch].all()
        assert np.bincount(group[batch]).tolist() == [16, 16]
        assert len(set(batch)) == 32 or np.sum(rows & (group == 1)) < 16


def test_balanced_repeats_rows_where_a_group_has_too_few():
    rows, group = np.ones(10, bool), np.array([0] * 7 + [1] * 3)
    batch = next(noise.draws(rows, group, 8, "balanced", 1, np.random.default_rng(2)))
    assert np.bincount(group[batch]).tolist() == [4, 4]


def test_the_loss_on_all_rows_is_the_gap_by_hand():
    scores = np.array([0.2, 0.4, 0.9, 0.5, 0.1])
    rows, group = np.array([True, True, True, True, False]), np.array([0, 0, 1, 1, 1])
    loss = build_fairness_loss(FairnessSettings(loss="fpr_gap"), 2, None)
    whole, drawn = noise.noise(loss, scores, group, rows, iter([np.array([0, 2]), np.array([0, 1, 4])]))
    # |(0.2 + 0.4)/2 − (0.9 + 0.5)/2| = 0.4; of rows 0 and 2 it is |0.2 − 0.9|; row 4 is not compared.
    assert whole == pytest.approx(0.4, abs=1e-6)
    np.testing.assert_allclose(drawn, [0.7, 0.0], atol=1e-6)


def test_noise_of_a_gap_of_means_is_as_theory_has_it():
    """Two groups with one mean and variance σ²: the gap of means of n rows each is |N(0, 2σ²/n)|."""
    draw = np.random.default_rng(3)
    scores, group = draw.normal(0.5, 0.05, 40_000), np.arange(40_000) % 2
    rows = np.ones(40_000, bool)
    loss = build_fairness_loss(FairnessSettings(loss="fpr_gap"), 2, None)
    batches = noise.draws(rows, group, 64, "balanced", 3000, draw)
    _, drawn = noise.noise(loss, scores, group, rows, batches)
    sigma = 0.05 * np.sqrt(2 / 32)
    assert drawn.mean() == pytest.approx(sigma * np.sqrt(2 / np.pi), rel=0.06)
    assert drawn.std() == pytest.approx(sigma * np.sqrt(1 - 2 / np.pi), rel=0.06)


@pytest.fixture(scope="module")
def table():
    draw = np.random.default_rng(5)
    labels = draw.integers(0, 2, [6000, 2])
    outcomes = made_up.outcomes(["a", "b"], labels)
    names = np.where(draw.random(6000) < 0.2, "f", "m").astype("<U7")
    names[:30] = "unknown"
    outcomes = type(outcomes)(outcomes.tasks, labels, outcomes.known, {"g": names}, None)
    scores = np.clip(draw.beta(2, 5, [6000, 2]) + 0.05 * (names == "m")[:, None], 0, 1).astype(np.float32)
    monkey = pytest.MonkeyPatch()
    monkey.setattr(noise, "_DRAWS", {"minimum": 25})
    monkey.setattr(noise, "BATCH_SIZES", (64, 1024))
    found = noise.table(scores, outcomes, {"a": 0.5, "b": 0.5}, "minimum")
    monkey.undo()
    return found, scores, labels, names


def test_the_table_has_every_combination_once(table):
    found = table[0]
    keys = found[["task", "loss", "rows", "batches", "batch_size"]]
    assert len(found) == 2 * 3 * 2 * 2 * 2 and not keys.duplicated().any()
    assert (found["draws"] == 25).all() and found[["whole", "mean", "sd"]].notna().all().all()


def test_larger_batches_have_less_noise_and_less_bias(table):
    found = table[0].set_index("batch_size")
    small, large = found.loc[64], found.loc[1024]
    assert (large["sd"].to_numpy() < small["sd"].to_numpy()).mean() > 0.9
    excess = [(each["mean"] - each["whole"]).to_numpy() for each in (small, large)]
    mmd = (small["loss"] == "mmd").to_numpy()
    assert (excess[0][mmd] > excess[1][mmd]).all() and (excess[0][mmd] > 0).all()


def test_rows_in_a_batch_are_those_that_are_compared(table):
    found, _, labels, _ = table
    row = found[
        (found["task"] == "a")
        & (found["rows"] == "task-specific")
        & (found["batches"] == "in_batch")
        & (found["batch_size"] == 1024)
    ].iloc[0]
    share = np.mean((labels[:, 0] == 0) & (labels[:, 1] == 1))
    assert row["rows_in_batch"] == round(1024 * share)


def test_the_value_on_all_rows_is_the_gap_of_means(table):
    found, scores, labels, names = table
    row = found[(found["task"] == "b") & (found["loss"] == "fpr_gap") & (found["rows"] == "all negatives")].iloc[0]
    means = [scores[(labels[:, 1] == 0) & (names == name), 1].mean() for name in ("f", "m")]
    assert row["whole"] == pytest.approx(abs(means[0] - means[1]), abs=1e-5)


def test_draws_do_not_depend_on_what_ran_before():
    rows, group = np.ones(30, bool), np.arange(30) % 2
    first, second = (list(noise.draws(rows, group, 6, "balanced", 3, np.random.default_rng(7))) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert tf.executing_eagerly()
