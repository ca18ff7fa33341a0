"""ExcessMTL against a plain transcription in float64: accumulation, normalisation, warm-up, floor, absent tasks."""

import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.weighting.excess_risk import ExcessRisk


class Transcription:
    """The method, task by task and number by number."""

    def __init__(self, eta, warmup=0, floor=None):
        self.eta, self.warmup, self.floor, self.epoch = eta, warmup, floor, 0
        self.squares = np.zeros((3, 17))
        self.first = [[], [], []]
        self.weights = np.full(3, 1 / 3)

    def step(self, step):
        grown, moved = self.weights.copy(), []
        for task in np.flatnonzero(step.known):
            gradient = step.flat[task]
            self.squares[task] += gradient**2
            risk = (gradient**2 / np.sqrt(self.squares[task] + 1e-7)).sum()
            if self.epoch < self.warmup or not self.first[task]:
                self.first[task].append(risk)
            else:
                grown[task] *= np.exp(self.eta * risk / np.mean(self.first[task]))
                moved.append(task)
        if moved:
            grown[moved] *= self.weights[moved].sum() / grown[moved].sum()
            if self.floor is not None:
                grown[moved] = self._raise(grown[moved])
        self.weights = grown
        return grown

    def _raise(self, weights):
        """The point of the least change of the excess over the floor: w_i = floor + c max(w_i − floor, 0)."""
        least = self.floor / 3
        above = np.maximum(weights - least, 0)
        spare = weights.sum() - least * len(weights)
        return least + (above * spare / above.sum() if above.any() else 0.0)


@pytest.mark.parametrize("floor", [None, 0.6])
@pytest.mark.parametrize("eta", [0.05, 1.0])
def test_fifty_steps(make, draw, drive, eta, floor):
    steps, plain = draw(seed=6), Transcription(eta, floor=floor)
    expected = np.array([plain.step(step) for step in steps])
    weighting = make("excess_risk", step=eta, floor=floor)
    found, shared = drive(weighting, steps)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-7)
    np.testing.assert_array_equal(found, shared)
    accumulated = np.concatenate([square.numpy().reshape(3, -1) for square in weighting._squares], axis=1)
    np.testing.assert_allclose(accumulated, plain.squares, rtol=1e-5)
    if floor is not None:
        assert found.min() >= 0.2 * (1 - 1e-5)
        assert eta < 1 or expected.min() == pytest.approx(0.2, rel=1e-6)  # so that the floor was reached


def test_warm_up_averages_under_equal_weights(make, draw, drive):
    plain = Transcription(0.3, warmup=2)
    weighting = make("excess_risk", step=0.3, warmup_epochs=2, floor=None)
    for epoch in range(4):
        steps = draw(10, seed=epoch)
        expected = np.array([plain.step(step) for step in steps])
        found, _ = drive(weighting, steps)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        if epoch < 2:
            np.testing.assert_allclose(found, 1 / 3, rtol=1e-6)
        plain.epoch += 1
        weighting.end_epoch([0.5, 0.5, float("nan")])
    assert np.abs(found[-1] - 1 / 3).max() > 0.02


def test_a_task_unseen_in_the_warm_up_takes_its_first_step_after(make, one_step):
    weighting = make("excess_risk", step=0.5, warmup_epochs=1)
    weighting.step(one_step([[1.0], [1.0], [0.0]], known=[True, True, False]).signals())
    weighting.end_epoch([1.0, 1.0, float("nan")])
    found = weighting.step(one_step([[1.0], [2.0], [1.0]]).signals()).weights.numpy()
    assert found[2] == pytest.approx(1 / 3, abs=1e-6) and found[1] > found[0]
    np.testing.assert_array_equal(weighting._initial_counts, [1, 1, 1])
    found = weighting.step(one_step([[1.0], [2.0], [1.0]]).signals()).weights.numpy()
    assert found[2] != pytest.approx(1 / 3, abs=1e-4)


