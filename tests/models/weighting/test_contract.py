"""What every method keeps to, whatever the signals."""

import models  # noqa: F401

# isort: split
from typing import get_args

import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter, ValidationError

from models.config.weighting import FixedSettings, WeightingSettings
from models.weighting.registry import WEIGHTINGS, build_weighting

METHODS = sorted(WEIGHTINGS)
PARSE = TypeAdapter(WeightingSettings).validate_python
OPTIONS = {"group_dro": {"step": 0.5}, "excess_risk": {"step": 0.5}}


@pytest.fixture
def built(make):
    return lambda method: make(method, **OPTIONS.get(method, {}))


def test_the_registry_holds_every_setting():
    union = get_args(get_args(WeightingSettings)[0])
    assert {cls.model_fields["method"].annotation.__args__[0] for cls in union} == set(WEIGHTINGS)


@pytest.mark.parametrize("method", METHODS)
def test_weights_sum_to_one_and_are_not_negative(built, draw, drive, method):
    weighting = built(method)
    weights, shared = drive(weighting, draw())
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=2e-6)
    assert weights.min() >= 0 and weights.dtype == shared.dtype == np.float32
    if method not in ("pcgrad", "imtl"):
        np.testing.assert_array_equal(weights, shared)
    if method not in ("fixed", "uniform", "pcgrad", "dwa"):
        assert np.abs(weights[-1] - 1 / 3).max() > 0.02  # they do move
    assert weighting.weights().numpy().sum() == pytest.approx(1, abs=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_absent_tasks_keep_their_weight(built, draw, drive, method):
    weighting, steps = built(method), draw(12, seed=4)
    assert any(step.known.any() and not step.known.all() for step in steps) and not steps[7].known.any()
    for step in steps:
        before = weighting.weights().numpy()
        weighting.step(step.signals())
        after, absent = weighting.weights().numpy(), ~step.known
        if method == "uncertainty" and step.known.any():
            # Their precisions stay: so do the ratios between them.
            before, after = (w[absent] / w[absent].sum() for w in (before, after))
            np.testing.assert_allclose(after, before, atol=1e-6)
        else:
            np.testing.assert_allclose(after[absent], before[absent], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e30, 1e-30])
def test_wild_signals_leave_finite_weights(built, draw, drive, one_step, method, value):
    """One task's loss and gradient are wild from the first step on, or all tasks' in some."""
    rng = np.random.default_rng(0)
    steps = []
    for index in range(6):
        flat = rng.normal(size=(3, 17))
        losses = rng.uniform(0.2, 1, 3)
        wild = slice(None) if index % 3 == 2 else slice(1, 2)
        flat[wild], losses[wild] = value, value
        steps.append(one_step(flat, losses, index=index))
    with np.errstate(all="ignore"):
        weights, shared = drive(built(method), steps + draw(5, absent=0))
    assert np.isfinite(weights).all() and np.isfinite(shared).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=2e-6)


@pytest.mark.parametrize("method", METHODS)
def test_reset_starts_anew(built, draw, drive, method):
    weighting, steps = built(method), draw(20)
    first = drive(weighting, steps)
    for losses in ([0.5, 0.2, 0.9], [0.4, 0.1, 0.9], [0.1, 0.1, 0.2]):
        weighting.end_epoch(losses)
    weighting.reset()
    np.testing.assert_array_equal(drive(weighting, steps), first)


@pytest.mark.parametrize("method", METHODS)
def test_a_checkpoint_goes_on_where_it_was(built, draw, drive, tmp_path, method):
    steps, weighting = draw(20), built(method)
    drive(weighting, steps[:10])
    for losses in ([0.5, 0.2, 0.9], [0.4, 0.1, 0.9]):
        weighting.end_epoch(losses)
    path = tf.train.Checkpoint(weighting=weighting).save(str(tmp_path / "state"))
    expected = drive(weighting, steps[10:])
    restored = built(method)
    tf.train.Checkpoint(weighting=restored).restore(path).assert_consumed()
    np.testing.assert_array_equal(drive(restored, steps[10:]), expected)


@pytest.mark.parametrize("method", METHODS)
def test_one_task_has_all_the_weight(one_step, method):
    weighting = build_weighting(PARSE({"method": method}), ["only"], [2.0], 0)
    weighting.build([tf.TensorShape([17])])
    signals = one_step(np.ones((3, 4))).signals()
    alone = type(signals)(signals.losses[:1], signals.known[:1], signals.step, signals.gram[:1, :1], [[tf.ones([17])]])
    for _ in range(3):
        np.testing.assert_allclose(weighting.step(alone).weights, [1.0], rtol=1e-6)


@pytest.mark.parametrize("method", [method for method in METHODS if method != "fixed"])
def test_weights_of_the_tasks_are_refused(method):
    with pytest.raises(ValueError, match=rf"`training.weighting.method: {method}` sets the weights itself.*'b': 2"):
        build_weighting(PARSE({"method": method}), ["a", "b"], [1.0, 2.0], 0)


def test_fixed_takes_them_and_uniform_is_equal(one_step):
    fixed = build_weighting(FixedSettings(), ["a", "b", "c"], [1.0, 2.0, 5.0], 0)
    signals = one_step(np.eye(3)).signals()
    for weights in (*fixed.step(signals), fixed.weights()):
        np.testing.assert_allclose(weights, [0.125, 0.25, 0.625])
    uniform = build_weighting(PARSE({"method": "uniform"}), ["a", "b", "c"], [4.0] * 3, 0)
    np.testing.assert_allclose(uniform.step(signals).weights, [1 / 3] * 3)


def test_settings():
    found = PARSE({"method": "excess_risk", "floor": None, "on": "representation"})
    assert (found.step, found.warmup_epochs, found.floor, found.on) == (0.01, 0, None, "representation")
    assert PARSE(found.model_dump(mode="json")) == found
    for wrong, key in [
        ({"method": "average"}, "average"),
        ({"method": "dwa", "on": "parameters"}, "on"),
        ({"method": "excess_risk", "floor": 1.0}, "floor"),
        ({"method": "gradnorm", "alpha": -1}, "alpha"),
        ({"method": "mgda", "on": "rows"}, "on"),
    ]:
        with pytest.raises(ValidationError, match=key):
            PARSE(wrong)


@pytest.mark.parametrize("method", ["gradnorm", "mgda", "imtl", "pcgrad", "excess_risk"])
def test_where_gradients_are_taken(method):
    for on in ("parameters", "representation"):
        weighting = build_weighting(PARSE({"method": method, "on": on}), ["a", "b"], [1.0, 1.0], 0)
        assert weighting.on == on and weighting.needs == ("gradients" if method == "excess_risk" else "gram")
