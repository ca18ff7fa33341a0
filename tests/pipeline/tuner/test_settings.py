"""The ``tune:`` block."""

import pytest

from pipeline.tuner.settings import RangeSettings, TuneSettings


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"arfg_max": 0.8}, "at least one of .*head_ratio.*strength"),
        ({"arfg_max": 0, "strength": {"low": 1, "high": 2}}, "arfg_max"),
        ({"arfg_max": 1, "strength": {"low": 2, "high": 1}}, "`low` should be below `high`. Received: 2.0 and 1.0"),
        ({"arfg_max": 1, "strength": {"low": 0, "high": 1}}, "greater than 0"),
        ({"arfg_max": 1, "trials": 0, "loss": ["mmd"]}, "trials"),
        ({"arfg_max": 1, "lambda": {"low": 1, "high": 2}}, "Extra inputs"),
    ],
)
def test_blocks_that_say_nothing_or_nonsense_are_refused(block, message):
    with pytest.raises(ValueError, match=message):
        TuneSettings.model_validate(block)


@pytest.mark.parametrize(
    ("fairness", "training", "block", "message"),
    [
        ({"mode": "none"}, {}, {"strength": {"low": 1, "high": 2}}, "`fairness.mode: none` has none"),
        ({"target_gap": 0.1}, {}, {"strength": {"low": 1, "high": 2}}, "`fairness.target_gap` learns it"),
        ({"mode": "vanilla"}, {}, {"head_ratio": {"low": 1, "high": 2}}, r"alone. Received: \['vanilla'\]"),
        ({}, {"distribution": "mirrored"}, {"loss": ["mmd"]}, "each trial on one device"),
    ],
)
def test_searches_that_would_try_nothing_are_refused(candidate, fairness, training, block, message):
    settings = candidate.model_copy(
        update={
            "fairness": candidate.fairness.model_copy(update={"mode": "mtaf", **fairness}),
            "training": candidate.training.model_copy(update=training),
        }
    )
    tune = TuneSettings(arfg_max=0.8, **block)
    with pytest.raises(ValueError, match=message):
        tune.check(settings)
    tune = TuneSettings(arfg_max=0.8, learning_rate=RangeSettings(low=0.01, high=0.1))
    if "distribution" not in training:
        tune.check(settings)
