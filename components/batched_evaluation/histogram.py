"""Sums per bucket, of which most are empty."""

from __future__ import annotations

from typing import Any

import numpy as np

# Waiting cells, as a multiple of those that are summed already, at which they are summed too.
_SLACK = 4
_SMALL = 4096


class SparseHistogram:
    """Sums of several values per bucket, held for the buckets that occur.

    A slice of few rows fills few of TFMA's 10,000 buckets, and there may be many slices, models and tasks.

    Args:
        values: Number of values that are summed.
    """

    def __init__(self, values: int):
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._cells = 0
        self._index = np.empty(0, np.int64)
        self._sums = np.empty((values, 0))

    def add(self, index: np.ndarray, values: np.ndarray) -> None:
        """Adds rows.

        Args:
            index: Bucket of each row [n].
            values: What is summed [values, n].
        """
        self._waiting.append(_summed(index, values))
        self._cells += len(self._waiting[-1][0])
        if self._cells > max(_SMALL, _SLACK * len(self._index)):
            self._settle()

    def merge(self, other: SparseHistogram) -> None:
        """Adds what ``other`` holds."""
        self.add(*other.sums())

    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """The buckets that occur, ascending [k], and their sums [values, k]."""
        self._settle()
        return self._index, self._sums

    def _settle(self) -> None:
        if self._waiting:
            parts = [(self._index, self._sums), *self._waiting]
            self._index, self._sums = _summed(
                np.concatenate([index for index, _ in parts]), np.concatenate([sums for _, sums in parts], axis=1)
            )
            self._waiting, self._cells = [], 0

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return self.__dict__


def _summed(index: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distinct, inverse = np.unique(index, return_inverse=True)
    return distinct, np.stack([np.bincount(inverse, weights=row, minlength=len(distinct)) for row in values])
