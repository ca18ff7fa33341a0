"""The step with weights from gradients, against gradients that are taken task by task."""

import numpy as np
import pytest
import tensorflow as tf

from models.data.input_pipeline import ordered_batches
from models.fairness.terms import FairnessTerms
from models.networks.registry import build_network
from models.training.step import MultiTaskModel
from models.training.task_weighting import make_weighting

SIZES = {"device/type": 4, "tags": 8}
METHODS = ["uniform", "uncertainty", "dwa", "group_dro", "gradnorm", "mgda", "imtl", "pcgrad", "excess_risk"]


def make_model(settings, method, on=None, network="shared_bottom"):
    options = {"method": method} if on is None else {"method": method, "on": on}
    settings = settings(model={"network": network}, training={"weighting": options}, fairness={"mode": "mtaf"})
    built = build_network(settings.model, settings.features, SIZES, [task.name for task in settings.tasks], 3)
    terms = FairnessTerms(settings.fairness, "gender", 2, {task.name: True for task in settings.tasks})
    weighting = make_weighting(settings.training.weighting, built, settings.tasks, 1)
    model = MultiTaskModel(built, settings.tasks, terms, seed=5, weighting=weighting)
    return model


def step_gradients(model, batch):
    """What the optimiser is handed in one step."""
    seen = {}

    class Optimizer:
        iterations = tf.Variable(0, dtype=tf.int64)

        def apply_gradients(self, pairs):
            seen.update({variable.ref(): gradient for gradient, variable in pairs})

    object.__setattr__(model, "optimizer", Optimizer())
    model.train_step(batch)
    return {ref: None if gradient is None else tf.convert_to_tensor(gradient).numpy() for ref, gradient in seen.items()}


@pytest.fixture(scope="module")
def batch(data):
    return next(iter(ordered_batches(data.source("train"), batch_size=200)))


@pytest.mark.parametrize("network", ["shared_bottom", "mmoe", "dsmtl"])
@pytest.mark.parametrize(
    ("method", "on"),
    [(m, None) for m in METHODS[:4]] + [(m, on) for m in METHODS[4:] for on in ("parameters", "representation")],
)
def test_a_step_is_the_weighted_sum_of_the_tasks_gradients(make_settings, batch, method, on, network):
    """Heads: w_t ∇L_t; shared layers: Σ c_t ∇L_t; fairness terms everywhere times w_t. c_t = w_t but for PCGrad."""
    model = make_model(make_settings, method, on, network)
    combinations = []
    take = model.weighting.step

    def step(signals):
        combinations.append(take(signals))
        return combinations[-1]

    object.__setattr__(model.weighting, "step", step)
    found = step_gradients(model, batch)
    (combination,) = combinations
    weights, shared_weights = combination.weights.numpy(), combination.shared_weights.numpy()
    assert weights.sum() == pytest.approx(1.0, rel=1e-6)
    if method != "pcgrad":
        np.testing.assert_array_equal(weights, shared_weights)

    variables = model.trained_variables
    with tf.GradientTape(persistent=True) as tape:
        losses = model._forward(batch, training=True)
        fair = [tf.add_n(list(losses.fairness[task].values())) for task in model.tasks]
    expected = {variable.ref(): np.zeros(variable.shape, np.float32) for variable in variables}
    shared = {variable.ref() for variable in model.network.shared_variables}
    for index in range(len(model.tasks)):
        for target, factors in ((losses.tasks[index].value, shared_weights), (fair[index], weights)):
            for variable, gradient in zip(variables, tape.gradient(target, variables), strict=True):
                if gradient is not None:
                    factor = factors[index] if variable.ref() in shared else weights[index]
                    expected[variable.ref()] += factor * tf.convert_to_tensor(gradient).numpy()
    for variable in variables:
        gradient = found[variable.ref()]
        assert gradient is not None or not expected[variable.ref()].any(), variable.name
        if gradient is not None:
            np.testing.assert_allclose(gradient, expected[variable.ref()], atol=2e-6, err_msg=variable.name)


@pytest.mark.parametrize("method", ["mgda", "excess_risk", "dwa", "pcgrad"])
def test_a_task_that_is_absent_from_a_batch_keeps_its_weight(make_settings, batch, method):
    model = make_model(make_settings, method)
    before = model.weighting.weights().numpy()
    weights = {**batch["weights"], "click": tf.zeros_like(batch["weights"]["click"])}
    for _ in range(3):
        step_gradients(model, {**batch, "weights": weights})
    after = model.weighting.weights().numpy()
    assert after[1] == pytest.approx(before[1], rel=1e-5)
    assert np.isfinite(after).all() and after.sum() == pytest.approx(1.0)


def test_the_representation_form_hands_rows_of_tables_on_as_rows(make_settings, batch):
    """`lazy_adam` moves the rows that a batch holds: a gradient of the whole table would undo that."""
    model = make_model(make_settings, "mgda", "representation")
    kinds = []

    class Optimizer:
        iterations = tf.Variable(0, dtype=tf.int64)

        def apply_gradients(self, pairs):
            kinds.extend(type(gradient) for gradient, variable in pairs if "embedding" in variable.name)

    object.__setattr__(model, "optimizer", Optimizer())
    model.train_step(batch)
    assert kinds and set(kinds) == {tf.IndexedSlices}
