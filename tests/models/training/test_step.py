import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.data.input_pipeline import ordered_batches
from models.fairness.terms import FairnessTerms
from models.networks.registry import build_network
from models.training.optimizers import make_optimizer
from models.training.step import MultiTaskModel

SIZES = {"device/type": 4, "tags": 8}
TASKS = ("like", "click", "buy")


# Weak: on batches of 64 rows the distances between groups are mostly noise.
FAIR = {"mode": "mtaf", "loss": "correlation", "strength": 0.1}


def make_model(settings, has_specific=True):
    network = build_network(settings.model, settings.features, SIZES, [t.name for t in settings.tasks], 3)
    fairness = None
    if settings.fairness.mode != "none":
        names = [task.name for task in settings.tasks]
        fairness = FairnessTerms(settings.fairness, "gender", 2, {task: has_specific for task in names})
    model = MultiTaskModel(network, settings.tasks, fairness, seed=5)
    model.compile(optimizer=make_optimizer(settings.training))
    return model


@pytest.fixture(scope="module")
def batch(data):
    return next(iter(ordered_batches(data.source("train"), batch_size=256)))


def replaced(batch, part, task, values):
    return {**batch, part: {**batch[part], task: tf.cast(values, batch[part][task].dtype)}}


def gradients(model, batch, training=False):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=training)
    return float(loss), [
        tf.convert_to_tensor(gradient).numpy() for gradient in tape.gradient(loss, model.trainable_variables)
    ]


def numpy_loss(model, batch, weights):
    """Σ_t w_t · mean cross-entropy over known labels, in float64."""
    total = 0.0
    for task, logits in model(batch["features"]).items():
        logits, known = logits.numpy().astype(np.float64), batch["weights"][task].numpy() > 0
        labels = batch["labels"][task].numpy()
        total += weights[task] * np.mean((np.logaddexp(0, logits) - labels * logits)[known])
    return total


def test_task_loss_is_the_weighted_mean_over_known_labels(make_settings, batch):
    tasks = [{"name": "like", "weight": 1}, {"name": "click", "weight": 2}, {"name": "buy", "weight": 5}]
    model = make_model(make_settings(tasks=tasks))
    assert model.task_weights == {"like": 0.125, "click": 0.25, "buy": 0.625}
    assert gradients(model, batch)[0] == pytest.approx(numpy_loss(model, batch, model.task_weights), rel=1e-5)


def test_logits_belong_to_their_task(make_settings, batch):
    """Task names are not in alphabetical order: each task's head learns from its own labels only."""
    model = make_model(make_settings())
    for task in TASKS:
        others = [name for name in TASKS if name != task]
        only = batch
        for name in others:
            only = replaced(only, "weights", name, tf.zeros(256))
        _, found = gradients(model, only)
        by_variable = {
            variable.ref(): gradient for variable, gradient in zip(model.trainable_variables, found, strict=True)
        }
        heads = model.network.task_variables
        assert any(np.any(by_variable[variable.ref()]) for variable in heads[task])
        assert not any(np.any(by_variable[variable.ref()]) for name in others for variable in heads[name])


