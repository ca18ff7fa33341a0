"""Rows on their way from TFMA's extracts into the accumulators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Optional

import numpy as np
import pandas as pd
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.utils import util

from components.tradeoff_metrics.counting.accumulator import BLOCKS, GroupAccumulator
from components.tradeoff_metrics.counting.extractor import THRESHOLDS_KEY
from models.formats.features import group_key

# Rows that wait for the vectorised path: enough to make its fixed cost vanish, few enough to weigh nothing.
FLUSH_ROWS = 1024


class TradeoffRows:
    """Rows that wait, and the accumulators of all group keys that they go to.

    ``add`` takes one row or many: a block [4T, n] (labels, weights, candidate's and baseline's scores, tasks within each)
    with the group values [n] of each key and, where rows are clustered, the values [n] of the column that names the
    clusters behind them, empty where a row has none.
    """

    def __init__(self, tasks: Sequence[str], groups: Sequence[str], clustered: bool = False):
        self.tasks, self.groups = tuple(tasks), tuple(groups)
        self.blocks = BLOCKS if clustered else 0
        self.thresholds: Optional[np.ndarray] = None
        self.accumulators: dict[str, GroupAccumulator] = {}
        self._clear()

    def _clear(self) -> None:
        self._blocks: list[np.ndarray] = []
        self._values: list[list[np.ndarray]] = []
        self._waiting = 0

    def add(self, block: np.ndarray, values: list[np.ndarray], thresholds: np.ndarray) -> None:
        """Adds rows, scored by models with the given decision thresholds [2, T]."""
        if self.thresholds is None:
            self.thresholds = thresholds
            self.accumulators = {group: GroupAccumulator(self.tasks, thresholds, self.blocks) for group in self.groups}
        elif thresholds is not self.thresholds and not np.array_equal(thresholds, self.thresholds):
            raise ValueError(
                "decision thresholds should be the same in all rows. "
                f"Received: {self.thresholds.tolist()} and {thresholds.tolist()}"
            )
        self._blocks.append(block)
        self._values.append(values)
        self._waiting += block.shape[1]
        if self._waiting >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Moves waiting rows into the accumulators."""
        if not self._waiting:
            return
        labels, known, candidate, baseline = np.concatenate(self._blocks, axis=1).reshape(4, len(self.tasks), -1)
        scores = np.stack([candidate.T, baseline.T])
        columns = [np.concatenate(parts) for parts in zip(*self._values, strict=True)]
        groups, block, lone = columns[: len(self.groups)], None, None
        if self.blocks:
            block, lone = blocks_of(columns[-1], self.blocks, labels.T, known.T, scores, groups)
        for values, group in zip(groups, self.groups, strict=True):
            self.accumulators[group].add_batch(labels.T, known.T, scores, values, block, lone)
        self._clear()

    def merge(self, other: TradeoffRows) -> None:
        """Adds what ``other`` holds."""
        self.flush()
        other.flush()
        if other.thresholds is None:
            return
        if self.thresholds is None:
            self.thresholds, self.accumulators = other.thresholds, other.accumulators
            return
        for group, accumulator in self.accumulators.items():
            accumulator.merge(other.accumulators[group])

    def __getstate__(self) -> dict[str, Any]:
        self.flush()
        return self.__dict__


def block_of(clusters: np.ndarray, blocks: int) -> np.ndarray:
    """The block of each cluster, the same in every process: int64 below ``blocks`` [n] from texts [n]."""
    return (pd.util.hash_array(clusters.astype(object), categorize=True) % blocks).astype(np.int64)


