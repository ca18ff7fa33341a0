"""AUC and its interval from histograms, against scikit-learn, the definition of DeLong's variance, and samples."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from components.tradeoff_metrics.auc import auc, auc_interval, dense


def histogram(scores, bins):
    return np.bincount((scores * bins).astype(int), minlength=bins)


def pairs(negatives, positives):
    """1 where a positive is above a negative, 1/2 where they tie [positives, negatives]."""
    difference = positives[:, None] - negatives[None, :]
    return (difference > 0) + 0.5 * (difference == 0)


@pytest.mark.parametrize("seed", range(3))
def test_auc_and_variance_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    negatives, positives = (rng.integers(0, 50, n) / 50 + 0.01 for n in (80, 60))
    positives = np.minimum(positives + 0.2, 0.99)
    value, parts = auc(histogram(negatives, 50), histogram(positives, 50))
    tied_negatives, tied_positives = ((scores * 50).astype(int) for scores in (negatives, positives))
    wins = pairs(tied_negatives, tied_positives)
    labels = np.repeat([0, 1], [80, 60])
    assert value == pytest.approx(roc_auc_score(labels, np.concatenate([tied_negatives, tied_positives])))
    assert parts[0] == pytest.approx(np.var(wins.mean(axis=0), ddof=1) / 80)
    assert parts[1] == pytest.approx(np.var(wins.mean(axis=1), ddof=1) / 60)


def test_many_at_once_equal_one_at_a_time():
    rng = np.random.default_rng(4)
    negatives, positives = rng.integers(0, 3, (2, 5, 3, 20))
    values, parts = auc(negatives, positives)
    assert values.shape == (5, 3) and parts.shape == (2, 5, 3)
    one, part = auc(negatives[4, 1], positives[4, 1])
    assert (values[4, 1], *parts[:, 4, 1]) == pytest.approx((one, *part))


def test_the_interval_holds_the_true_value_as_often_as_it_says():
    rng = np.random.default_rng(7)
    hits, draws = 0, 400
    # P(B > A) of A ~ U(0, 1), B ~ max of two uniforms: 2/3.
    for _ in range(draws):
        negatives, positives = rng.random(60), rng.random((40, 2)).max(axis=1)
        value, parts = auc(histogram(negatives, 1000), histogram(positives, 1000))
        (lower, upper), reason = auc_interval(float(value), parts.sum(), 1.96)
        assert reason == ""
        hits += lower <= 2 / 3 <= upper
    assert 0.92 < hits / draws < 0.985


def test_what_is_undefined_is_nan():
    some, none = np.array([5, 0, 3]), np.zeros(3)
    assert np.isnan(auc(none, some)[0]) and np.isnan(auc(some, none)[0]) and np.isnan(auc(none, none)[0])
    # One negative: a value, and no variance of it.
    value, parts = auc(np.array([0, 1, 0]), np.array([1, 0, 3]))
    assert value == 0.75 and np.isnan(parts).all()


def test_intervals_stay_in_range_or_say_why_there_is_none():
    assert auc_interval(0.9, 4.0, 1.96)[0] == pytest.approx((0, 1), abs=1e-6)
    assert auc_interval(0.9, 0.01, math.inf) == ((0.0, 1.0), "")
    ends, reason = auc_interval(1.0, 0.0, 1.96)
    assert np.isnan(ends).all() and reason == "an AUC of 1 shows no variance to make an interval of"
    assert auc_interval(0.75, math.nan, 1.96)[1] == "too few rows for an interval"


def test_dense():
    assert dense([[1, 3], [4, 2]], 5).tolist() == [0, 4, 0, 2, 0]
    assert dense([[], []], 2).tolist() == [0, 0]