@pytest.mark.parametrize("mode", ["none", "vanilla", "mtaf", "mtaf_difference"])
def test_what_stands_in_a_missing_label_does_not_matter(make_settings, batch, mode):
    model = make_model(make_settings(fairness={"mode": mode}))
    missing = batch["weights"]["like"].numpy() == 0
    assert missing.sum() > 10
    noise = np.where(missing, 1.0, batch["labels"]["like"].numpy())
    first, second = gradients(model, batch), gradients(model, replaced(batch, "labels", "like", noise))
    assert first[0] == second[0]
    for one, other in zip(first[1], second[1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("mode", ["none", "mtaf", "vanilla"])
def test_a_batch_without_any_label_of_a_task_is_finite(make_settings, batch, mode):
    model = make_model(make_settings(fairness={"mode": mode}))
    for task in TASKS:
        batch = replaced(batch, "weights", task, tf.zeros(256))
        batch = replaced(batch, "kinds", task, tf.zeros(256))
        loss, found = gradients(model, batch)
        assert np.isfinite(loss)
        assert all(np.all(np.isfinite(gradient)) for gradient in found)
    assert loss == 0.0
    assert not any(np.any(gradient) for gradient in found)


def test_an_empty_batch_is_finite(make_settings, batch):
    empty = tf.nest.map_structure(lambda rows: rows[:0], batch)
    loss, found = gradients(make_model(make_settings(fairness={"mode": "mtaf"})), empty)
    assert loss == 0.0 and all(np.all(gradient == 0) for gradient in found)


@pytest.mark.parametrize("network", ["shared_bottom", "mmoe"])
@pytest.mark.parametrize("mode", ["vanilla", "mtaf", "mtaf_difference"])
def test_strength_zero_is_mode_none(make_settings, batch, network, mode):
    none = make_model(make_settings(model={"network": network}))
    off = make_model(make_settings(model={"network": network}, fairness={"mode": mode, "strength": 0.0}))
    first, second = gradients(none, batch), gradients(off, batch)
    assert first[0] == second[0]
    for one, other in zip(first[1], second[1], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("mode", "parts"), [("vanilla", {"all"}), ("mtaf", {"head", "shared"})])
def test_the_loss_is_task_losses_and_fairness_terms(make_settings, batch, mode, parts):
    model = make_model(make_settings(fairness={"mode": mode, "strength": 2.0, "loss": "fpr_gap"}))
    loss, _ = gradients(model, batch)
    figures = model.epoch_figures()
    terms = [value for task in TASKS for value in figures[task]["fairness"].values()]
    assert all(set(figures[task]["fairness"]) == parts for task in TASKS)
    assert all(value > 0 for value in terms)
    task_losses = sum(figures[task]["loss"] / 3 for task in TASKS)
    assert loss == pytest.approx(task_losses + sum(terms), rel=1e-5)


def test_vanilla_term_is_the_gap_of_mean_scores(make_settings, batch):
    """w_t λ_t |mean score of negatives in one group − in the other|, in float64."""
    model = make_model(make_settings(fairness={"mode": "vanilla", "strength": 3.0, "loss": "fpr_gap"}))
    gradients(model, batch)
    group, scores = batch["groups"]["gender"].numpy(), model(batch["features"])
    for task in TASKS:
        probabilities = 1 / (1 + np.exp(-scores[task].numpy().astype(np.float64)))
        negatives = (batch["weights"][task].numpy() > 0) & (batch["labels"][task].numpy() == 0)
        means = [probabilities[negatives & (group == value)].mean() for value in (0, 1)]
        assert model.epoch_figures()[task]["fairness"]["all"] == pytest.approx(abs(means[0] - means[1]), rel=1e-4)


@pytest.mark.parametrize(("empty_specific", "parts"), [("none", {"shared"}), ("all_negatives", {"head", "shared"})])
def test_a_head_without_specific_negatives(make_settings, batch, empty_specific, parts):
    model = make_model(make_settings(fairness={"mode": "mtaf", "empty_specific": empty_specific}), has_specific=False)
    gradients(model, batch)
    assert all(set(figures["fairness"]) == parts for figures in model.epoch_figures().values())


def test_a_fairness_batch_of_its_own_replaces_the_training_batch(make_settings, batch):
    settings = make_settings(fairness={"mode": "mtaf", "strength": 2.0})
    model = make_model(settings)
    beside = {**batch, "fairness": {task: batch for task in TASKS}}
    first, second = gradients(model, batch), gradients(model, beside)
    assert first[0] == pytest.approx(second[0], rel=1e-6)
    for one, other in zip(first[1], second[1], strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    # A task without a batch gets no term.
    model.reset_metrics()
    gradients(model, {**batch, "fairness": {"buy": batch}})
    figures = model.epoch_figures()
    assert figures["like"]["fairness"]["shared"] == 0.0 < figures["buy"]["fairness"]["shared"]


@pytest.mark.parametrize("network", ["shared_bottom", "mmoe", "single_task"])
def test_mixed_precision_trains_in_bfloat16_and_judges_in_float32(make_settings, batch, network):
    fairness = (
        {"mode": "vanilla", "loss": "fpr_gap"} if network == "single_task" else {"mode": "mtaf", "loss": "fpr_gap"}
    )
    settings = make_settings(model={"network": network}, fairness=fairness)
    expected, full = gradients(make_model(settings), batch)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        model = make_model(settings)
        loss, found = gradients(model, batch)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert all(logits.dtype == tf.float32 for logits in model(batch["features"]).values())
    assert all(variable.dtype == tf.float32 for variable in model.trainable_variables)
    # bfloat16 carries eight bits.
    assert loss == pytest.approx(expected, rel=0.02) and loss != expected
    norm = np.sqrt(sum(np.sum(np.square(gradient)) for gradient in full))
    assert np.sqrt(sum(np.sum(np.square(a - b)) for a, b in zip(full, found, strict=True))) < 0.1 * norm


def test_dropout_changes_with_the_step_and_is_repeatable(make_settings, batch):
    model = make_model(make_settings(model={"dropout": 0.5}))
    first = gradients(model, batch, training=True)[0]
    assert gradients(model, batch, training=True)[0] == first
    model.optimizer.iterations.assign_add(1)
    assert gradients(model, batch, training=True)[0] != first
    assert gradients(model, batch)[0] == gradients(model, batch)[0]


@pytest.mark.parametrize("optimizer", ["adam", "adagrad", "sgd"])
def test_training_lowers_the_loss(make_settings, data, optimizer):
    rate = {"adam": 0.01, "adagrad": 0.1, "sgd": 0.5}[optimizer]
    settings = make_settings(training={"optimizer": optimizer, "learning_rate": rate}, fairness=FAIR)
    model = make_model(settings)
    losses = []
    for _ in range(3):
        model.reset_metrics()
        model.train_steps(iter(ordered_batches(data.source("train"), batch_size=64)), 16)
        losses.append(sum(figures["loss"] for figures in model.epoch_figures().values()))
    assert losses[2] < losses[1] < losses[0]
    assert all(figures["auc"] > 0.65 for figures in model.epoch_figures().values())
