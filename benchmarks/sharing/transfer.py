"""Does a network do worse on a task than single-task learning? The difference of errors, over seeds and test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

import numpy as np
from scipy import stats

from models.training.sweep import Outcomes, Trained


class Difference(NamedTuple):
    """Error of a network less that of single-task learning, on one task.

    Attributes:
      value: Mean over seeds.
      half: Half the width of its interval.
    """

    value: float
    half: float

    @property
    def harmed(self) -> bool:
        """Whether the whole interval lies above 0: negative transfer."""
        return self.value - self.half > 0

    @property
    def helped(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.value + self.half < 0


def wrong(trained: Trained, outcomes: Outcomes, task: int) -> np.ndarray:
    """bool [n of known labels]: which decisions of the task are wrong, at the threshold fixed on validation."""
    known = outcomes.known[:, task] > 0
    positive = trained.test_scores[known, task] > trained.thresholds[outcomes.tasks[task]]
    return positive != (outcomes.labels[known, task] > 0)


def error_difference(
    network: Mapping[int, Trained],
    alone: Mapping[int, Trained],
    outcomes: Outcomes,
    task: str,
    confidence: float = 0.95,
) -> Difference:
    """The difference with an interval for both what the seeds and what the test rows leave open.

    Rows are paired, and seeds are: d_is is 1, 0 or −1 as the network of seed s alone, both or neither, or the single-task
    model of seed s alone errs on row i. The variance of their mean is that of its mean over rows (of whole clusters, where
    the outcomes have some), the seeds being what they are, and that of its mean over seeds; the two are added, which
    counts what both hold twice, and Student's t has the degrees of freedom of Welch and Satterthwaite.

    Args:
      network: Seed → training.
      alone: The same seeds' single-task models.
      outcomes: Of test.
      task: Name.
      confidence: Of the interval.

    Raises:
      ValueError: There are fewer than two seeds, or they differ.
    """
    if set(network) != set(alone) or len(network) < 2:
        raise ValueError(
            "network and single-task models should be of the same seeds, two or more. "
            f"Received: {sorted(network)} and {sorted(alone)}"
        )
    index = outcomes.tasks.index(task)
    pairs = np.stack(
        [
            wrong(network[seed], outcomes, index).astype(np.float64) - wrong(alone[seed], outcomes, index)
            for seed in sorted(network)
        ]
    )
    known = outcomes.known[:, index] > 0
    clusters = None if outcomes.clusters is None else outcomes.clusters[known]
    of_rows, rows = _variance_over_rows(pairs.mean(axis=0), clusters)
    seeds = len(pairs)
    of_seeds = pairs.mean(axis=1).var(ddof=1) / seeds
    half = _quantile([(of_rows, rows - 1), (of_seeds, seeds - 1)], confidence) * math.sqrt(of_rows + of_seeds)
    return Difference(float(pairs.mean()), float(half))


def _variance_over_rows(values: np.ndarray, clusters: Optional[np.ndarray]) -> tuple[float, int]:
    """Variance of the mean of ``values``, and how many independent parts it comes from."""
    centred = values - values.mean()
    if clusters is not None:
        _, inverse = np.unique(clusters, return_inverse=True)
        centred = np.bincount(inverse, weights=centred)
    count = len(centred)
    return float(count / (count - 1) * (centred**2).sum() / len(values) ** 2), count


def _quantile(parts: Sequence[tuple[float, int]], confidence: float) -> float:
    """Student's t for a variance that is a sum of parts, each with its degrees of freedom."""
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in parts)
    return float(stats.t.ppf((1 + confidence) / 2, freedom))
