"""Bins of scores: order, edges, and how they nest."""

import numpy as np
import pytest

from models.metrics.score_bins import COARSEST, LAST, bins_of, hold_one_score, joined, upper_edges


@pytest.fixture(scope="module")
def scores():
    """Distinct float32 scores over the whole scale, with both ends, the middle and the smallest there are; float64."""
    rng = np.random.default_rng(0)
    ends = [0, 0.5, 1, 1e-45, 1e-38, 2.0**-24, 0.5 - 2.0**-25, 0.5 + 2.0**-24, 1 - 2.0**-24]
    logits = rng.normal(0, 12, 20_000)
    found = np.concatenate([ends, rng.random(20_000), 10 ** rng.uniform(-44, 0, 20_000), 1 / (1 + np.exp(logits))])
    return np.unique(found.astype(np.float32)).astype(np.float64)


def test_float32_scores_have_bins_of_their_own(scores):
    bins = bins_of(scores)
    assert (np.diff(bins) > 0).all() and bins[0] == 0 and bins[-1] == LAST
    np.testing.assert_array_equal(upper_edges(bins), scores)
    assert hold_one_score(bins).all()


@pytest.mark.parametrize("level", [0, 1, 7, 13, 20, 23, 24, 31, COARSEST, COARSEST + 3])
def test_a_score_lies_above_the_lower_edge_of_its_bin_and_not_above_the_upper_one(scores, level):
    bins = bins_of(scores, level)
    assert (np.diff(bins) >= 0).all()
    assert (scores <= upper_edges(bins, level)).all()
    assert ((scores > upper_edges(bins - 1, level)) | (bins == 0) | (scores == 1)).all()
    # As thresholds, edges divide the rows just as bins do.
    for edge, bin_ in zip(upper_edges(bins[::500], level), bins[::500], strict=True):
        np.testing.assert_array_equal(scores > edge, bins > bin_)
    found, rows = np.unique(bins, return_counts=True)
    assert (rows[hold_one_score(found, level)] == 1).all()


def test_fine_bins_give_the_coarser_ones(scores):
    for level in (0, 3, 22):
        for more in (0, 1, 9):
            np.testing.assert_array_equal(joined(bins_of(scores, level), more), bins_of(scores, level + more))
    assert np.unique(bins_of(scores, COARSEST)).tolist() == [0, 1]


def test_widths_are_a_share_of_the_score_or_of_its_distance_from_one():
    scores = np.array([1e-12, 1e-4, 0.01, 0.3, 0.5, 0.7, 0.99, 0.9999])
    bins = bins_of(scores, 13)
    upper, lower = upper_edges(bins, 13), upper_edges(bins - 1, 13)
    share = (upper - lower) / np.minimum(scores, 1 - scores)
    assert (share > 1 / 2100).all() and (share < 1 / 1000).all()


def test_zero_is_alone_and_has_no_sign():
    assert bins_of(np.array([0.0, -0.0, 1e-45])).tolist()[:2] == [0, 0]
    assert (bins_of(np.array([1e-45, 5e-324]), COARSEST) == 1).all()
