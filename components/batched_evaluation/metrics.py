"""The metrics of an evaluation, each TFMA's or Fairness Indicators' own class with combiners that take arrays.

An EvalConfig names them by class and this module; keys, names and settings are those of the class they extend.
"""

from __future__ import annotations

from typing import Any, Optional

import tensorflow_model_analysis as tfma
from fairness_indicators.fairness_indicators_metrics import FairnessIndicators
from tensorflow_model_analysis.metrics import binary_confusion_matrices, metric_types

from components.batched_evaluation.combiners import HistogramCombiner, batched_computation
from components.batched_evaluation.curves import matrices_of_histogram
from components.batched_evaluation.names import PREFIX, TAKES_ARRAYS


def _batched(metric: type[tfma.metrics.Metric]) -> type[tfma.metrics.Metric]:
    def computations(self: Any, *args: Any, **kwargs: Any) -> list[Any]:
        return _over_arrays(metric.computations(self, *args, **kwargs), self.kwargs.get("num_thresholds"))

    members = {
        "__doc__": f"{metric.__name__} over arrays.",
        "__module__": __name__,
        TAKES_ARRAYS: True,
        "computations": computations,
    }
    return type(f"{PREFIX}{metric.__name__}", (metric,), members)


def _over_arrays(computations: list[Any], num_thresholds: Optional[int]) -> list[Any]:
    result: list[Any] = []
    for computation in computations:
        if isinstance(computation, metric_types.MetricComputation):
            computation = batched_computation(computation)
        elif result and isinstance(getattr(result[-1], "combiner", None), HistogramCombiner):
            # TFMA lists what it makes of a histogram right behind it.
            name = computation.keys[0].name
            if not name.startswith(binary_confusion_matrices.BINARY_CONFUSION_MATRICES_NAME):
                raise TypeError(f"no batched form of what is derived from a histogram: {name}")
            thresholds = num_thresholds or binary_confusion_matrices.DEFAULT_NUM_THRESHOLDS
            computation = matrices_of_histogram(result[-1].keys[0], computation.keys[0], thresholds)
        result.append(computation)
    return result


BatchedAUC = _batched(tfma.metrics.AUC)
BatchedBinaryAccuracy = _batched(tfma.metrics.BinaryAccuracy)
BatchedCalibration = _batched(tfma.metrics.Calibration)
BatchedExampleCount = _batched(tfma.metrics.ExampleCount)
BatchedFairnessIndicators = _batched(FairnessIndicators)
BatchedMeanLabel = _batched(tfma.metrics.MeanLabel)
BatchedMeanPrediction = _batched(tfma.metrics.MeanPrediction)
BatchedWeightedExampleCount = _batched(tfma.metrics.WeightedExampleCount)
