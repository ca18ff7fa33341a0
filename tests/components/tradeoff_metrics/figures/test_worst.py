"""Worst groups and cells against fairlearn, scikit-learn, plain NumPy, resampling and known truths."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from components.tradeoff_metrics.counting.accumulator import BASELINE, BLOCKS, CANDIDATE, GroupAccumulator
from components.tradeoff_metrics.counting.rows import block_of
from components.tradeoff_metrics.figures.intervals import wilson
from components.tradeoff_metrics.figures.statistics import TradeoffStatistics
from components.tradeoff_metrics.figures.worst import METRICS, worst_of

BINS = 100


def statistics(rows, min_count=1, user=None):
    tasks = [f"task{t}" for t in range(rows["labels"].shape[1])]
    accumulator = GroupAccumulator(tasks, np.full((2, len(tasks)), 0.5), blocks=0 if user is None else BLOCKS)
    block = None if user is None else block_of(np.char.encode(user.astype(str)), BLOCKS)
    accumulator.add_batch(**rows, block=block)
    return TradeoffStatistics(accumulator, min_count=min_count)


def random_rows(rng, n, groups, tasks=1):
    labels = rng.integers(0, 2, (n, tasks))
    # Scores in the middle of bins, so that ties of bins are ties of scores.
    scores = np.floor(np.clip(rng.normal(0.4 + 0.2 * labels, 0.2, (2, n, tasks)), 0, 0.99) * BINS) / BINS + 0.5 / BINS
    known = (rng.random((n, tasks)) < 0.9).astype(int)
    return dict(labels=labels, known=known, scores=scores, group=rng.choice(groups, n))


def plain(rows, model, task):
    """(label, score, group) of the known rows of named groups."""
    chosen = (rows["known"][:, task] == 1) & (rows["group"] != "unknown")
    return rows["labels"][chosen, task], rows["scores"][model, chosen, task], rows["group"][chosen]


def auc_between(label, score, negatives, positives):
    """AUC of one set of rows' negatives against another set's positives."""
    low, high = score[negatives & (label == 0)], score[positives & (label == 1)]
    return roc_auc_score(np.repeat([0, 1], [len(low), len(high)]), np.concatenate([low, high]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_they_equal_a_plain_recomputation(seed, number):
    rows = random_rows(
        np.random.default_rng(seed), 80 * number, [*(f"g{g}" for g in range(number)), "unknown"], tasks=2
    )
    result = statistics(rows)
    for model in (CANDIDATE, BASELINE):
        for t in (0, 1):
            label, score, group = plain(rows, model, t)
            wrong = (score > 0.5) != label
            inside = {g: group == g for g in result.groups}
            errors = {g: wrong[rows_of].mean() for g, rows_of in inside.items()}
            cells = {
                (g, side): wrong[rows_of & (label == value)].mean()
                for g, rows_of in inside.items()
                for value, side in ((0, "negatives"), (1, "positives"))
            }
            own = {g: auc_between(label, score, rows_of, rows_of) for g, rows_of in inside.items()}
            between = {(g, "subgroup"): value for g, value in own.items()}
            between |= {(g, "bpsn"): auc_between(label, score, rows_of, ~rows_of) for g, rows_of in inside.items()}
            between |= {(g, "bnsp"): auc_between(label, score, ~rows_of, rows_of) for g, rows_of in inside.items()}
            found = {metric: worst_of(result, metric, model)[t] for metric in METRICS}
            expected = {
                "worst_group_error": max(errors.values()),
                "worst_cell_error": max(cells.values()),
                "worst_group_auc": min(own.values()),
                "worst_cell_auc": min(between.values()),
            }
            for metric, value in expected.items():
                assert found[metric].estimate.value == pytest.approx(value), metric
                assert found[metric].left_out == ()
            # Which one it is, by its value: two may tie.
            named = {metric: (result.groups[worst.group], worst.side) for metric, worst in found.items()}
            assert errors[named["worst_group_error"][0]] == pytest.approx(expected["worst_group_error"])
            assert cells[named["worst_cell_error"]] == pytest.approx(expected["worst_cell_error"])
            assert own[named["worst_group_auc"][0]] == pytest.approx(expected["worst_group_auc"])
            assert between[named["worst_cell_auc"]] == pytest.approx(expected["worst_cell_auc"])


def by_hand():
    """Group a: negatives 0.25 0.75, positives 0.45 0.95; group b: negatives 0.05 0.15 0.35, positives 0.55.

    Errors at 0.5: a 2/4 (one negative, one positive), b 0/4. Cells: a negatives 1/2, a positives 1/2, b 0.
    Subgroup a: of 4 pairs 0.45 > 0.25, 0.95 > both: 3/4; b: 1. BPSN a (negatives of a, positive 0.55): 1/2; BPSN b
    (negatives of b, positives of a): 0.45 and 0.95 are above all: 1. BNSP a (negatives of b, positives of a): 1;
    BNSP b (negatives of a, 0.55): 1/2.
    """
    label = np.array([0, 0, 1, 1, 0, 0, 0, 1])[:, None]
    score = np.array([0.25, 0.75, 0.45, 0.95, 0.05, 0.15, 0.35, 0.55])[:, None]
    group = np.array(list("aaaabbbb"))
    return dict(labels=label, known=np.ones_like(label), scores=np.stack([score, score]), group=group)


def test_a_hand_made_example():
    result = statistics(by_hand())
    found = {metric: worst_of(result, metric, CANDIDATE)[0] for metric in METRICS}
    assert [(w.estimate.value, result.groups[w.group], w.side, tuple(w.rows.values())) for w in found.values()] == [
        (0.5, "a", "", (2, 4)),
        (0.75, "a", "", (2, 2)),
        (0.5, "a", "negatives", (1, 2)),
        (0.5, "a", "bpsn", (2, 1)),
    ]
    assert (found["worst_cell_error"].estimate.lower, found["worst_cell_error"].estimate.upper) == pytest.approx(
        wilson(1, 2, result.z)
    )
    # One positive of b: there is no variance of what it makes.
    assert found["worst_cell_auc"].estimate.reason == "too few rows for an interval"


def test_cells_below_the_minimum_are_left_out_and_named():
    result = statistics(by_hand(), min_count=2)
    assert worst_of(result, "worst_cell_error", CANDIDATE)[0].left_out == ((1, "positives"),)
    assert worst_of(result, "worst_group_auc", CANDIDATE)[0].left_out == ((1, ""),)
    between = worst_of(result, "worst_cell_auc", CANDIDATE)[0]
    # What needs the one positive of b falls away; BNSP of a, at 1, stays and is not the lowest.
    assert between.left_out == ((0, "bpsn"), (1, "subgroup"), (1, "bnsp"))
    assert (between.estimate.value, between.side) == (0.75, "subgroup")
    strict = statistics(by_hand(), min_count=4)
    for metric in ("worst_cell_error", "worst_group_auc", "worst_cell_auc"):
        worst = worst_of(strict, metric, CANDIDATE)[0]
        assert math.isnan(worst.estimate.value) and worst.group is None
        assert worst.estimate.reason.startswith("no group has 4 known") and worst.estimate.reason.endswith("`task0`")
    assert worst_of(strict, "worst_group_error", CANDIDATE)[0].estimate.value == 0.5


def test_one_group_has_its_own_auc_and_no_other_groups_to_stand_against():
    rows = {name: value[:, :4] if name == "scores" else value[:4] for name, value in by_hand().items()}
    worst = worst_of(statistics(rows), "worst_cell_auc", CANDIDATE)[0]
    assert (worst.estimate.value, worst.side) == (0.75, "subgroup")
    assert worst.left_out == ((0, "bpsn"), (0, "bnsp"))


def test_no_rows_leave_everything_undefined_with_a_reason():
    empty = dict(labels=np.zeros((0, 1)), known=np.zeros((0, 1)), scores=np.zeros((2, 0, 1)), group=np.array([], str))
    for metric in METRICS:
        (worst,) = worst_of(statistics(empty), metric, BASELINE)
        assert math.isnan(worst.estimate.value) and "no group has 1 known" in worst.estimate.reason


def test_a_perfect_group_has_no_interval_and_says_why():
    rows = by_hand()
    rows["scores"] = np.stack([rows["labels"] * 0.9] * 2)
    worst = worst_of(statistics(rows, min_count=2), "worst_group_auc", CANDIDATE)[0]
    assert worst.estimate.value == 1 and math.isnan(worst.estimate.lower)
    assert "shows no variance" in worst.estimate.reason


def test_intervals_cover_the_truth_where_one_group_is_clearly_worst():
    # Negatives N(0, 1), positives N(shift, 1): AUC Φ(shift / √2), error at 0 for positives Φ(−shift).
    rng = np.random.default_rng(3)
    shift = {"a": 0.5, "b": 1.5}
    truth = {
        "worst_group_auc": stats.norm.cdf(0.5 / math.sqrt(2)),
        "worst_cell_error": 0.5,
        "worst_cell_auc": stats.norm.cdf(0.5 / math.sqrt(2)),
    }
    covered, draws = dict.fromkeys(truth, 0), 400
    for _ in range(draws):
        label, group = rng.integers(0, 2, (500, 1)), rng.choice(["a", "b"], 500, p=[0.4, 0.6])
        # All negatives of a are shifted up by nothing, so that a's own positives are the lowest of all positives.
        latent = rng.normal(label * np.vectorize(shift.get)(group)[:, None], 1)
        score = stats.norm.cdf(latent - 0.5)
        result = statistics(dict(labels=label, known=np.ones_like(label), scores=np.stack([score] * 2), group=group))
        for metric in truth:
            estimate = worst_of(result, metric, CANDIDATE)[0].estimate
            covered[metric] += estimate.lower <= truth[metric] <= estimate.upper
    for metric, count in covered.items():
        assert 0.92 <= count / draws <= 0.985, (metric, count / draws)


def clustered_rows(rng, users=120, per_user=10):
    """Scores that share their user's taste; a user's rows are all of one label, as where users like or do not."""
    group = rng.integers(0, 2, users)
    label = rng.integers(0, 2, users)
    user = np.repeat(np.arange(users), per_user)
    taste = rng.normal(size=users)
    shift = np.where(group == 0, 0.8, 1.6)
    latent = label[user] * shift[user] + math.sqrt(0.5) * (taste[user] + rng.normal(size=len(user)))
    score = stats.norm.cdf(latent - 0.6)[:, None]
    labels = label[user][:, None]
    names = np.array(["f", "m"])[group[user]]
    return dict(labels=labels, known=np.ones_like(labels), scores=np.stack([score] * 2), group=names), user


def test_clusters_widen_the_interval_of_an_auc_about_as_much_as_they_should():
    rng = np.random.default_rng(5)
    truth = stats.norm.cdf(0.8 / math.sqrt(2))
    alone, together, draws = 0, 0, 200
    for _ in range(draws):
        rows, user = clustered_rows(rng)
        for clustered in (False, True):
            estimate = worst_of(statistics(rows, user=user if clustered else None), "worst_group_auc", CANDIDATE)[
                0
            ].estimate
            hit = estimate.lower <= truth <= estimate.upper
            alone, together = alone + (hit and not clustered), together + (hit and clustered)
    assert alone / draws < 0.7 and 0.85 <= together / draws <= 0.99


def test_cells_widen_with_clusters_as_their_rates_do():
    rows, user = clustered_rows(np.random.default_rng(6))
    result = statistics(rows, user=user)
    worst = worst_of(result, "worst_cell_error", CANDIDATE)[0]
    kind = {"negatives": "fpr", "positives": "fnr"}[worst.side]
    assert worst.estimate == result.rate(kind, CANDIDATE, worst.group, 0)
    narrow = worst_of(statistics(rows), "worst_cell_error", CANDIDATE)[0].estimate
    assert worst.estimate.upper - worst.estimate.lower > 1.5 * (narrow.upper - narrow.lower)
