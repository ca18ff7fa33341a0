"""Sparse sums per bucket against NumPy's dense ones."""

import pickle

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from components.batched_evaluation import histogram
from components.batched_evaluation.histogram import SparseHistogram

parts = st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(-5, 5)), max_size=20), max_size=6)


def dense(part):
    sums = np.zeros((2, 31))
    for index, value in part:
        sums[:, index] += (value, 1)
    return sums


def filled(part):
    result = SparseHistogram(2)
    index = np.array([i for i, _ in part], np.int64)
    result.add(index, np.stack([np.array([v for _, v in part], np.float64), np.ones(len(part))]))
    return result


@given(parts)
def test_sums_equal_dense_ones_however_rows_come(split):
    expected = sum((dense(part) for part in split), np.zeros((2, 31)))
    one = SparseHistogram(2)
    merged = SparseHistogram(2)
    for part in split:
        one.merge(filled(part))
        merged.merge(pickle.loads(pickle.dumps(filled(part))))
    for result in (one, merged):
        index, sums = result.sums()
        assert (np.diff(index) > 0).all() and set(index) == {i for part in split for i, _ in part}
        found = np.zeros((2, 31))
        found[:, index] = sums
        np.testing.assert_array_equal(found, expected)


def test_nothing_added():
    index, sums = SparseHistogram(3).sums()
    assert index.shape == (0,) and sums.shape == (3, 0)


def test_cells_that_wait_stay_few(monkeypatch):
    monkeypatch.setattr(histogram, "_SMALL", 10)
    result, largest = SparseHistogram(1), 0
    for start in range(50):
        result.add(np.arange(start % 7, start % 7 + 5), np.ones((1, 5)))
        largest = max(largest, result._cells)
    index, sums = result.sums()
    assert len(index) == 11 and sums.sum() == 250
    assert largest <= 4 * 11
