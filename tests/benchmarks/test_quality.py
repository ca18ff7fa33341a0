"""Figures of a task against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from benchmarks.quality import qualities
from tests.benchmarks import made_up

TASKS = ["zeta", "alpha"]


def test_figures_are_scikit_learns_over_known_labels():
    rng = np.random.default_rng(1)
    labels, scores = rng.integers(0, 2, (300, 2)), rng.uniform(0.01, 0.99, (300, 2)).round(2)
    known = (rng.random((300, 2)) < 0.7).astype(np.float32)
    found = qualities(
        made_up.settings(TASKS), made_up.trained(TASKS, scores, threshold=0.3), made_up.outcomes(TASKS, labels, known)
    )
    assert list(found) == TASKS
    for index, task in enumerate(TASKS):
        rows = known[:, index] > 0
        y, p = labels[rows, index], scores[rows, index].astype(np.float32)
        assert found[task].error == pytest.approx(np.mean((p > 0.3) != y))
        assert found[task].auc == pytest.approx(roc_auc_score(y, p), abs=1e-9)
        assert found[task].loss == pytest.approx(log_loss(y, p.astype(np.float64)), rel=1e-6)


def test_certain_and_wrong_scores_have_a_finite_loss():
    found = qualities(made_up.settings(["a"]), made_up.trained(["a"], [0.0, 1.0]), made_up.outcomes(["a"], [1, 0]))
    assert found["a"].error == 1 and found["a"].auc == 0
    assert found["a"].loss == pytest.approx(-np.log(1e-7), rel=1e-3)


def test_scores_of_other_tasks_or_rows_are_refused():
    trained, labels = made_up.trained(TASKS, np.full((3, 2), 0.5)), np.zeros((3, 2))
    with pytest.raises(ValueError, match=r"should have the tasks \['alpha', 'zeta'\]"):
        qualities(made_up.settings(TASKS), trained, made_up.outcomes(TASKS[::-1], labels))
    with pytest.raises(ValueError, match=r"shape \(4, 2\) of the outcomes"):
        qualities(made_up.settings(TASKS), trained, made_up.outcomes(TASKS, np.zeros((4, 2))))
