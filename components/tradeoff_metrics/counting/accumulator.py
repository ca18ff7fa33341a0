"""The mergeable accumulator that every group metric is read from.

Per value of one group key it holds the second moments of each row's 0/1 indicators over all tasks and both models, and
score histograms, from which AUCs come (`score_histogram.py`). Counts are the diagonal of the moments (an indicator is its
own square), so rates, gaps, ratios and their intervals, which must respect that candidate, baseline and tasks share rows,
all come from here.

Where rows come in clusters, such as the impressions of one user, it holds the indicators' sums per block of clusters too:
a cluster lies in one block whatever the sharding, so blocks are independent where rows are not. A row of no known cluster
is a cluster of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
import pandas as pd

from components.tradeoff_metrics.counting.score_histogram import ScoreHistogram
from components.tradeoff_metrics.figures.group_aucs import owner
from components.tradeoff_metrics.names import MODELS as MODELS

CANDIDATE, BASELINE = 0, 1

# Indicators of one row for one task, in this order, tasks one after another.
NEGATIVE, POSITIVE = 0, 1
FALSE_POSITIVE = (2, 4)
FALSE_NEGATIVE = (3, 5)
INDICATORS = 6

# A column with more values than this is an identifier, not a group: its moments would fill the memory.
MAX_GROUPS = 2000

# Blocks that users are spread over: their sums estimate a variance with 255 degrees of freedom, to 4 % of its root.
BLOCKS = 256

# Arrays that are mostly 0, and pickled as such.
_SPARSE = ("moments", "block_sums")


class GroupAccumulator:
    """Second moments and score histograms per value of one group key.

    Attributes:
        tasks: Task names, in the order of the arrays' task axis.
        thresholds: Decision thresholds [2, T] (candidate, baseline); a score above its threshold predicts a positive.
        groups: Values met so far, in the order of the arrays' group axis.
        rows: Rows per group [G], whether or not a label is known.
        moments: Σ x xᵀ over the rows of a group [G, 6T, 6T], x the row's indicators.
        histograms: Known rows by score, of each model and task [2][T]; their owners are a group's labels.
        block_sums: Σ x over the rows of a group in a block [G, blocks, 6T]; no block without clusters.
        lone_rows: Rows whose cluster is not known.
    """

    def __init__(self, tasks: Sequence[str], thresholds: np.ndarray, blocks: int = 0):
        thresholds = np.array(thresholds, np.float64)
        if thresholds.shape != (2, len(tasks)) or not np.isfinite(thresholds).all():
            raise ValueError(
                f"`thresholds` should be finite, of shape [2, {len(tasks)}] (candidate and baseline, tasks "
                f"{list(tasks)}). Received: {thresholds.tolist()}"
            )
        self.tasks = tuple(tasks)
        self.thresholds = thresholds
        self.blocks = blocks
        self.groups: list[str] = []
        self._index: dict[str, int] = {}
        self.lone_rows = 0
        self.histograms = [[ScoreHistogram() for _ in self.tasks] for _ in MODELS]
        self.rows, self.moments, self.block_sums = self._zeros(0)

    def _zeros(self, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        width = INDICATORS * len(self.tasks)
        return (
            np.zeros(groups, np.int64),
            np.zeros((groups, width, width), np.int64),
            np.zeros((groups, self.blocks, width), np.int64),
        )

    def add_batch(
        self,
        labels: np.ndarray,
        known: np.ndarray,
        scores: np.ndarray,
        group: np.ndarray,
        block: Optional[np.ndarray] = None,
        lone: Optional[np.ndarray] = None,
    ) -> None:
        """Adds rows.

        Args:
            labels: 0 or 1 [n, T]; of no meaning where ``known`` is 0.
            known: 1 where the label is known, else 0 [n, T].
            scores: Probabilities of candidate and baseline [2, n, T].
            group: Value of the group key per row [n], text, or UTF-8 in bytes.
            block: Block of the row's cluster, an integer below ``blocks`` [n]; None where there are no blocks.
            lone: Whether the row's cluster is not known, bool [n]; None where all are.

        Raises:
            ValueError: Shapes do not fit; a known label or ``known`` is neither 0 nor 1; a score is not in [0, 1].
        """
        labels, known, scores = np.asarray(labels), np.asarray(known), np.asarray(scores)
        self._check(labels, known, scores, group, block)
        if not len(labels):
            return
        known = known.astype(bool)
        positive = known & (labels == 1)
        negative = known & ~positive
        indicators = self._indicators(negative, positive, scores)
        inverse, values = pd.factorize(np.asarray(group, dtype=object))
        self._refuse(inverse < 0, np.asarray(group, dtype=object), "a row's group should be a text")
        index = self._indices([v.decode() if isinstance(v, bytes) else str(v) for v in values])
        self._count_scores(np.asarray(index)[inverse], positive, known, scores)
        self.lone_rows += 0 if lone is None else int(np.count_nonzero(lone))
        order = np.argsort(inverse, kind="stable")
        for position, rows in enumerate(np.split(order, np.cumsum(np.bincount(inverse))[:-1])):
            g, x = index[position], indicators[rows]
            self.rows[g] += len(rows)
            self.moments[g] += (x.T @ x).astype(np.int64)
            if block is not None:
                self.block_sums[g] += self._block_sums(block[rows], x)

    def _block_sums(self, block: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Sums of the indicators ``x`` [n, 6T] by block [blocks, 6T]."""
        columns = [np.bincount(block, weights=column, minlength=self.blocks) for column in x.T]
        return np.stack(columns, axis=1).astype(np.int64)

    def _indicators(self, negative: np.ndarray, positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
        above = scores.astype(np.float64) > self.thresholds[:, None, :]
        result = np.empty((*negative.shape, INDICATORS), np.float64)
        result[..., NEGATIVE] = negative
        result[..., POSITIVE] = positive
        for model in (CANDIDATE, BASELINE):
            result[..., FALSE_POSITIVE[model]] = negative & above[model]
            result[..., FALSE_NEGATIVE[model]] = positive & ~above[model]
        return result.reshape(len(negative), -1)

    def _count_scores(self, group: np.ndarray, positive: np.ndarray, known: np.ndarray, scores: np.ndarray) -> None:
        for t in range(len(self.tasks)):
            rows = known[:, t]
            owners = owner(group[rows], positive[rows, t])
            for model, histograms in enumerate(self.histograms):
                histograms[t].add(owners, scores[model, rows, t])

    def _indices(self, values: list[str]) -> list[int]:
        new = [value for value in values if value not in self._index]
        if new:
            total = len(self.groups) + len(new)
            if total > MAX_GROUPS:
                raise ValueError(
                    f"a group key should have at most {MAX_GROUPS} values. Received: {total}, among them {new[:3]}"
                )
            for value in new:
                self._index[value] = len(self.groups)
                self.groups.append(value)
            grown = self._zeros(len(new))
            standing = (self.rows, self.moments, self.block_sums)
            self.rows, self.moments, self.block_sums = (
                np.concatenate([old, zeros]) for old, zeros in zip(standing, grown, strict=True)
            )
        return [self._index[value] for value in values]

    def merge(self, other: GroupAccumulator) -> None:
        """Adds what ``other`` holds; the order of merges does not change the result.

        Raises:
            ValueError: The two were made for different tasks, thresholds or blocks.
        """
        made, others = ((one.tasks, one.blocks, np.asarray(one.thresholds).tolist()) for one in (self, other))
        if made != others:
            raise ValueError(
                f"accumulators of the same tasks, blocks and thresholds can be merged. Received: {made} and {others}"
            )
        index = self._indices(other.groups)
        self.rows[index] += other.rows
        self.moments[index] += other.moments
        self.block_sums[index] += other.block_sums
        self.lone_rows += other.lone_rows
        owners = owner(np.asarray(index, np.int64)[:, None], np.arange(2)).ravel()
        for mine, others_of_model in zip(self.histograms, other.histograms, strict=True):
            for histogram, added in zip(mine, others_of_model, strict=True):
                histogram.merge(added, owners)

    def ordered(self, last: str = "") -> list[int]:
        """Positions of the groups by name, the group ``last`` at the end: equal whatever order rows came in."""
        return sorted(range(len(self.groups)), key=lambda g: (self.groups[g] == last, self.groups[g]))

    def _check(
        self,
        labels: np.ndarray,
        known: np.ndarray,
        scores: np.ndarray,
        group: np.ndarray,
        block: Optional[np.ndarray],
    ) -> None:
        n, tasks = len(labels), len(self.tasks)
        shapes = {"labels": labels.shape, "known": known.shape, "scores": scores.shape, "group": np.shape(group)}
        expected = {"labels": (n, tasks), "known": (n, tasks), "scores": (2, n, tasks), "group": (n,)}
        if self.blocks or block is not None:
            shapes["block"] = () if block is None else block.shape
            expected["block"] = (n,) if self.blocks else ()
        if shapes != expected:
            raise ValueError(f"shapes should be {expected}. Received: {shapes}")
        for t, task in enumerate(self.tasks):
            weights = known[:, t]
            self._refuse(~np.isin(weights, (0, 1)), weights, f"weight of task `{task}` should be 0 or 1")
            wrong = ~np.isin(labels[:, t], (0, 1)) & (weights == 1)
            self._refuse(wrong, labels[:, t], f"known labels of task `{task}` should be 0 or 1")
            for model, name in enumerate(MODELS):
                score = scores[model, :, t]
                # Negated, so that NaN is refused too.
                outside = ~((score >= 0) & (score <= 1))
                self._refuse(outside, score, f"scores of the {name} for task `{task}` should be in [0, 1]")

    @staticmethod
    def _refuse(wrong: np.ndarray, values: np.ndarray, expected: str) -> None:
        if wrong.any():
            raise ValueError(f"{expected}. Received: {values[wrong][0]} ({int(wrong.sum())} of {len(wrong)} rows)")

    def __getstate__(self) -> dict[str, Any]:
        """Non-zero cells only: most tasks and blocks of small groups are empty."""
        state = self.__dict__.copy()
        for name in _SPARSE:
            array = state[name]
            cells = np.flatnonzero(array)
            counts = array.flat[cells]
            small = np.min_scalar_type(int(counts.max(initial=0)))
            state[name] = (array.shape, cells.astype(np.min_scalar_type(array.size)), counts.astype(small))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _SPARSE:
            shape, cells, values = state[name]
            array = np.zeros(shape, np.int64)
            array.flat[cells.astype(np.int64)] = values
            setattr(self, name, array)
