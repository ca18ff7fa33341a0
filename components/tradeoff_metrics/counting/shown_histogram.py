"""Score histograms to look at: few cells between thresholds that a person can read."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

import numpy as np

from components.tradeoff_metrics.counting.score_histogram import BinnedScores

# Significant digits of a threshold, or of its distance from 1, and the step of the last digit; each grid holds the next.
_GRIDS = tuple((digits, step) for digits in range(7, 0, -1) for step in (1, 5))
# Powers of 10 that a float64 holds exactly.
_EXACT_POWER = 22


@dataclass(frozen=True)
class ShownScores:
    """Rows by owner and cell.

    Attributes:
        thresholds: Ascending, from 0 to 1: cell 0 holds the scores of 0, cell i those above the threshold i − 1, up to and
            with threshold i. So the rows above threshold i are those of the cells behind i, and no others.
        cells: By owner, the cells that hold rows, ascending, and their rows.
    """

    thresholds: list[float]
    cells: dict[int, tuple[list[int], list[int]]]


def shown_scores(scores: BinnedScores, most: int) -> ShownScores:
    """The finest histogram that needs no more than ``most`` cells beside that of the score 0.

    Its thresholds are those of the shortest decimals that divide the rows as a bin's edge does, and edges where no such
    decimal is.

    Args:
        scores: Of a task and model.
        most: At least 1.
    """
    edges = scores.edges
    above_zero = scores.bins > 0
    lower, upper = (edge[above_zero] for edge in edges)
    # Each grid joins cells of the one before.
    fits = bisect.bisect_left(_GRIDS, True, key=lambda grid: _cells_of(_decimals(upper, *grid)).max(initial=0) <= most)
    if fits < len(_GRIDS):
        decimals = _decimals(upper, *_GRIDS[fits])
        cell = _cells_of(decimals)
    else:
        decimals = upper
        cell = np.ceil((np.arange(len(upper)) + 1) * most / max(len(upper), 1)).astype(np.int64)
    last = np.flatnonzero(np.diff(cell, append=len(cell) + 1))
    # What lies above a cell's last bin, where nothing does.
    next_lower = np.append(lower, 1.0)[last + 1]
    thresholds = np.where(decimals[last] <= next_lower, decimals[last], upper[last])
    thresholds[-1:] = 1.0
    by_bin = np.zeros(len(scores.bins), np.int64)
    by_bin[above_zero] = cell
    return ShownScores([0.0, *thresholds.tolist()] if len(thresholds) else [0.0, 1.0], _cells(scores, by_bin))


def _cells_of(decimals: np.ndarray) -> np.ndarray:
    """The cell of each bin, from 1."""
    return np.cumsum(np.diff(decimals, prepend=-1) > 0)


def _cells(scores: BinnedScores, by_bin: np.ndarray) -> dict[int, tuple[list[int], list[int]]]:
    cell = by_bin[scores.columns]
    first = np.flatnonzero((np.diff(scores.owners, prepend=-1) != 0) | (np.diff(cell, prepend=-1) != 0))
    counts = np.add.reduceat(scores.counts, first) if len(first) else first
    owners, cell = scores.owners[first], cell[first]
    bounds = np.append(np.flatnonzero(np.diff(owners, prepend=-1)), len(owners))
    return {
        int(owners[start]): (cell[start:end].tolist(), counts[start:end].tolist())
        for start, end in zip(bounds[:-1], bounds[1:], strict=True)
    }


def _decimals(edges: np.ndarray, digits: int, step: int) -> np.ndarray:
    """The lowest number of a grid that is not below each edge; the edge itself where the grid is finer than float64.

    Args:
        edges: In (0, 1].
        digits: That a number of the grid has, or its distance from 1 where that is the smaller one.
        step: Of the last digit.
    """
    low = edges <= 0.5
    tails = np.where(low, edges, 1 - edges)
    with np.errstate(divide="ignore"):
        power = digits - 1 - np.floor(np.log10(tails))
    known = np.isfinite(power) & (power <= np.where(low, _EXACT_POWER, 15))
    scale = 10.0 ** np.where(known, power, 0)
    steps = tails * scale / step
    # Whole numbers over a power of 10, so that the quotient is the float64 next to the decimal. A product may round to the
    # wrong side of a whole number.
    whole = np.where(low, np.ceil(steps), np.floor(steps)) * step
    found = np.where(low, whole, scale - whole) / scale
    found = np.where(found < edges, np.where(low, whole + step, scale - whole + step) / scale, found)
    nearer = np.where(low, whole - step, scale - whole - step) / scale
    found = np.where(nearer >= edges, nearer, found)
    return np.where(known, np.minimum(found, 1.0), edges)
