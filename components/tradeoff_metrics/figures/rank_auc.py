"""The AUC of a task as a TFMA metric, from ranks.

TFMA's own AUC counts scores in 10,000 buckets of equal width. A task with one positive in ten thousand has most of its
scores in the first few of them, where they count as tied.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from components.batched_evaluation.combiners import RowsCombiner
from components.tradeoff_metrics.counting.score_histogram import ScoreHistogram
from components.tradeoff_metrics.figures.group_aucs import overall_auc, owner

NAME = "auc"


class RankAUC(metric_types.Metric):
    """Probability that a positive has a higher score than a negative, where equal scores count half.

    Rows without weight do not count, others count once. NaN where a label has no row.
    """

    takes_arrays = True

    def __init__(self, name: str = NAME):
        """Initialises the metric.

        Args:
            name: Its key: TFMA's own AUC has the same.
        """
        super().__init__(metric_util.merge_per_key_computations(_computations), name=name)


class RankAUCCombiner(RowsCombiner):
    """Counts the scores of both labels."""

    def create_accumulator(self) -> ScoreHistogram:
        """No row."""
        return ScoreHistogram()

    def _add(
        self, accumulator: ScoreHistogram, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray
    ) -> ScoreHistogram:
        counted = weights > 0
        accumulator.add(owner(0, labels[counted] > 0), predictions[counted])
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[ScoreHistogram]) -> ScoreHistogram:
        """Merges in any order."""
        result = self.create_accumulator()
        for accumulator in accumulators:
            result.merge(accumulator, np.arange(2))
        return result

    def extract_output(self, accumulator: ScoreHistogram) -> dict[metric_types.MetricKey, float]:
        """The AUC."""
        return {self._key: float(overall_auc(accumulator.scores()).value[0])}


def _computations(
    name: str = NAME,
    eval_config: Optional[config_pb2.EvalConfig] = None,
    model_name: str = "",
    output_name: str = "",
    sub_key: Optional[metric_types.SubKey] = None,
    aggregation_type: Optional[metric_types.AggregationType] = None,
    class_weights: Optional[dict[int, float]] = None,
    example_weighted: bool = False,
) -> metric_types.MetricComputations:
    key = metric_types.MetricKey(
        name=name,
        model_name=model_name,
        output_name=output_name,
        sub_key=sub_key,
        example_weighted=example_weighted,
    )
    combiner = RankAUCCombiner(key, eval_config, example_weighted, aggregation_type, class_weights)
    return [metric_types.MetricComputation(keys=[key], preprocessors=None, combiner=combiner)]


metric_types.register_metric(RankAUC)
