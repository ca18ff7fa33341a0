"""TFMA's combiners, summing arrays of rows instead of one Python value at a time.

TFMA computes every metric of ours from three sums: a score histogram, confusion matrices at thresholds, and weighted
totals of labels and predictions. Its own combiners walk a Python loop per row; those here take the rows of an element as
arrays and hand over the same objects at the end, so that all that is derived from them (AUC, calibration, Fairness
Indicators) stays TFMA's code; only the step from histogram to confusion matrices, 10,000 Python objects for each slice,
model and task, has an array form too (`curves.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.contrib.aggregates import binary_confusion_matrices as matrices
from tensorflow_model_analysis.metrics import (
    binary_confusion_matrices,
    calibration,
    calibration_histogram,
    example_count,
    metric_types,
    metric_util,
)
from tensorflow_model_analysis.proto import config_pb2

from components.batched_evaluation.histogram import SparseHistogram

# Labels, predictions and weights of rows, float64 [n].
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]

# As in TFMA, which allows for rounding in labels that were computed.
_LABEL_TOLERANCE = 1e-7


class RowsCombiner(beam.CombineFn):
    """Hands the rows of an element to ``_add`` as arrays.

    Args:
        key: Key of the result; names the model and the output.
        eval_config: Of the evaluation.
        example_weighted: Whether the rows' weights count.
        aggregation_type: None; another one is refused.
        class_weights: None; others are refused.
    """

    def __init__(
        self,
        key: Any,
        eval_config: Optional[config_pb2.EvalConfig],
        example_weighted: bool,
        aggregation_type: Any = None,
        class_weights: Any = None,
    ):
        if key.sub_key is not None or aggregation_type is not None or class_weights:
            raise ValueError(
                f"batched metrics are binary ones: without binarisation, aggregation and class weights. Received: {key}"
            )
        self._key = key
        self._eval_config = eval_config
        self._example_weighted = example_weighted

    def add_input(self, accumulator: Any, element: metric_types.StandardMetricInputs) -> Any:
        """Adds the rows of one element."""
        return self._add(accumulator, *self._rows(element))

    def _add(self, accumulator: Any, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> Any:
        raise NotImplementedError

    def _rows(self, element: metric_types.StandardMetricInputs) -> Rows:
        ((label, prediction, weight),) = metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._key.model_name,
            output_name=self._key.output_name,
            example_weighted=self._example_weighted,
            flatten=False,
            squeeze=False,
        )
        labels, predictions, weights = (np.ravel(a).astype(np.float64, copy=False) for a in (label, prediction, weight))
        if weights.size == 1:
            weights = np.broadcast_to(weights, predictions.shape)
        where = f"model `{self._key.model_name}`, output `{self._key.output_name}`"
        if not labels.size == predictions.size == weights.size:
            raise ValueError(
                f"labels, predictions and weights of {where} should be one number a row. "
                f"Received: {labels.size}, {predictions.size} and {weights.size} numbers"
            )
        if np.isnan(predictions).any():
            raise ValueError(f"predictions of {where} should be numbers. Received: {np.isnan(predictions).sum()} NaN")
        return labels, predictions, weights

    def _check_fractions(self, labels: np.ndarray) -> None:
        outside = ~((labels >= -_LABEL_TOLERANCE) & (labels <= 1 + _LABEL_TOLERANCE))
        if outside.any():
            raise ValueError(f"labels of output `{self._key.output_name}` should be in [0, 1]: {labels[outside][0]}")


class _StockCombiner(RowsCombiner):
    """A combiner in place of one of TFMA's, whose settings are taken over."""

    def __init__(self, key: Any, stock: Any):
        super().__init__(
            key, stock._eval_config, stock._example_weighted, stock._aggregation_type, stock._class_weights
        )


class HistogramCombiner(_StockCombiner):
    """Weighted labels, predictions and rows per score bucket: TFMA's source of its own AUC."""

    def __init__(self, key: Any, stock: calibration_histogram._CalibrationHistogramCombiner):
        super().__init__(key, stock)
        if not stock._prediction_based_bucketing or stock._num_buckets != calibration_histogram.DEFAULT_NUM_BUCKETS:
            raise ValueError(f"batched histograms are by prediction, in TFMA's default buckets. Received: {key}")
        self._buckets, self._left, self._range = stock._num_buckets, stock._left, stock._range
        self._fractional_labels = stock._fractional_labels

    def create_accumulator(self) -> SparseHistogram:
        """An empty histogram."""
        return SparseHistogram(3)

    def _add(
        self, accumulator: SparseHistogram, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
    ) -> SparseHistogram:
        if self._fractional_labels:
            self._check_fractions(labels)
        buckets = (predictions - self._left) / self._range * self._buckets + 1
        # Bucket 0 and the last one hold what lies outside; TFMA cuts off the fraction.
        index = np.clip(buckets, 0, self._buckets + 1).astype(np.int64)
        accumulator.add(index, np.stack([labels * weights, predictions * weights, weights]))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[SparseHistogram]) -> SparseHistogram:
        """Merges in any order."""
        result = self.create_accumulator()
        for accumulator in accumulators:
            result.merge(accumulator)
        return result

    def extract_output(self, accumulator: SparseHistogram) -> dict[Any, SparseHistogram]:
        """The histogram itself."""
        return {self._key: accumulator}


