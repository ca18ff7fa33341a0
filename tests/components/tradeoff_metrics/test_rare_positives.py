"""AUCs, their intervals and the slider's thresholds where positives are rare, against scikit-learn and plain NumPy."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from components.tradeoff_metrics.counting import accumulator as accumulator_module
from components.tradeoff_metrics.counting.accumulator import CANDIDATE, GroupAccumulator
from components.tradeoff_metrics.counting.score_histogram import ScoreHistogram
from components.tradeoff_metrics.counting.shown_histogram import shown_scores
from components.tradeoff_metrics.figures.auc import OPEN_TOLD
from components.tradeoff_metrics.figures.group_aucs import group_aucs, overall_auc, owner
from components.tradeoff_metrics.summary import summarise

GROUPS = ("a", "b", "c")
# More bins than rows.
EXACT = {"max_bins": 1 << 20}
# Where a model's scores lie: means and deviations of its logits.
BANDS = [(-12, 0.1), (-8, 0.1), (-7, 1.5), (-4, 0.02), (0, 0.1), (0, 3.0), (6, 1.0), (12, 0.3), (12, 3.0)]


def sigmoid(logits):
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def random_rows(seed, n, base_rate, mean, deviation):
    rng = np.random.default_rng(seed)
    label = (rng.random(n) < base_rate).astype(int)
    # A positive and more in every group.
    label[:6] = 1
    group = np.concatenate([np.arange(6) % 3, rng.integers(0, 3, n - 6)])
    score = sigmoid(rng.normal(mean + deviation * (0.8 * label + 0.2 * group), deviation))
    return label, group, score


def histogram_of(label, group, score, **limits):
    result = ScoreHistogram(**limits)
    for part in np.array_split(np.arange(len(label)), 5):
        result.add(owner(group[part], label[part]), score[part])
    return result.scores()


def between(score, negatives, positives):
    labels = np.repeat([0, 1], [negatives.sum(), positives.sum()])
    return roc_auc_score(labels, np.concatenate([score[negatives], score[positives]]))


def plain(label, group, score):
    """AUC over all rows, and side → of each group."""
    negative, positive = label == 0, label == 1
    inside = [group == g for g in range(3)]
    return roc_auc_score(label, score), {
        "subgroup": [between(score, negative & own, positive & own) for own in inside],
        "bpsn": [between(score, negative & own, positive & ~own) for own in inside],
        "bnsp": [between(score, negative & ~own, positive & own) for own in inside],
    }


@pytest.mark.parametrize("base_rate", [0.5, 0.01, 1e-3, 5e-4, 1e-4])
@pytest.mark.parametrize(("mean", "deviation"), BANDS)
def test_they_are_scikit_learns(base_rate, mean, deviation):
    rows = random_rows(1, 60_000, base_rate, mean, deviation)
    expected, by_side = plain(*rows)
    # Without a limit, as the product counts, and with far fewer bins than it has.
    for limits, tolerance in ((EXACT, 1e-12), ({}, 2e-4), ({"max_bins": 2000}, 1e-3)):
        scores = histogram_of(*rows, **limits)
        whole = overall_auc(scores).at(0)
        assert whole.value == pytest.approx(expected, abs=tolerance)
        assert abs(whole.value - expected) <= whole.open + 1e-12
        for side, found in group_aucs(scores, np.arange(3)).items():
            np.testing.assert_allclose(found.value, by_side[side], atol=tolerance)
            assert (np.abs(found.value - by_side[side]) <= found.open + 1e-12).all()


def test_a_million_rows_are_scikit_learns_too():
    rows = random_rows(2, 1_000_000, 5e-4, -8, 1.0)
    scores = histogram_of(*rows)
    assert scores.level > 0
    expected, by_side = plain(*rows)
    assert overall_auc(scores).value[0] == pytest.approx(expected, abs=2e-5)
    for side, found in group_aucs(scores, np.arange(3)).items():
        np.testing.assert_allclose(found.value, by_side[side], atol=2e-5)
        assert (found.open < 1e-4).all()


def midranks(values):
    order, counts = np.unique(values, return_inverse=True, return_counts=True)[1:]
    return (np.cumsum(counts) - (counts - 1) / 2)[order]


def delong(negatives, positives):
    """AUC and DeLong's variance by midranks of raw scores."""
    n0, n1 = len(negatives), len(positives)
    together = midranks(np.concatenate([negatives, positives]))
    placed1 = (together[n0:] - midranks(positives)) / n0
    placed0 = 1 - (together[:n0] - midranks(negatives)) / n1
    return placed1.mean(), np.var(placed0, ddof=1) / n0, np.var(placed1, ddof=1) / n1


