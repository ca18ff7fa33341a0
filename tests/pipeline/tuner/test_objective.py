"""What counts as a better trial."""

import math

import pytest

from pipeline.tuner.objective import Tradeoff, tradeoff, why_undefined


def test_ratios_are_means_over_tasks(make_trained):
    baseline = make_trained(income=(0.2, 0.1), gain=(0.1, 0.04))
    trial = make_trained(income=(0.21, 0.05), gain=(0.095, 0.05))
    found = tradeoff(trial, baseline)
    # (1.05 + 0.95) / 2 and (0.5 + 1.25) / 2.
    assert found.are == pytest.approx(1.0) and found.arfg == pytest.approx(0.875)
    assert why_undefined(baseline) is None


def test_the_lowest_are_wins_among_those_that_hold_the_bound():
    trials = {
        "fair": Tradeoff(1.03, 0.4),
        "accurate": Tradeoff(1.01, 0.79),
        "unfair": Tradeoff(0.98, 0.81),
        "worse": Tradeoff(1.02, 0.8),
    }
    order = sorted(trials, key=lambda name: trials[name].score(0.8))
    assert order == ["accurate", "worse", "fair", "unfair"]
    assert [trials[name].holds(0.8) for name in order] == [True, True, True, False]


def test_where_none_holds_the_bound_the_fairest_wins():
    trials = [Tradeoff(0.9, 1.2), Tradeoff(5.0, 0.9), Tradeoff(0.5, math.nan), Tradeoff(math.nan, 0.1)]
    scores = [trial.score(0.8) for trial in trials]
    assert scores[1] < scores[0] < scores[2] == scores[3] < math.inf


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"income": (0.2, 0.0)}, "ARFG divides by the single-task model's fpr_gap of task `income`, which is 0"),
        ({"income": (0.0, 0.1)}, "ARE divides by the single-task model's error of task `income`, which is 0"),
        ({"income": (0.2, math.nan)}, "ARFG divides by .* which is nan"),
    ],
)
def test_undefined_ratios_are_told(make_trained, figures, reason):
    import re

    baseline = make_trained(**figures)
    assert re.match(reason, why_undefined(baseline))
    found = tradeoff(make_trained(income=(0.2, 0.1)), baseline)
    assert math.isnan(found.arfg) or math.isnan(found.are)