class _ArrayCombiner(_StockCombiner):
    """A combiner whose accumulator is an array of sums."""

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        """Merges in any order."""
        return np.sum(list(accumulators), axis=0)


class ConfusionCombiner(_ArrayCombiner):
    """True and false positives and negatives above each threshold: TFMA's source of rates and accuracy."""

    def __init__(self, key: Any, stock: binary_confusion_matrices._BinaryConfusionMatrixCombiner):
        super().__init__(key, stock)
        if stock._example_id_key or not stock._enable_fractional_labels:
            raise ValueError(f"batched confusion matrices have no example ids and plain labels. Received: {key}")
        self._thresholds = list(stock._binary_confusion_matrices._thresholds)
        self._sorted = np.sort(np.array(self._thresholds, np.float64))

    def create_accumulator(self) -> np.ndarray:
        """Weights of negatives and positives [2, thresholds + 1] by the number of thresholds below their score."""
        return np.zeros((2, len(self._thresholds) + 1))

    def _add(
        self, accumulator: np.ndarray, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        self._check_fractions(labels)
        passed = np.searchsorted(self._sorted, predictions, side="left")
        for row, part in enumerate((weights * (1 - labels), weights * labels)):
            accumulator[row] += np.bincount(passed, weights=part, minlength=accumulator.shape[1])
        return accumulator

    def extract_output(self, accumulator: np.ndarray) -> dict[Any, matrices.MatrixAccumulator]:
        """TFMA's matrix per threshold."""
        below = accumulator.cumsum(axis=1)
        result = {}
        for threshold in self._thresholds:
            i = np.searchsorted(self._sorted, threshold)
            (tn, fn), (fp, tp) = below[:, i], below[:, -1] - below[:, i]
            matrix = matrices.Matrix(tp=float(tp), tn=float(tn), fp=float(fp), fn=float(fn))
            result[threshold] = matrices._ThresholdEntry(matrix, [], [], [], [])
        return {self._key: result}


class TotalsCombiner(_ArrayCombiner):
    """Weighted totals of labels, predictions and rows: TFMA's source of means and calibration."""

    def create_accumulator(self) -> np.ndarray:
        """Totals [3]."""
        return np.zeros(3)

    def _add(
        self, accumulator: np.ndarray, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        return accumulator + [labels @ weights, predictions @ weights, weights.sum()]

    def extract_output(self, accumulator: np.ndarray) -> dict[Any, calibration._WeightedLabelsPredictionsExamples]:
        """TFMA's totals."""
        totals = calibration._WeightedLabelsPredictionsExamples()
        totals.total_weighted_labels, totals.total_weighted_predictions, totals.total_weighted_examples = (
            accumulator.tolist()
        )
        return {self._key: totals}


class CountCombiner(beam.CombineFn):
    """Rows, or the sum of their weights."""

    def __init__(self, stock: example_count._ExampleCountCombiner):
        self._stock = stock

    def create_accumulator(self) -> float:
        """No row."""
        return 0.0

    def add_input(self, accumulator: float, element: metric_types.StandardMetricInputs) -> float:
        """Adds the rows of one element."""
        if self._stock._example_weighted:
            # TFMA's adds up the array of weights.
            return self._stock.add_input(accumulator, element)
        return accumulator + _rows_of(element.example_weight, element.prediction)

    def merge_accumulators(self, accumulators: Iterable[float]) -> float:
        """Merges in any order."""
        return float(sum(accumulators))

    def extract_output(self, accumulator: float) -> dict[metric_types.MetricKey, float]:
        """The same count for every key."""
        return self._stock.extract_output(accumulator)


def _rows_of(*values: Optional[Any]) -> int:
    """Rows of the first array in nested dictionaries; all of an element are equally long."""
    for value in values:
        if isinstance(value, dict):
            value = next((v for v in value.values() if v is not None), None)
            return _rows_of(value)
        if value is not None:
            return int(np.size(value))
    raise ValueError("an element should hold weights or predictions, to count its rows")


_REPLACEMENTS = {
    calibration_histogram._CalibrationHistogramCombiner: HistogramCombiner,
    binary_confusion_matrices._BinaryConfusionMatrixCombiner: ConfusionCombiner,
    calibration._WeightedLabelsPredictionsExamplesCombiner: TotalsCombiner,
}


def batched_computation(computation: metric_types.MetricComputation) -> metric_types.MetricComputation:
    """The computation with a combiner that takes arrays.

    Raises:
        TypeError: There is no such combiner for it.
    """
    stock = computation.combiner
    if isinstance(stock, example_count._ExampleCountCombiner):
        return computation._replace(combiner=CountCombiner(stock))
    replacement = _REPLACEMENTS.get(type(stock))
    if replacement is None:
        raise TypeError(f"no batched form of the combiner {type(stock).__name__}, used for {computation.keys}")
    return computation._replace(combiner=replacement(computation.keys[0], stock))