@pytest.mark.parametrize("base_rate", [0.5, 0.01, 1e-3])
@pytest.mark.parametrize(("mean", "deviation"), BANDS)
def test_variances_are_delongs_on_the_raw_scores(base_rate, mean, deviation):
    label, group, score = random_rows(3, 20_000, base_rate, mean, deviation)
    scores = histogram_of(label, group, score, **EXACT)
    for g, own in enumerate(group == k for k in range(3)):
        cells = {
            "subgroup": (own, own),
            "bpsn": (own, ~own),
            "bnsp": (~own, own),
        }
        for side, (low, high) in cells.items():
            expected = delong(score[low & (label == 0)], score[high & (label == 1)])
            found = group_aucs(scores, np.arange(3))[side].at(g)
            assert (found.value, *found.variance) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("limits", [EXACT, {"max_bins": 2000}])
def test_heavy_ties_and_scores_of_zero_and_one(limits):
    rng = np.random.default_rng(4)
    label, group, score = random_rows(5, 30_000, 0.02, -3, 2.0)
    tied = rng.random(30_000)
    score = np.where(tied < 0.3, np.float32(0.04), np.where(tied < 0.4, 0, np.where(tied < 0.45, 1, score)))
    expected, by_side = plain(label, group, score)
    scores = histogram_of(label, group, score, **limits)
    whole = overall_auc(scores).at(0)
    tolerance = 1e-12 if limits == EXACT else 1e-3
    assert whole.value == pytest.approx(expected, abs=tolerance)
    assert abs(whole.value - expected) <= whole.open + 1e-12
    # The equal scores share a bin with others there, and nothing tells how many pairs of it are equal.
    assert (whole.open > 0.04) == (limits != EXACT)
    for side, found in group_aucs(scores, np.arange(3)).items():
        np.testing.assert_allclose(found.value, by_side[side], atol=tolerance)


def summarised(labels, scores, groups, threshold=0.5, parts=1, **options):
    found = GroupAccumulator(["t"], np.full((2, 1), threshold))
    for part in np.array_split(np.arange(len(labels)), parts):
        both = np.stack([scores[part, None]] * 2)
        found.add_batch(labels[part, None], np.ones((len(part), 1)), both, groups[part])
    return summarise(found, "g", None, **options)[1]


def test_four_small_scores_in_their_order_have_an_auc_of_one():
    labels, scores = np.array([0, 0, 1, 1]), np.array([0.0001, 0.0002, 0.0003, 0.0004])
    details = summarised(labels, scores, np.array(["x"] * 4))
    for found in (details["tasks"]["t"]["candidate"]["auc"]["all"], details["values"]["worst_group_auc/t"]):
        assert found["value"] == 1 and "shows no variance" in found["reason"]


def test_worst_groups_cells_and_all_rows_through_the_details():
    label, group, score = random_rows(6, 100_000, 5e-4, -7.5, 1.0)
    expected, by_side = plain(label, group, score)
    details = summarised(label, score, np.array(GROUPS)[group], threshold=0.002, parts=13)
    found = details["tasks"]["t"]["candidate"]
    assert details["values"]["worst_group_auc/t"]["value"] == pytest.approx(min(by_side["subgroup"]), abs=1e-3)
    assert details["values"]["worst_cell_auc/t"]["value"] == pytest.approx(min(map(min, by_side.values())), abs=1e-3)
    assert found["auc"]["all"]["value"] == pytest.approx(expected, abs=1e-3)
    assert found["auc"]["all"]["positives"] == label.sum()
    for g, name in enumerate(GROUPS):
        auc = found["auc"]["groups"][name]
        assert auc["value"] == pytest.approx(by_side["subgroup"][g], abs=1e-3)
        own = group == g
        value, *variance = delong(score[own & (label == 0)], score[own & (label == 1)])
        half = 1.959964 * math.sqrt(sum(variance)) / (value * (1 - value))
        ends = [1 / (1 + math.exp(-(math.log(value / (1 - value)) + side * half))) for side in (-1, 1)]
        # Beside DeLong's, what the bins leave open.
        assert [auc["lower"], auc["upper"]] == pytest.approx(ends, abs=1e-4)


