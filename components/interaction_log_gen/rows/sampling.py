"""Caps a split's rows (``max_rows``): keeps those whose hash lies below a bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import apache_beam as beam
import numpy as np

# A bound falls between two of these; with n rows the sample is short of the cap by about n / 65,536.
_BINS = 1 << 16


class Cap(NamedTuple):
    """Rows with ``bins(hash) < bound`` are kept, ``kept`` of ``rows``."""

    bound: int
    rows: int
    kept: int


def bins(hashes: np.ndarray) -> np.ndarray:
    """The 16 top bits of each hash."""
    return (hashes >> np.uint64(48)).astype(np.int64)


def cap(counts: np.ndarray, most: int) -> Cap:
    """The largest bound that keeps at most ``most`` rows.

    Args:
      counts: int64 [65536], rows in each bin.
      most: the cap.
    """
    below = np.cumsum(counts)
    bound = int(np.searchsorted(below, most, side="right"))
    return Cap(bound, int(below[-1]), int(below[bound - 1]) if bound else 0)


class CountBins(beam.CombineFn):
    """Counts rows in each bin, from arrays of bins."""

    def create_accumulator(self) -> np.ndarray:
        return np.zeros(_BINS, np.int64)

    def add_input(self, accumulator: np.ndarray, element: np.ndarray) -> np.ndarray:
        return accumulator + np.bincount(element, minlength=_BINS)

    def merge_accumulators(self, accumulators: Iterable[np.ndarray]) -> np.ndarray:
        return np.sum(list(accumulators), axis=0)

    def extract_output(self, accumulator: np.ndarray) -> np.ndarray:
        return accumulator
