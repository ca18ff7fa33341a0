"""AUC and its interval from histograms, against scikit-learn, the definition of DeLong's variance, and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from components.fairness_report.auc import auc_estimate, auc_of_histograms


def histogram(scores: np.ndarray, bins: int) -> list[list[int]]:
    cells, counts = np.unique((scores * bins).astype(int), return_counts=True)
    return [cells.tolist(), counts.tolist()]


def pairs(negatives: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """1 where a positive is above a negative, 1/2 where they tie [positives, negatives]."""
    difference = positives[:, None] - negatives[None, :]
    return (difference > 0) + 0.5 * (difference == 0)


@pytest.mark.parametrize("seed", range(3))
def test_auc_and_error_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    negatives, positives = (rng.integers(0, 50, n) / 50 + 0.01 for n in (80, 60))
    positives = np.minimum(positives + 0.2, 0.99)
    bins = 50
    value, error = auc_of_histograms(histogram(negatives, bins), histogram(positives, bins), bins)
    tied_negatives, tied_positives = ((scores * bins).astype(int) for scores in (negatives, positives))
    wins = pairs(tied_negatives, tied_positives)
    labels = np.repeat([0, 1], [80, 60])
    assert value == pytest.approx(roc_auc_score(labels, np.concatenate([tied_negatives, tied_positives])))
    variance = np.var(wins.mean(axis=1), ddof=1) / 60 + np.var(wins.mean(axis=0), ddof=1) / 80
    assert error == pytest.approx(math.sqrt(variance))


def test_the_interval_holds_the_true_value_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits, draws = 0, 400
    # P(B > A) of A ~ U(0, 1), B ~ max of two uniforms: 2/3.
    for _ in range(draws):
        negatives, positives = rng.random(60), rng.random((40, 2)).max(axis=1)
        parts = histogram(negatives, 1000), histogram(positives, 1000)
        value = auc_of_histograms(*parts, 1000)[0]
        lower, upper = auc_estimate(value, *parts, 1000, 0.95)["interval"]
        hits += lower <= 2 / 3 <= upper
    assert 0.92 < hits / draws < 0.985


def test_what_is_undefined_says_so() -> None:
    some, none = [[3], [5]], [[], []]
    assert auc_estimate(math.nan, none, some, 10, 0.95) == {
        "value": None,
        "interval": None,
        "reason": "no negatives",
        "of": 5,
    }
    assert auc_estimate(math.nan, some, none, 10, 0.95)["reason"] == "no positives"
    assert all(map(math.isnan, auc_of_histograms(none, some, 10)))
    # One negative: a value, and no variance of it.
    found = auc_estimate(0.75, [[2], [1]], [[1, 3], [1, 3]], 10, 0.95)
    assert (found["value"], found["interval"], found["of"]) == (0.75, None, 5) and found["reason"]
    # Perfect separation: no interval is claimed.
    perfect = auc_estimate(1.0, [[1], [9]], [[8], [9]], 10, 0.95)
    assert perfect["interval"] is None and "an AUC of 1 shows no variance" in perfect["reason"]