def blocks_of(
    clusters: np.ndarray,
    blocks: int,
    labels: np.ndarray,
    known: np.ndarray,
    scores: np.ndarray,
    groups: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """The block of each row, and whether its cluster is not known.

    A row without a cluster is one of its own. Its block follows from what is known of it, so that neither order nor sharding
    matter; rows that are alike in all of that share a block, which can only widen an interval.

    Args:
        clusters: Texts, empty where there is none [n].
        blocks: Number of blocks.
        labels: [n, T], of no meaning where ``known`` is 0.
        known: [n, T].
        scores: Of candidate and baseline [2, n, T].
        groups: Values of each group key [n].

    Returns:
        int64 below ``blocks`` [n], and bool [n].
    """
    lone = (clusters == b"") | (clusters == "")
    block = block_of(clusters, blocks)
    if lone.any():
        weights = np.asarray(known, np.float64)[lone]
        numbers = [weights, weights * labels[lone], *np.asarray(scores, np.float64)[:, lone]]
        # A negative zero has other bits than zero.
        columns = [column + 0.0 for part in numbers for column in part.T]
        texts = [pd.util.hash_array(values[lone].astype(object), categorize=True) for values in groups]
        block[lone] = _mixed([*map(pd.util.hash_array, columns), *texts]) % blocks
    return block, lone


def _mixed(hashes: Sequence[np.ndarray]) -> np.ndarray:
    """One hash of several, each uint64 [n]."""
    result = np.zeros(len(hashes[0]), np.uint64)
    for part in hashes:
        result = pd.util.hash_array(result * np.uint64(0x9E3779B97F4A7C15) + part)
    return result


class RowPreprocessor(metric_types.Preprocessor):
    """Turns TFMA's extracts into the arrays that ``TradeoffRows.add`` takes: once a row, before slices multiply it."""

    def __init__(
        self,
        tasks: Sequence[str],
        groups: Sequence[str],
        candidate: str,
        baseline: str,
        cluster: Optional[str] = None,
    ):
        columns = [*map(group_key, groups), *([cluster] if cluster is not None else [])]
        self._cluster = cluster
        super().__init__(name=f"tradeoff_rows:{candidate}:{baseline}:{','.join(tasks)}:{','.join(columns)}")
        self._tasks, self._groups = list(tasks), list(map(group_key, groups))
        self._models = (candidate, baseline)
        self._last: tuple[Any, np.ndarray] = (None, np.empty(0))

    def process(self, extracts: dict[str, Any]) -> Iterator[tuple[np.ndarray, list[np.ndarray], np.ndarray]]:
        """Yields the block of an element, its group values and the thresholds."""
        row = util.StandardExtracts(extracts)
        candidate, baseline = self._models
        sources = [
            *((row.get_labels(candidate, task), "label", task) for task in self._tasks),
            *((row.get_example_weights(candidate, task), "weight", task) for task in self._tasks),
            *(
                (row.get_predictions(model, task), f"{model}'s score", task)
                for model in self._models
                for task in self._tasks
            ),
        ]
        values = [self._texts(row.features.get(column), column) for column in self._groups]
        n = len(values[0])
        if self._cluster is not None:
            values.append(self._clusters(row.features.get(self._cluster), n))
        arrays = []
        for value, what, task in sources:
            array = np.ravel(value) if isinstance(value, (np.ndarray, float, int)) else np.empty(0)
            if len(array) != n:
                raise ValueError(f"the {what} of task `{task}` should be {n} number(s) in a row. Received: {value}")
            arrays.append(array)
        block = np.concatenate(arrays).astype(np.float64, copy=False).reshape(-1, n)
        yield block, values, self._thresholds(extracts)

    @staticmethod
    def _texts(value: Any, column: str) -> np.ndarray:
        if not isinstance(value, np.ndarray) or value.size == 0:
            raise ValueError(f"column `{column}` should hold a text in every row. Received: {value}")
        return value.ravel()

    def _clusters(self, value: Any, rows: int) -> np.ndarray:
        """The values of the column that names clusters, empty where a row has none."""
        if value is None or (rows == 1 and not np.size(getattr(value, "values", value))):
            return np.full(rows, b"", object)
        if not isinstance(value, np.ndarray) or value.size != rows:
            raise ValueError(f"column `{self._cluster}` should hold one text, or none, in every row. Received: {value}")
        return value.ravel()

    def _thresholds(self, extracts: dict[str, Any]) -> np.ndarray:
        if THRESHOLDS_KEY not in extracts:
            raise ValueError(
                f"extracts should hold `{THRESHOLDS_KEY}`: run the Evaluator with "
                'module_path="components.tradeoff_metrics.counting.extractor"'
            )
        source = extracts[THRESHOLDS_KEY]
        if source is not self._last[0]:
            numbers = [[source[model][task] for task in self._tasks] for model in self._models]
            self._last = (source, np.array(numbers, np.float64))
        return self._last[1]