def test_two_steps_by_hand(make, one_step):
    """One parameter. g = 1 each at first: S = 1, E = 1. Then g = (1, 2, 0): S = (2, 5, 1), E = (0.70711, 1.78885, 0).

    With η = 1, exp(E) = (2.02811, 5.98259, 1), of 9.01070 in all.
    """
    weighting = make("excess_risk", step=1.0, floor=None)
    found = weighting.step(one_step([[1.0], [1.0], [1.0]]).signals())
    np.testing.assert_allclose(found.weights, 1 / 3, rtol=1e-6)
    found = weighting.step(one_step([[1.0], [2.0], [0.0]]).signals())
    np.testing.assert_allclose(found.weights, [0.22508, 0.66394, 0.11098], atol=1e-5)


def test_a_first_gradient_of_zero_does_not_normalise(make, one_step):
    weighting = make("excess_risk", step=0.5)
    weighting.step(one_step([[1.0], [1.0], [0.0]]).signals())
    np.testing.assert_array_equal(weighting._initial_counts, [1, 1, 0])
    weighting.step(one_step([[1.0], [1.0], [3.0]]).signals())
    np.testing.assert_allclose(weighting._initial_sums[2], 3.0, rtol=1e-5)
    assert np.isfinite(weighting.step(one_step([[1.0], [1.0], [3.0]]).signals()).weights).all()


def test_gradients_that_are_not_finite_leave_no_trace(make, one_step):
    weighting, spared = make("excess_risk", step=0.5), make("excess_risk", step=0.5)
    for _ in range(3):
        for each in (weighting, spared):
            each.step(one_step([[1.0], [0.5], [0.3]]).signals())
        with np.errstate(all="ignore"):
            weighting.step(one_step([[1.0], [np.nan], [1e25]]).signals())
        spared.step(one_step([[1.0], [0.0], [0.0]], known=[True, False, False]).signals())
    for found, wanted in zip(weighting.variables, spared.variables, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_gradients_of_lower_precision_are_accumulated_in_float32(make, one_step):
    weighting = make("excess_risk", step=0.5)
    signals = one_step([[1.0], [0.5], [0.25]]).signals()
    halved = [[tf.cast(part, tf.bfloat16) for part in task] for task in signals.gradients]
    found = weighting.step(type(signals)(signals.losses, signals.known, signals.step, None, halved))
    assert found.weights.dtype == tf.float32
    np.testing.assert_allclose(weighting._squares[0][:, 0, 0], [1, 0.25, 0.0625])


def regressions(weighting, one_step, noisy):
    """Logistic regressions on three parts of the shared parameters, trained with the weights; one has noisy labels."""
    rng = np.random.default_rng(0)
    parameters, truth = np.zeros((3, 5)), 3 * rng.normal(size=(3, 5))
    for index in range(200):
        inputs = rng.normal(size=(3, 256, 5))
        labels = np.einsum("tnp,tp->tn", inputs, truth) > 0
        labels[noisy] = np.where(rng.random(256) < 0.4, rng.random(256) < 0.5, labels[noisy])
        scores = 1 / (1 + np.exp(-np.einsum("tnp,tp->tn", inputs, parameters)))
        gradients = np.einsum("tn,tnp->tp", scores - labels, inputs) / 256
        losses = -np.log(np.where(labels, scores, 1 - scores)).mean(axis=1)
        yield one_step((np.eye(3)[:, :, None] * gradients[:, None]).reshape(3, 15), losses, index=index)
        parameters -= weighting.weights().numpy()[:, None] * gradients


def test_a_noisy_task_gains_less_than_by_its_loss(make, drive, one_step):
    """Coins for labels in four rows of ten keep its loss high for ever, and leave little excess risk."""
    final = {}
    for method in ("excess_risk", "group_dro"):
        weighting = make(method, step=0.05)
        final[method] = drive(weighting, regressions(weighting, one_step, noisy=1))[0][-1][1]
    assert final["group_dro"] > 0.9
    assert final["excess_risk"] < 0.45


@pytest.mark.parametrize("shapes", [None, [], [tf.TensorShape([None, 3])]])
def test_shapes_are_needed(shapes):
    with pytest.raises(ValueError, match="`gradient_shapes` should list a fully known shape"):
        ExcessRisk(["a", "b"], 0.1).build(shapes)
