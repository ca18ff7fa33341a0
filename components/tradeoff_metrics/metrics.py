"""ARFG, ARE and what they are made of, as one TFMA metric.

One combiner reads both models' predictions of all tasks, once for all group keys, and emits every key of `names.py` for
the candidate. It works in any slice; inside a group's own slice there is no gap, and its keys are NaN. They are emitted
there all the same: TFMA's validator fails a bounded key that any slice lacks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Optional

import apache_beam as beam
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.utils import model_util

from components.tradeoff_metrics.counting.rows import RowPreprocessor, TradeoffRows
from components.tradeoff_metrics.names import DETAILS, MetricName, all_keys, check_names, interval_names, suffix
from components.tradeoff_metrics.summary import summarise
from models.formats import strict_json


class TradeoffCombiner(beam.CombineFn):
    """Combines rows into the values and details of all group keys."""

    def __init__(
        self,
        tasks: Sequence[str],
        groups: Sequence[str],
        model_name: str,
        *,
        cluster: Optional[str] = None,
        **options: Any,
    ):
        self._tasks, self._groups, self._model_name = list(tasks), list(groups), model_name
        self._cluster = cluster
        self._options = options

    def create_accumulator(self) -> TradeoffRows:
        """An empty accumulator."""
        return TradeoffRows(self._tasks, self._groups, clustered=self._cluster is not None)

    def add_input(self, accumulator: TradeoffRows, element: tuple) -> TradeoffRows:
        """Adds what the preprocessor made of one element."""
        accumulator.add(*element)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[TradeoffRows]) -> TradeoffRows:
        """Merges in any order."""
        result = self.create_accumulator()
        for accumulator in accumulators:
            result.merge(accumulator)
        return result

    def compact(self, accumulator: TradeoffRows) -> TradeoffRows:
        """Leaves no row waiting."""
        accumulator.flush()
        return accumulator

    def extract_output(self, accumulator: TradeoffRows) -> dict[metric_types.MetricKey, Any]:
        """All keys of all group keys."""
        accumulator.flush()
        result: dict[metric_types.MetricKey, Any] = {}
        for group, counts in accumulator.accumulators.items():
            part = suffix(group, self._groups)
            estimates, details = summarise(counts, group, part, cluster=self._cluster, **self._options)
            for name, estimate in estimates.items():
                result[self._key(name)] = estimate.value
                for end, bound in zip(interval_names(name), (estimate.lower, estimate.upper), strict=False):
                    result[self._key(end)] = bound
            text = strict_json.dumps(details, compact=True)
            result[self._key(MetricName(DETAILS, None, part))] = zlib.compress(text.encode())
        return result

    def _key(self, name: MetricName) -> metric_types.MetricKey:
        return tradeoff_key(str(name), self._model_name)


def tradeoff_key(name: str, model_name: str) -> metric_types.MetricKey:
    """The key under which TFMA's validator looks for a threshold that a MetricsSpec gives by name."""
    return metric_types.MetricKey(name=name, model_name=model_name, example_weighted=None)


class FairnessTradeoff(metric_types.Metric):
    """ARFG = mean_t |FPR gap_t(candidate)| / |FPR gap_t(baseline)|, ARE likewise of errors, their parts, the worst."""

    # Rows of an element are one block.
    takes_arrays = True

    def __init__(
        self,
        tasks: Sequence[str],
        groups: Sequence[str],
        code: str = "",
        bins: int = 1000,
        confidence: float = 0.95,
        min_count: int = 1,
        cluster: Optional[str] = None,
        name: str = "fairness_tradeoff",
    ):
        """Initialises the metric.

        Args:
            tasks: Task names: the models' outputs.
            groups: Group names, the primary one first.
            code: Hash of the source that computes the metric. Not read: it makes the EvalConfig, and so TFX's cache key,
                change with the code.
            bins: The most cells of a score histogram in the details. No other figure depends on it.
            confidence: Of the intervals.
            min_count: Rows that a group or cell needs to enter a gap or to be the worst.
            cluster: Column whose equal values mark rows that are not independent of each other; None takes all rows as
                independent.
            name: Name of the metric in the EvalConfig; its keys have names of their own.
        """
        check_names(tasks, groups)
        super().__init__(
            _computations,
            tasks=list(tasks),
            groups=list(groups),
            code=code,
            bins=bins,
            confidence=confidence,
            min_count=min_count,
            cluster=cluster,
            name=name,
        )


def _computations(
    tasks: list[str],
    groups: list[str],
    code: str,
    bins: int,
    confidence: float,
    min_count: int,
    cluster: Optional[str],
    name: str,
    eval_config: Optional[config_pb2.EvalConfig] = None,
    model_names: Optional[list[str]] = None,
) -> metric_types.MetricComputations:
    baseline_spec = model_util.get_baseline_model_spec(eval_config)
    candidates = [model for model in model_names or [] if baseline_spec and model != baseline_spec.name]
    if len(candidates) != 1:
        raise ValueError(
            f"`{name}` needs a candidate and a baseline model (is_baseline). Received models: {list(model_names or [])}"
        )
    computation = metric_types.MetricComputation(
        keys=[tradeoff_key(key, candidates[0]) for key in all_keys(tasks, groups)],
        preprocessors=[RowPreprocessor(tasks, groups, candidates[0], baseline_spec.name, cluster)],
        combiner=TradeoffCombiner(
            tasks, groups, candidates[0], cluster=cluster, confidence=confidence, min_count=min_count, bins=bins
        ),
    )
    return [computation]


metric_types.register_metric(FairnessTradeoff)
