import fairlearn.metrics
import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from models.metrics.task_scores import TaskScores, score_split


def random_scores(seed=0, rows=500, decimals=6):
    random = np.random.default_rng(seed)
    logits = np.round(random.normal(size=rows), decimals).astype(np.float32)
    groups = random.integers(-1, 3, size=rows).astype(np.int32)
    return TaskScores(logits, random.random(rows) < 0.3, {"gender": groups})


@pytest.mark.parametrize("decimals", [6, 0], ids=["distinct", "ties"])
def test_loss_and_auc_are_scikit_learns(decimals):
    scores = random_scores(decimals=decimals)
    probabilities = 1 / (1 + np.exp(-scores.logits.astype(np.float64)))
    assert scores.loss() == pytest.approx(sklearn.metrics.log_loss(scores.labels, probabilities), rel=1e-9)
    assert scores.auc() == pytest.approx(sklearn.metrics.roc_auc_score(scores.labels, scores.logits), rel=1e-9)


def test_loss_is_finite_for_large_logits():
    scores = TaskScores(np.array([1e4, -1e4], np.float32), np.array([False, True]), {})
    assert scores.loss() == pytest.approx(1e4)


def test_auc_needs_both_classes():
    assert np.isnan(TaskScores(np.zeros(3, np.float32), np.ones(3, bool), {}).auc())


@pytest.mark.parametrize("positives", [False, True])
def test_gap_is_fairlearns_over_rows_that_belong_to_a_group(positives):
    scores = random_scores(3)
    rows = scores.groups["gender"] >= 0
    rate = fairlearn.metrics.true_positive_rate if positives else fairlearn.metrics.false_positive_rate
    frame = fairlearn.metrics.MetricFrame(
        metrics=rate,
        y_true=scores.labels[rows],
        y_pred=scores.probabilities[rows] > 0.6,
        sensitive_features=scores.groups["gender"][rows],
    )
    assert scores.rate_gap("gender", 0.6, positives) == pytest.approx(frame.difference(), rel=1e-9)


def test_gap_of_one_group_is_undefined():
    scores = TaskScores(np.zeros(4, np.float32), np.zeros(4, bool), {"g": np.array([1, 1, -1, 1])})
    assert np.isnan(scores.rate_gap("g", 0.5))


def test_score_split_leaves_out_rows_without_label(data):
    source = data.source("validation")
    scores = score_split(lambda features: {task: features["age"] for task in source.tasks}, source, batch_size=64)
    for task in source.tasks:
        known = sum(row[f"weight/{task}"] for row in data.raw_validation)
        positives = sum(row[f"label/{task}"] for row in data.raw_validation)
        assert len(scores[task].logits) == known < len(data.raw_validation)
        assert scores[task].labels.sum() == positives
        assert set(np.unique(scores[task].groups["region"])) == {0, 1, 2}


def test_score_split_takes_logits_of_the_right_row(data):
    source = data.source("validation")
    scores = score_split(lambda features: {task: features["age"] for task in source.tasks}, source, batch_size=64)
    # Labels were made from age, so age alone ranks them well above chance.
    assert all(scores[task].auc() > 0.65 for task in source.tasks)


def test_probabilities_are_the_sigmoid_that_is_served():
    logits = np.linspace(-20, 20, 41).astype(np.float32)
    assert np.array_equal(TaskScores(logits, logits > 0, {}).probabilities, tf.sigmoid(logits).numpy())
