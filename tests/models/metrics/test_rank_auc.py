"""The AUC of an epoch against scikit-learn's on all of its rows, by itself and through the training step."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import roc_auc_score

from models.data.input_pipeline import ordered_batches
from models.metrics.rank_auc import LEVEL, RankAUC, _bins_of
from models.metrics.score_bins import bins_of
from tests.models.training.test_step import make_model


def gathered(labels, logits, weights=None, parts=7):
    metric = RankAUC()
    for rows in np.array_split(np.arange(len(labels)), parts):
        known = None if weights is None else weights[rows]
        metric.update_state(labels[rows, None].astype(np.float32), logits[rows, None], sample_weight=known)
    return float(metric.result())


@pytest.mark.parametrize("base_rate", [0.5, 0.01, 1e-3, 5e-4, 1e-4])
@pytest.mark.parametrize(("mean", "deviation"), [(-12, 0.1), (-7, 1.0), (0, 0.02), (0, 3.0), (8, 0.5), (12, 3.0)])
def test_it_is_scikit_learns_whatever_the_base_rate(base_rate, mean, deviation):
    rng = np.random.default_rng(1)
    labels = rng.random(100_000) < base_rate
    labels[:2] = True
    logits = rng.normal(mean + deviation * labels, deviation).astype(np.float32)
    assert gathered(labels, logits) == pytest.approx(roc_auc_score(labels, logits), abs=5e-4)


def test_the_bins_are_those_of_score_bins():
    logits = np.concatenate([np.random.default_rng(4).normal(0, 6, 20_000), np.linspace(-16, 16, 5_001)]).astype(
        np.float32
    )
    tails = tf.sigmoid(-np.abs(logits)).numpy().astype(np.float64)
    # Scores that are far enough from 1 for a float64 to hold their distance from it.
    expected = bins_of(np.where(logits <= 0, tails, 1 - tails), LEVEL)
    found = _bins_of(logits).numpy()
    np.testing.assert_array_equal(found - found[0], expected - expected[0])


def test_ties_count_half_and_both_ends_of_the_scale_are_bins():
    labels = np.array([0, 0, 1, 1, 1, 0], bool)
    logits = np.array([-200.0, 200.0, 200.0, -200.0, 0.0, 0.0], np.float32)
    assert gathered(labels, logits, parts=1) == roc_auc_score(labels, logits)
    four = np.log([0.0001, 0.0002, 0.0003, 0.0004]).astype(np.float32)
    assert gathered(np.array([0, 0, 1, 1], bool), four, parts=2) == 1


def test_rows_without_weight_do_not_count():
    rng = np.random.default_rng(2)
    labels, known = rng.random(5_000) < 0.1, (rng.random(5_000) < 0.5).astype(np.float32)
    logits = rng.normal(labels, 1).astype(np.float32)
    rows = known > 0
    assert gathered(labels, logits, known) == pytest.approx(roc_auc_score(labels[rows], logits[rows]), abs=1e-5)


def test_a_label_without_rows_leaves_it_undefined_and_a_new_epoch_begins_empty():
    metric = RankAUC()
    assert np.isnan(float(metric.result()))
    metric.update_state([1.0], [0.3])
    assert np.isnan(float(metric.result()))
    metric.update_state([0.0], [0.2])
    assert float(metric.result()) == 1
    metric.reset_state()
    assert np.isnan(float(metric.result()))


@pytest.mark.parametrize("base_rate", [0.3, 2e-3])
def test_the_train_auc_of_an_epoch_is_that_of_its_rows(make_settings, data, base_rate):
    """With a learning rate of 0, all steps score with the same weights."""
    settings = make_settings(training={"optimizer": "sgd", "learning_rate": 1e-30})
    model, rng = make_model(settings), np.random.default_rng(3)
    seen = {task: ([], []) for task in model.tasks}

    def batches():
        for _ in range(12):
            for batch in ordered_batches(data.source("train"), batch_size=256):
                logits = model(batch["features"])
                for task in model.tasks:
                    values = logits[task].numpy()
                    chance = base_rate * np.exp(3 * (values - values.mean()) / (values.std() + 1e-9))
                    labels = (rng.random(len(values)) < np.minimum(chance, 0.9)).astype(np.float32)
                    batch["labels"][task] = tf.constant(labels)
                    known = batch["weights"][task].numpy() > 0
                    seen[task][0].append(labels[known])
                    seen[task][1].append(values[known])
                yield batch

    for batch in batches():
        model.train_step(batch)
    for task, figures in model.epoch_figures().items():
        labels, logits = (np.concatenate(parts) for parts in seen[task])
        assert 0 < labels.sum() < len(labels)
        assert figures["auc"] == pytest.approx(roc_auc_score(labels, logits), abs=1e-3)
