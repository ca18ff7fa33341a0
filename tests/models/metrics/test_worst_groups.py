"""Worst-group error against fairlearn's MetricFrame, and by hand."""

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame
from sklearn.metrics import zero_one_loss

from models.metrics.task_scores import TaskScores
from models.metrics.worst_groups import GroupError, group_errors, worst_group_error


def draw(seed, rows=500, groups=4):
    rng = np.random.default_rng(seed)
    group = rng.integers(-1, groups, rows).astype(np.int32)
    labels = rng.random(rows) < 0.3 + 0.1 * group
    logits = (labels * 1.5 - 0.7 + rng.normal(0, 1 + 0.3 * (group + 1))).astype(np.float32)
    return TaskScores(logits, labels, {"g": group})


def frame(scores, threshold, cells):
    inside = scores.groups["g"] >= 0
    features = {"group": scores.groups["g"][inside]}
    if cells:
        features["label"] = scores.labels[inside]
    decisions = scores.probabilities[inside] > threshold
    return MetricFrame(
        metrics=zero_one_loss, y_true=scores.labels[inside], y_pred=decisions, sensitive_features=features
    ).by_group


@pytest.mark.parametrize("cells", [False, True])
def test_errors_are_fairlearns(cells):
    scores = draw(1)
    found = group_errors(scores, "g", 0.4, cells=cells)
    wanted = frame(scores, 0.4, cells)
    assert len(found) == len(wanted) == (8 if cells else 4)
    for error in found:
        key = (error.group, error.label) if cells else error.group
        assert error.error == pytest.approx(wanted[key])
    assert sum(error.rows for error in found) == (scores.groups["g"] >= 0).sum()


@pytest.mark.parametrize("cells", [False, True])
def test_the_mean_over_tasks_of_the_worst(cells):
    scores, thresholds = {"zebra": draw(2), "apple": draw(3)}, {"zebra": 0.5, "apple": 0.2}
    wanted = np.mean([frame(scores[task], thresholds[task], cells).max() for task in scores])
    assert worst_group_error(scores, "g", thresholds, cells=cells) == pytest.approx(wanted)


def by_hand():
    """Group 0: one wrong of four, and that the only positive; group 1: one of two; group 2: a row, wrong."""
    logits = np.array([-1, -1, -1, -1, 1, 1, 1, 1], np.float32)
    labels = np.array([0, 0, 0, 1, 1, 0, 0, 0], bool)
    return TaskScores(logits, labels, {"g": np.array([0, 0, 0, 0, 1, 1, 2, -1], np.int32)})


def test_by_hand_and_the_minimum_of_rows():
    scores = by_hand()
    assert group_errors(scores, "g", 0.5) == [
        GroupError(0, None, 4, 0.25),
        GroupError(1, None, 2, 0.5),
        GroupError(2, None, 1, 1.0),
    ]
    assert group_errors(scores, "g", 0.5, cells=True, min_rows=2) == [GroupError(0, False, 3, 0.0)]
    assert group_errors(scores, "g", 0.5, cells=True)[1] == GroupError(0, True, 1, 1.0)
    assert worst_group_error({"t": scores}, "g", {"t": 0.5}) == 1.0
    assert worst_group_error({"t": scores}, "g", {"t": 0.5}, min_rows=2) == 0.5
    # Above the threshold, not at it.
    assert group_errors(scores, "g", float(scores.probabilities[6]))[2] == GroupError(2, None, 1, 0.0)


@pytest.mark.parametrize("cells, what", [(False, "value of group"), (True, "cell of label and group")])
def test_without_rows_enough_it_is_an_error(cells, what):
    with pytest.raises(ValueError, match=f"task `t`.*no {what} `g` has 50 validation rows.*Received: 8 rows"):
        worst_group_error({"t": by_hand()}, "g", {"t": 0.5}, cells=cells, min_rows=50)
    empty = TaskScores(np.zeros(0, np.float32), np.zeros(0, bool), {"g": np.zeros(0, np.int32)})
    assert group_errors(empty, "g", 0.5, cells=cells) == []
