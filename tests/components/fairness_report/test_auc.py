"""What the report says of an AUC that TFMA computed; the interval itself is tested beside its definition."""

from __future__ import annotations

import math

import pytest

from components.fairness_report.auc import auc_estimate
from components.tradeoff_metrics.auc import auc, auc_interval, dense

NEGATIVES, POSITIVES = [[1, 4, 6], [20, 9, 1]], [[2, 5, 8], [6, 9, 15]]


def test_the_interval_is_that_of_the_histograms_around_tfmas_value() -> None:
    found = auc_estimate(0.9, NEGATIVES, POSITIVES, 10, 1.96)
    variance = auc(dense(NEGATIVES, 10), dense(POSITIVES, 10))[1].sum()
    assert found == {"value": 0.9, "interval": list(auc_interval(0.9, variance, 1.96)[0]), "reason": "", "of": 60}


def test_clusters_widen_it() -> None:
    narrow, wide = (auc_estimate(0.9, NEGATIVES, POSITIVES, 10, 1.96, effects) for effects in ((1.0, 1.0), (4.0, 4.0)))

    def width(found: dict[str, list[float]]) -> float:
        lower, upper = (math.log(end / (1 - end)) for end in found["interval"])
        return upper - lower

    assert width(wide) == pytest.approx(2 * width(narrow))


def test_what_is_undefined_says_so() -> None:
    some, none = [[3], [5]], [[], []]
    assert auc_estimate(math.nan, none, some, 10, 1.96) == {
        "value": None,
        "interval": None,
        "reason": "no negatives",
        "of": 5,
    }
    assert auc_estimate(math.nan, some, none, 10, 1.96)["reason"] == "no positives"
    # One negative: a value, and no variance of it.
    found = auc_estimate(0.75, [[2], [1]], [[1, 3], [1, 3]], 10, 1.96)
    assert (found["value"], found["interval"], found["of"]) == (0.75, None, 5) and found["reason"]
    # Perfect separation: no interval is claimed.
    perfect = auc_estimate(1.0, [[1], [9]], [[8], [9]], 10, 1.96)
    assert perfect["interval"] is None and "an AUC of 1 shows no variance" in perfect["reason"]