def test_what_bins_leave_open_is_said(monkeypatch):
    monkeypatch.setattr(accumulator_module, "ScoreHistogram", lambda: ScoreHistogram(max_bins=30))
    label, group, score = random_rows(7, 5000, 0.1, -6, 1.0)
    details = summarised(label, score, np.array(GROUPS)[group])
    _, by_side = plain(label, group, score)
    worst = details["tasks"]["t"]["candidate"]["worst"]["worst_group_auc"]
    assert worst["reason"].startswith("scores that share a bin leave 0.0")
    exact = by_side["subgroup"][GROUPS.index(worst["group"])]
    assert 0 < abs(worst["value"] - exact) < 0.05 and worst["lower"] < exact < worst["upper"]
    monkeypatch.undo()
    assert summarised(label, score, np.array(GROUPS)[group])["values"]["worst_group_auc/t"]["reason"] == ""
    assert OPEN_TOLD == 1e-3


@pytest.mark.parametrize("limits", [{}, {"max_bins": 3000}])
@pytest.mark.parametrize("most", [1, 7, 150, 1000])
@pytest.mark.parametrize(("mean", "deviation"), BANDS)
def test_each_threshold_of_a_slider_divides_the_raw_scores_as_its_cells_do(mean, deviation, most, limits):
    label, group, score = random_rows(8, 20_000, 0.01, mean, deviation)
    score[:50], score[50:90] = 0, 1
    owners = owner(group, label)
    shown = shown_scores(histogram_of(label, group, score, **limits), most)
    thresholds = np.array(shown.thresholds)
    assert (np.diff(thresholds) > 0).all() and (thresholds[0], thresholds[-1]) == (0, 1) and len(thresholds) <= most + 1
    counts = np.zeros((6, len(thresholds)), int)
    for number, (cells, rows) in shown.cells.items():
        assert cells == sorted(set(cells)) and min(rows) > 0
        counts[number, cells] = rows
    for number in range(6):
        raw = np.sort(score[owners == number].astype(np.float64))
        above = len(raw) - np.searchsorted(raw, thresholds, side="right")
        np.testing.assert_array_equal(counts[number].sum() - np.cumsum(counts[number]), above)


def test_thresholds_of_a_slider_are_short_decimals_where_scores_lie_between_them():
    score = np.random.default_rng(9).uniform(0.1, 0.9, 50_000).astype(np.float32)
    none = np.zeros(50_000, int)
    thresholds = shown_scores(histogram_of(none, none, score, **EXACT), 1000).thresholds
    short = [value == round(value, 3) for value in thresholds]
    # All but those that a score comes too close to.
    assert len(thresholds) > 400 and np.mean(short) > 0.99
    # A narrow band far from the middle takes the digits that it needs.
    score = sigmoid(np.random.default_rng(9).normal(-9, 0.02, 50_000))
    thresholds = shown_scores(histogram_of(none, none, score, **EXACT), 1000).thresholds
    assert len(thresholds) > 150 and np.median([len(str(value)) for value in thresholds]) <= 10


def test_no_rows_leave_a_slider_with_its_ends():
    shown = shown_scores(ScoreHistogram().scores(), 10)
    assert shown.thresholds == [0.0, 1.0] and shown.cells == {}
    nothing = GroupAccumulator(["t"], np.full((2, 1), 0.5))
    details = summarise(nothing, "g", None)[1]
    assert details["tasks"]["t"]["candidate"]["auc"]["all"]["reason"] == "no negatives"
    assert group_aucs(nothing.histograms[CANDIDATE][0].scores(), np.arange(0))["bpsn"].value.shape == (0,)
