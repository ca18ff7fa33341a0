"""Bins of scores, as fine near 0 and near 1 as in the middle when measured in log-odds.

A bin is a range of the leading bits of a float64: those of s where s ≤ 1/2, and those of 1 − s above. So a bin's width is a
share of s, or of 1 − s, and scores of rare positives, such as 0.0001 and 0.0002, lie as far apart as 0.1 and 0.2. Bins of
*level* 0 keep 23 bits behind the leading one, as a float32 does: each holds one float32. Every level more joins two bins of
the level before, so that the counts of fine bins give those of coarser ones.

A bin is open below and closed above, (a, b], and bin 0 holds the score 0 alone. A score above a threshold predicts a
positive, so the bins above an edge hold just the rows that this edge, taken as a threshold, predicts as positive.
"""

from __future__ import annotations

import numpy as np

# Bits of a float64 behind the leading one that no bin tells apart.
_DROPPED = 52 - 23
_HALF = 1022 << 23
LAST = 2 * _HALF
"""The bin of the score 1 at level 0, the highest one."""

# One bin but for that of the score 0.
COARSEST = LAST.bit_length()

# A float32 just below 1 is this far from the next.
_SPACING = 2.0**-24


def bins_of(scores: np.ndarray, level: int = 0) -> np.ndarray:
    """The bin of each score, int64 of the shape of ``scores``.

    Args:
      scores: In [0, 1].
      level: 0 tells all float32 scores apart.
    """
    # A negative zero has other bits than zero.
    scores = np.asarray(scores, np.float64) + 0.0
    low = scores <= 0.5
    # Exact: both numbers lie within a factor of 2.
    bits = np.where(low, scores, 1 - scores).view(np.int64)
    fine = np.where(low, -(-bits >> _DROPPED), LAST - (bits >> _DROPPED))
    return joined(fine, level)


def joined(bins: np.ndarray, levels: int) -> np.ndarray:
    """The bins, so many levels coarser, that hold ``bins``."""
    return -(-bins >> levels)


def upper_edges(bins: np.ndarray, level: int = 0) -> np.ndarray:
    """The highest score of each bin, float64: a threshold that the bins above it, and no others, lie above."""
    low, tails = _tails(bins, level)
    # No score lies between the last float64 below 1 and 1, whose bin is one of its own.
    return np.where(low, tails, np.where(tails > 0, np.minimum(1 - tails, np.nextafter(1, 0)), 1.0))


def hold_one_score(bins: np.ndarray, level: int = 0) -> np.ndarray:
    """Whether the float32 scores of a bin are all equal, bool of the shape of ``bins``."""
    low, tails = _tails(bins - 1, level)
    narrow = tails - _tails(bins, level)[1] <= _SPACING
    return (bins == 0) | np.where(low, level == 0, narrow)


def _tails(bins: np.ndarray, level: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether the upper edge of each bin lies below 1/2, and the distance of that edge from 0 or else from 1."""
    fine = np.clip(np.asarray(bins, np.int64) << level, 0, LAST)
    low = fine < _HALF
    return low, (np.where(low, fine, LAST - fine) << _DROPPED).view(np.float64)
