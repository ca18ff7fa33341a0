"""Score histograms against the scores themselves, whatever came first."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.tradeoff_metrics.counting.score_histogram import ScoreHistogram
from models.metrics.score_bins import bins_of


def random_rows(seed, n, owners=4):
    rng = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-rng.normal(rng.uniform(-12, 12), rng.uniform(0.01, 4), n)))
    scores[rng.random(n) < 0.1] = rng.choice([0, 0.5, 1])
    return rng.integers(0, owners, n), scores.astype(np.float32)


def counted(owners, scores, **limits):
    result = ScoreHistogram(**limits)
    result.add(owners, scores)
    return result


def contents(histogram):
    found = histogram.scores()
    return found.level, found.bins.tolist(), found.owners.tolist(), found.columns.tolist(), found.counts.tolist()


def test_it_counts_each_score_of_each_owner():
    owners, scores = random_rows(1, 3000)
    found = counted(owners, scores).scores()
    assert found.level == 0 and found.resolved.all()
    expected, counts = np.unique(np.stack([owners, bins_of(scores)]), axis=1, return_counts=True)
    np.testing.assert_array_equal(np.stack([found.owners, found.bins[found.columns]]), expected)
    np.testing.assert_array_equal(found.counts, counts)
    np.testing.assert_array_equal(found.edges[1], np.unique(scores))


@pytest.mark.parametrize("limits", [{"max_bins": 300}, {"max_cells": 500}, {"max_bins": 2}, {"max_bins": 1}])
def test_it_joins_bins_until_they_fit_and_no_more_than_that(limits):
    owners, scores = random_rows(2, 5000)
    found = counted(owners, scores, **limits).scores()
    assert len(found.bins) <= max(2, limits.get("max_bins", 1e9)) and len(found.owners) <= limits.get("max_cells", 1e9)
    finer = bins_of(scores, found.level - 1)
    many = len(np.unique(np.stack([owners, finer]), axis=1).T), len(np.unique(finer))
    assert many[0] > limits.get("max_cells", 1e9) or many[1] > limits.get("max_bins", 1e9)
    expected, counts = np.unique(np.stack([owners, bins_of(scores, found.level)]), axis=1, return_counts=True)
    np.testing.assert_array_equal(np.stack([found.owners, found.bins[found.columns]]), expected)
    np.testing.assert_array_equal(found.counts, counts)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(0, 400),
    st.integers(1, 6),
    st.sampled_from([{}, {"max_bins": 20}, {"max_cells": 50}]),
    st.randoms(use_true_random=False),
)
def test_batches_and_the_order_of_merges_do_not_matter(seed, n, parts, limits, random):
    owners, scores = random_rows(seed, n)
    pieces = [counted(owners[part], scores[part], **limits) for part in np.array_split(np.arange(n), parts)]
    random.shuffle(pieces)
    merged = ScoreHistogram(**limits)
    for piece in pieces:
        merged.merge(pickle.loads(pickle.dumps(piece)), np.arange(4))
    assert contents(merged) == contents(counted(owners, scores, **limits))


def test_a_merge_may_number_owners_anew():
    owners, scores = random_rows(3, 500)
    merged = ScoreHistogram()
    merged.merge(counted(owners, scores), np.array([7, 0, 3, 12]))
    assert contents(merged) == contents(counted(np.array([7, 0, 3, 12])[owners], scores))


def test_many_small_batches_stay_within_the_limits_as_they_come():
    rng = np.random.default_rng(4)
    histogram = ScoreHistogram(max_bins=100, max_cells=300)
    for _ in range(60):
        histogram.add(rng.integers(0, 2, 1000), rng.random(1000))
        assert len(histogram._cells) <= 300
        assert histogram._rows_waiting <= 1 << 14
    assert histogram.scores().counts.sum() == 60_000


def test_nothing_is_counted_of_no_rows():
    found = ScoreHistogram().scores()
    assert all(len(part) == 0 for part in (found.bins, found.owners, found.counts, *found.edges))
    assert contents(pickle.loads(pickle.dumps(ScoreHistogram()))) == contents(ScoreHistogram())
