"""Counts of scores, exact as long as they fit, and otherwise in the finest bins that do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np

from models.metrics.score_bins import COARSEST, LAST, bins_of, hold_one_score, joined, upper_edges

# Bins of a task's scores that hold rows: up to so many distinct scores, AUCs are exact. Of a bell of more scores, bins are
# 0.001 of its deviation wide, or less, and an AUC is wrong by some 1e-5, where 1e-3 is wanted.
MAX_BINS = 1 << 14
# Cells of owner and bin that hold rows: 32 MB.
MAX_CELLS = 1 << 21

# Rows that wait to be counted: enough to make the fixed cost vanish, and a multiple of the cells that they go to.
_SMALL, _SLACK = 1 << 14, 2

_OWNER_BITS = LAST.bit_length()
_BIN = (1 << _OWNER_BITS) - 1
_NONE = np.empty(0, np.int64)


@dataclass(frozen=True)
class BinnedScores:
    """Rows by owner and score bin.

    Attributes:
        bins: The bins that hold rows, ascending [K].
        level: Of the bins, see ``score_bins``.
        owners: Owner of each cell, ascending [C].
        columns: Position of the cell's bin in ``bins``, ascending within an owner [C].
        counts: Rows of each cell, above 0 [C].
    """

    bins: np.ndarray
    level: int
    owners: np.ndarray
    columns: np.ndarray
    counts: np.ndarray

    @property
    def resolved(self) -> np.ndarray:
        """Whether the rows of a bin have all the same score, as far as float32 scores go; bool [K]."""
        return hold_one_score(self.bins, self.level)

    @property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """Both ends of each bin: above the first, up to and with the second; float64 [K] each."""
        return upper_edges(self.bins - 1, self.level), upper_edges(self.bins, self.level)

    def of(self, owners: np.ndarray) -> np.ndarray:
        """Which cells are those of ``owners``, bool [C]."""
        return np.isin(self.owners, owners)


class ScoreHistogram:
    """Counts rows by an owner, such as a group's positives, and by score.

    Scores are told apart as float32 does while they take no more than ``MAX_BINS`` values and ``MAX_CELLS`` cells; beyond
    that bins are joined in pairs until they fit. What fits of all rows is known from all rows alone, so batches and merges
    give the same histogram in any order.

    Attributes:
        level: Of the bins.
    """

    def __init__(self, max_bins: int = MAX_BINS, max_cells: int = MAX_CELLS):
        self.level = 0
        self._limits = (max_bins, max_cells)
        # Owner and bin in one number, ascending, and the rows there.
        self._cells = np.empty(0, np.int64)
        self._counts = np.empty(0, np.int64)
        self._waiting: list[tuple[np.ndarray, Optional[np.ndarray]]] = []
        self._rows_waiting = 0

    def add(self, owners: np.ndarray, scores: np.ndarray) -> None:
        """Adds rows.

        Args:
            owners: At least 0 and below 2^29 [n].
            scores: In [0, 1] [n].
        """
        self._wait(_cells(np.asarray(owners, np.int64), bins_of(scores, self.level)), None)

    def merge(self, other: ScoreHistogram, owners: np.ndarray) -> None:
        """Adds what ``other`` holds.

        Args:
            other: Of the same limits.
            owners: By an owner's number in ``other``, its number here.
        """
        other.settle()
        self.settle()
        self._coarsen(other.level)
        bins = joined(other._cells & _BIN, self.level - other.level)
        self._wait(_cells(np.asarray(owners, np.int64)[other._cells >> _OWNER_BITS], bins), other._counts)

    def scores(self) -> BinnedScores:
        """All that was counted."""
        self.settle()
        bins, columns = np.unique(self._cells & _BIN, return_inverse=True)
        return BinnedScores(bins, self.level, self._cells >> _OWNER_BITS, columns, self._counts)

    def settle(self) -> None:
        """Counts the rows that wait."""
        if not self._waiting:
            return
        parts, self._waiting, self._rows_waiting = self._waiting, [], 0
        rows = [_counted(np.sort(np.concatenate([part for part, counts in parts if counts is None] or [_NONE])))]
        rows += [(part, counts) for part, counts in parts if counts is not None]
        cells = np.concatenate([self._cells, *(part for part, _ in rows)])
        counts = np.concatenate([self._counts, *(count for _, count in rows)])
        # A stable sort takes little time where whole runs are in order.
        order = np.argsort(cells, kind="stable")
        self._cells, self._counts = _counted(cells[order], counts[order])
        self._coarsen(self._fitting_level())

    def _wait(self, cells: np.ndarray, counts: Optional[np.ndarray]) -> None:
        self._waiting.append((cells, counts))
        self._rows_waiting += len(cells)
        if self._rows_waiting > max(_SMALL, _SLACK * len(self._cells)):
            self.settle()

    def _fitting_level(self) -> int:
        """The finest level from here on that keeps the limits."""
        most_bins, most_cells = self._limits
        if len(self._cells) <= min(most_bins, most_cells):
            return self.level
        owners, cell_bins = self._cells >> _OWNER_BITS, self._cells & _BIN
        bins = np.unique(cell_bins)
        for levels in range(COARSEST - self.level):
            cells = _cells(owners, joined(cell_bins, levels))
            if _distinct(joined(bins, levels)) <= most_bins and _distinct(cells) <= most_cells:
                return self.level + levels
        return COARSEST

    def _coarsen(self, level: int) -> None:
        """To ``level``, where bins are finer; no row waits."""
        if level > self.level:
            bins = joined(self._cells & _BIN, level - self.level)
            self._cells, self._counts = _counted(_cells(self._cells >> _OWNER_BITS, bins), self._counts)
            self.level = level

    def __getstate__(self) -> dict[str, Any]:
        """Steps between cells, which take less room than the cells themselves."""
        self.settle()
        state = self.__dict__.copy()
        for name, values in (("_cells", np.diff(self._cells, prepend=0)), ("_counts", self._counts)):
            state[name] = values.astype(np.min_scalar_type(int(values.max(initial=0))))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._cells = np.cumsum(self._cells.astype(np.int64))
        self._counts = self._counts.astype(np.int64)


def _cells(owners: np.ndarray, bins: np.ndarray) -> np.ndarray:
    return (owners << _OWNER_BITS) | bins


def _distinct(values: np.ndarray) -> int:
    """How many different ones there are among ascending ``values``."""
    return int(np.count_nonzero(np.diff(values, prepend=-1)))


def _counted(cells: np.ndarray, counts: Optional[np.ndarray] = None) -> tuple[np.ndarray, np.ndarray]:
    """The cells that occur, and their rows.

    Args:
        cells: Ascending, equal ones side by side.
        counts: Rows of each; None: one.
    """
    first = np.flatnonzero(np.diff(cells, prepend=-1))
    if counts is None:
        return cells[first], np.diff(first, append=len(cells))
    return cells[first], np.add.reduceat(counts, first) if len(first) else counts
