import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.config.settings import ModelTask
from models.metrics.decision import Decision, base_rate_threshold, decide


def closest_share(scores, base_rate):
    """Best attainable distance over all cuts between distinct scores, by trying each."""
    cuts = [-1.0, *np.unique(scores)]
    return min(abs(np.sum(np.asarray(scores) > cut) - base_rate * len(scores)) for cut in cuts)


def test_threshold_lies_between_the_scores_that_the_base_rate_parts():
    # 4 rows, base rate 0.25: the largest alone is positive, half way between 0.8 and 0.4.
    assert base_rate_threshold(np.array([0.1, 0.8, 0.4, 0.3]), 0.25) == pytest.approx(0.6)


@pytest.mark.parametrize(("base_rate", "positives"), [(0.0, 0), (1.0, 5)])
def test_extreme_base_rates(base_rate, positives):
    scores = np.array([0.0, 0.2, 0.2, 0.7, 1.0])
    assert np.sum(scores > base_rate_threshold(scores, base_rate)) == positives


def test_ties_fall_on_the_side_that_comes_closer():
    scores = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    assert np.sum(scores > base_rate_threshold(scores, 0.4)) == 1  # 1 or 4 are attainable, 2 are wanted
    assert np.sum(scores > base_rate_threshold(scores, 0.6)) == 4  # 3 are wanted


def test_all_scores_equal():
    assert np.sum(np.full(10, 0.3) > base_rate_threshold(np.full(10, 0.3), 0.2)) == 0
    assert np.sum(np.full(10, 0.3) > base_rate_threshold(np.full(10, 0.3), 0.8)) == 10


@pytest.mark.parametrize(
    ("scores", "base_rate", "positives"),
    [([1.0, 1.0], 0.0, 0), ([0.0, 0.0], 1.0, 2), ([0.0, 1.0], 1.0, 2), ([np.nextafter(0.5, 0), 0.5], 0.5, 1)],
)
def test_scores_at_the_ends_and_neighbouring_scores(scores, base_rate, positives):
    scores = np.array(scores)
    assert np.sum(scores > base_rate_threshold(scores, base_rate)) == positives


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=60)
    | st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1),
    st.floats(0, 1),
)
def test_no_cut_comes_closer_to_the_base_rate(scores, base_rate):
    scores = np.array(scores)
    positives = np.sum(scores > base_rate_threshold(scores, base_rate))
    assert abs(positives - base_rate * len(scores)) == pytest.approx(closest_share(scores, base_rate))


def test_rounding_of_scores_changes_no_decision():
    scores = np.random.default_rng(0).random(2000).astype(np.float32)
    threshold = base_rate_threshold(scores, 0.3)
    assert np.array_equal(scores > threshold, scores.astype(np.float64) > threshold)
    assert np.sum(scores > threshold) == 600


@pytest.mark.parametrize("scores", [[], [0.1, float("nan")], [float("inf")]])
def test_refuses_what_has_no_quantile(scores):
    with pytest.raises(ValueError, match="finite scores"):
        base_rate_threshold(np.array(scores), 0.5)


def test_decide_by_number_and_by_base_rate_and_back_from_disk(tmp_path):
    tasks = [ModelTask(name="like", threshold=0.35), ModelTask(name="click")]
    scores = {"like": np.array([0.1, 0.9]), "click": np.array([0.2, 0.4, 0.6, 0.8])}
    decision = decide(tasks, {"like": 0.1, "click": 0.5}, scores)
    assert decision.thresholds == {"like": 0.35, "click": pytest.approx(0.5)}
    assert decision.rule == {"like": "number", "click": "base_rate"}
    assert decision.validation_rows == {"like": 2, "click": 4}

    decision.save(str(tmp_path))
    assert Decision.load(str(tmp_path)) == decision
    on_disk = json.loads((tmp_path / "assets.extra" / "decision.json").read_text(encoding="utf-8"))
    assert set(on_disk) == {"thresholds", "base_rate", "rule", "validation_rows"}
    assert list(on_disk["thresholds"]) == ["like", "click"]
