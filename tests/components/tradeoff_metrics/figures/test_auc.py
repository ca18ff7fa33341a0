"""AUC and its interval from histograms, against scikit-learn, the definition of DeLong's variance, and samples."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from components.tradeoff_metrics.figures.auc import auc, auc_interval


def histogram(scores, bins):
    return np.bincount((scores * bins).astype(int), minlength=bins)[None]


def pairs(negatives, positives):
    """1 where a positive is above a negative, 1/2 where they tie [positives, negatives]."""
    difference = positives[:, None] - negatives[None, :]
    return (difference > 0) + 0.5 * (difference == 0)


@pytest.mark.parametrize("seed", range(3))
def test_auc_and_variance_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    negatives, positives = (rng.integers(0, 50, n) / 50 + 0.01 for n in (80, 60))
    positives = np.minimum(positives + 0.2, 0.99)
    found = auc(histogram(negatives, 50), histogram(positives, 50)).at(0)
    tied_negatives, tied_positives = ((scores * 50).astype(int) for scores in (negatives, positives))
    wins = pairs(tied_negatives, tied_positives)
    labels = np.repeat([0, 1], [80, 60])
    assert found.value == pytest.approx(roc_auc_score(labels, np.concatenate([tied_negatives, tied_positives])))
    assert found.variance[0] == pytest.approx(np.var(wins.mean(axis=0), ddof=1) / 80)
    assert found.variance[1] == pytest.approx(np.var(wins.mean(axis=1), ddof=1) / 60)
    assert found.rows.tolist() == [80, 60]


def test_what_a_bin_leaves_open_is_half_of_its_pairs_unless_its_scores_are_known_to_be_equal():
    negatives, positives = np.array([[2, 4, 0, 2]]), np.array([[0, 5, 3, 2]])
    # 8 × 10 pairs, of which 4 × 5 lie in the second bin and 2 × 2 in the last.
    assert auc(negatives, positives).open == 0
    assert auc(negatives, positives, np.array([True, False, False, True])).open == pytest.approx(20 / 80 / 2)
    assert auc(negatives, positives, np.zeros(4, bool)).open == pytest.approx(24 / 80 / 2)


def test_many_at_once_equal_one_at_a_time():
    rng = np.random.default_rng(4)
    negatives, positives = rng.integers(0, 3, (2, 15, 20))
    resolved = rng.random(20) < 0.5
    found = auc(negatives, positives, resolved)
    assert found.value.shape == found.open.shape == (15,) and found.variance.shape == found.rows.shape == (2, 15)
    one = auc(negatives[7:8], positives[7:8], resolved)
    for together, alone in zip(found.at(7), one.at(0), strict=True):
        np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_the_interval_holds_the_true_value_as_often_as_it_says():
    rng = np.random.default_rng(7)
    hits, draws = 0, 400
    # P(B > A) of A ~ U(0, 1), B ~ max of two uniforms: 2/3.
    for _ in range(draws):
        negatives, positives = rng.random(60), rng.random((40, 2)).max(axis=1)
        found = auc(histogram(negatives, 1000), histogram(positives, 1000)).at(0)
        (lower, upper), reason = auc_interval(float(found.value), found.variance.sum(), 1.96)
        assert reason == ""
        hits += lower <= 2 / 3 <= upper
    assert 0.92 < hits / draws < 0.985


def test_what_is_undefined_is_nan():
    some, none = np.array([[5, 0, 3]]), np.zeros((1, 3))
    for one, other in ((none, some), (some, none), (none, none)):
        assert np.isnan(auc(one, other).value).all() and auc(one, other, np.zeros(3, bool)).open == 0
    # One negative: a value, and no variance of it.
    found = auc(np.array([[0, 1, 0]]), np.array([[1, 0, 3]])).at(0)
    assert found.value == 0.75 and np.isnan(found.variance).all()
    assert auc(np.zeros((0, 4)), np.zeros((0, 4))).value.shape == (0,)


def test_intervals_stay_in_range_or_say_why_there_is_none():
    assert auc_interval(0.9, 4.0, 1.96)[0] == pytest.approx((0, 1), abs=1e-6)
    assert auc_interval(0.9, 0.01, math.inf) == ((0.0, 1.0), "")
    ends, reason = auc_interval(1.0, 0.0, 1.96)
    assert np.isnan(ends).all() and reason == "an AUC of 1 shows no variance to make an interval of"
    assert auc_interval(0.75, math.nan, 1.96)[1] == "too few rows for an interval"


def test_what_bins_leave_open_widens_the_interval_and_is_said_where_it_is_much():
    narrow, nothing = auc_interval(0.8, 1e-4, 1.96)
    little, unsaid = auc_interval(0.8, 1e-4, 1.96, 1e-4)
    wide, said = auc_interval(0.8, 1e-4, 1.96, 0.004)
    assert (nothing, unsaid) == (
        "",
        "",
    ) and said == "scores that share a bin leave 0.004 of this AUC open, to either side"
    assert narrow[0] - little[0] == pytest.approx(1e-4, rel=0.1) and wide[1] - narrow[1] == pytest.approx(4e-3, rel=0.1)
    # No more than the scale there is.
    assert auc_interval(0.999, 1e-8, 1.96, 0.01)[0][1] == 1 and auc_interval(0.001, 1e-8, 1.96, 0.01)[0][0] == 0
    assert "too few rows for an interval; scores that share" in auc_interval(0.8, math.nan, 1.96, 0.01)[1]
