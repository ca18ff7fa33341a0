"""The accumulator against direct counting on random rows."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.tradeoff_metrics.counting import accumulator as module
from components.tradeoff_metrics.counting.accumulator import INDICATORS, GroupAccumulator

TASKS = ("like", "click", "view")
THRESHOLDS = np.array([[0.5, 0.3, 0.8], [0.4, 0.6, 0.5]])


def random_rows(seed, n, groups=("f", "m", "unknown"), tasks=3):
    rng = np.random.default_rng(seed)
    return dict(
        labels=rng.integers(0, 2, (n, tasks)),
        known=rng.integers(0, 2, (n, tasks)),
        scores=rng.random((2, n, tasks)).astype(np.float32),
        group=rng.choice(np.array(groups), n),
    )


def take(rows, index):
    return {name: value[:, index] if name == "scores" else value[index] for name, value in rows.items()}


def accumulate(*batches):
    result = GroupAccumulator(TASKS, THRESHOLDS)
    for batch in batches:
        result.add_batch(**batch)
    return result


def canonical(accumulator):
    order = accumulator.ordered()
    return (
        [accumulator.groups[g] for g in order],
        accumulator.rows[order].tolist(),
        accumulator.moments[order].tolist(),
        [counts_by_group(accumulator, model, t) for model in range(2) for t in range(len(accumulator.tasks))],
    )


def counts_by_group(accumulator, model, task):
    """(group, label) → {highest score of a bin: rows}."""
    scores = accumulator.histograms[model][task].scores()
    result = {}
    for number, edge, count in zip(scores.owners, scores.edges[1][scores.columns], scores.counts, strict=True):
        result.setdefault((accumulator.groups[number // 2], int(number % 2)), {})[float(edge)] = int(count)
    return result


def test_moments_are_sums_of_outer_products_of_each_rows_indicators():
    rows = random_rows(1, 200)
    result = accumulate(rows)
    expected = {group: np.zeros((3 * INDICATORS, 3 * INDICATORS)) for group in ("f", "m", "unknown")}
    for i in range(200):
        x = []
        for t in range(3):
            known, label = rows["known"][i, t] == 1, rows["labels"][i, t]
            negative, positive = float(known and label == 0), float(known and label == 1)
            x += [negative, positive]
            for model in range(2):
                above = float(rows["scores"][model, i, t]) > THRESHOLDS[model, t]
                x += [negative * above, positive * (not above)]
        expected[rows["group"][i]] += np.outer(x, x)
    for g, group in enumerate(result.groups):
        np.testing.assert_array_equal(result.moments[g], expected[group])
        assert result.rows[g] == (rows["group"] == group).sum()


def test_histogram_counts_known_rows_of_each_label():
    rows = random_rows(2, 500)
    result = accumulate(take(rows, np.arange(200)), take(rows, np.arange(200, 500)))
    for model in range(2):
        for t in range(3):
            found = counts_by_group(result, model, t)
            for group in result.groups:
                for label in range(2):
                    mask = (rows["group"] == group) & (rows["known"][:, t] == 1) & (rows["labels"][:, t] == label)
                    scores, counts = np.unique(rows["scores"][model, mask, t].astype(np.float64), return_counts=True)
                    assert found[group, label] == dict(zip(scores.tolist(), counts.tolist(), strict=True))


def test_scores_of_zero_and_one_are_counted_and_one_on_the_threshold_predicts_a_negative():
    result = GroupAccumulator(["click"], np.array([[0.5], [0.5]]))
    result.add_batch(
        np.array([[0], [0]]), np.ones((2, 1)), np.array([[[1.0], [0.5]], [[0.0], [0.5]]]), np.array(["f"] * 2)
    )
    assert counts_by_group(result, 0, 0) == {("f", 0): {0.5: 1, 1.0: 1}}
    assert counts_by_group(result, 1, 0) == {("f", 0): {0.0: 1, 0.5: 1}}
    assert np.diag(result.moments[0]).tolist() == [2, 0, 1, 0, 0, 0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(1, 5), st.randoms(use_true_random=False))
def test_batches_and_the_order_of_merges_do_not_matter(seed, n, parts, random):
    rows = random_rows(seed, n)
    whole = accumulate(rows)
    pieces = [accumulate(take(rows, index)) for index in np.array_split(np.arange(n), parts)]
    random.shuffle(pieces)
    merged = accumulate()
    for piece in pieces:
        merged.merge(pickle.loads(pickle.dumps(piece)))
    assert canonical(merged) == canonical(whole)


def test_rows_without_a_known_label_leave_no_trace_but_their_number():
    rows = random_rows(3, 50)
    rows["known"][:] = 0
    result = accumulate(rows)
    assert result.rows.sum() == 50
    assert result.moments.sum() == 0
    assert all(counts_by_group(result, model, t) == {} for model in range(2) for t in range(3))


def test_a_label_without_weight_is_never_read():
    rows = random_rows(4, 80)
    other = dict(rows, labels=np.where(rows["known"] == 1, rows["labels"], -1))
    assert canonical(accumulate(other)) == canonical(accumulate(rows))


def test_pickle_holds_non_zero_cells_only():
    result = GroupAccumulator(TASKS, THRESHOLDS, blocks=256)
    result.add_batch(**random_rows(5, 40), block=np.arange(40) % 3)
    assert result.block_sums.nbytes > 100_000
    assert len(pickle.dumps(result)) < 15_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda rows: rows["scores"].__setitem__((0, 3, 1), np.nan),
            "scores of the candidate for task `click`.*nan.*1 of",
        ),
        (lambda rows: rows["scores"].__setitem__((1, 3, 0), 1.5), "scores of the baseline for task `like`.*1.5"),
        (lambda rows: rows["scores"].__setitem__((1, 3, 0), -0.5), r"in \[0, 1\]. Received: -0.5"),
        (lambda rows: rows["known"].__setitem__((0, 2), 3), "weight of task `view` should be 0 or 1. Received: 3"),
        (
            lambda rows: (rows["known"].__setitem__((0, 2), 1), rows["labels"].__setitem__((0, 2), 7)),
            "labels of task `view`.*7",
        ),
    ],
)
def test_bad_values_are_refused_with_task_and_model(change, message):
    rows = random_rows(6, 10)
    change(rows)
    with pytest.raises(ValueError, match=message):
        accumulate(rows)


def test_shapes_that_do_not_fit_are_refused():
    rows = random_rows(7, 10)
    with pytest.raises(ValueError, match=r"shapes should be .*\(10, 3\)"):
        accumulate(dict(rows, known=rows["known"][:, :2]))


def test_thresholds_need_a_finite_number_per_model_and_task():
    with pytest.raises(ValueError, match=r"shape \[2, 1\]"):
        GroupAccumulator(["click"], np.array([0.5]))
    with pytest.raises(ValueError, match="finite"):
        GroupAccumulator(["click"], np.array([[0.5], [np.nan]]))


def test_accumulators_of_other_thresholds_do_not_merge():
    other = GroupAccumulator(TASKS, THRESHOLDS + 0.1)
    with pytest.raises(ValueError, match="same tasks, blocks and thresholds"):
        accumulate().merge(other)


def test_an_identifier_as_group_key_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_GROUPS", 5)
    rows = random_rows(8, 20)
    rows["group"] = np.array([f"user{i}" for i in range(20)])
    with pytest.raises(ValueError, match="at most 5 values. Received: 20"):
        accumulate(rows)
