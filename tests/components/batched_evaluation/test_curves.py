"""Matrices at many thresholds against TFMA's own step from a histogram."""

import numpy as np
import pytest
from tensorflow_model_analysis.metrics import binary_confusion_matrices as stock
from tensorflow_model_analysis.metrics import calibration_histogram

from components.batched_evaluation.curves import matrices_at, matrices_of_histogram
from components.batched_evaluation.histogram import SparseHistogram


def tfmas(index, sums, thresholds):
    buckets = [calibration_histogram.Bucket(i, *row) for i, *row in zip(index.tolist(), *sums.tolist(), strict=True)]
    starts = [t + 1e-7 if t != 0 else t for t in thresholds]
    return stock._histogram_to_binary_confusion_matrices(thresholds, calibration_histogram.rebin(starts, buckets))


def random_histogram(seed, n, ends):
    rng = np.random.default_rng(seed)
    index = np.append(rng.integers(1, 10001, n), ends).astype(np.int64)
    label, weight = rng.integers(0, 2, len(index)), rng.integers(1, 4, len(index)).astype(float)
    histogram = SparseHistogram(3)
    histogram.add(index, np.stack([label * weight, weight / 2, weight]))
    return histogram


@pytest.mark.parametrize("num_thresholds", [2, 3, 200, 5000, 10000])
@pytest.mark.parametrize(
    ("n", "ends"), [(400, [0, 1, 10000, 10001]), (20000, []), (0, [10001, 10001]), (0, [0]), (0, [])]
)
def test_equal_to_tfma(num_thresholds, n, ends):
    histogram = random_histogram(n, n, ends)
    thresholds = stock._interpolated_thresholds(num_thresholds)
    found = matrices_at(histogram, np.array(thresholds))
    expected = tfmas(*histogram.sums(), thresholds)
    for name in ("thresholds", "tp", "tn", "fp", "fn"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


def test_derived_computation_reads_one_key_and_gives_the_other():
    histogram = random_histogram(1, 50, [])
    computation = matrices_of_histogram("histogram", "matrices", 3)
    assert computation.keys == ["matrices"]
    ((key, matrices),) = computation.result({"histogram": histogram, "other": None}).items()
    assert key == "matrices" and len(matrices.tp) == 3
    # At the middle threshold, one half, by hand.
    index, (labels, _, rows) = histogram.sums()
    above = (index - 1) / 10000 > 0.5
    assert matrices.tp[1] == labels[above].sum() and matrices.tn[1] == (rows - labels)[~above].sum()
