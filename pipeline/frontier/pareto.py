"""Pareto frontiers of two figures of which lower is better, and their hypervolumes with intervals over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Optional

import numpy as np

_CONFIDENCE = 0.95
_DRAWS = 4000


class Hypervolume(NamedTuple):
    """An area, with its interval over seeds; None where there is one seed."""

    value: float
    interval: Optional[tuple[float, float]]


def pareto(points: np.ndarray) -> np.ndarray:
    """Which points no other point dominates: none is at most as high in both figures, and lower in one.

    Args:
      points: float [n, 2], finite.

    Returns:
      bool [n].
    """
    order = np.lexsort((points[:, 1], points[:, 0]))
    kept = np.zeros(len(points), bool)
    lowest, at = np.inf, np.nan
    for index in order:
        first, second = points[index]
        # A twin of the last frontier point is on the frontier as well.
        if second < lowest or (second == lowest and first == at):
            kept[index] = True
            lowest, at = second, first
    return kept


def hypervolumes(points: np.ndarray, reference: tuple[float, float]) -> np.ndarray:
    """Area that a set of points dominates within the rectangle that ends at the reference point.

    Args:
      points: float [..., n, 2]; a point with a NaN counts for nothing.
      reference: Upper end of both figures.

    Returns:
      float [...].
    """
    # A point at the reference dominates nothing, and keeps the arithmetic free of cases.
    inside = np.where(np.isnan(points).any(axis=-1, keepdims=True), reference, np.minimum(points, reference))
    order = np.argsort(inside[..., 0], axis=-1)
    first = np.take_along_axis(inside[..., 0], order, axis=-1)
    lowest = np.minimum.accumulate(np.take_along_axis(inside[..., 1], order, axis=-1), axis=-1)
    ends = np.concatenate([first[..., 1:], np.full_like(first[..., :1], reference[0])], axis=-1)
    return np.sum((ends - first) * (reference[1] - lowest), axis=-1)


def seed_draws(seeds: int) -> np.ndarray:
    """How often each seed is drawn when as many are drawn with replacement: int [draws, seeds], the same every time."""
    return np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), size=_DRAWS)


def drawn_means(figures: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Means of settings' figures over drawn seeds.

    Args:
      figures: float [settings, seeds, 2].
      draws: int [draws, seeds].

    Returns:
      float [draws, settings, 2].
    """
    return np.einsum("ds,psf->dpf", draws / draws.sum(axis=1, keepdims=True), figures)


def with_intervals(
    figures: Mapping[str, np.ndarray], reference: tuple[float, float]
) -> tuple[dict[str, Hypervolume], dict[tuple[str, str], Hypervolume]]:
    """Hypervolumes of the seed means of each mode, and their differences.

    The interval is the percentile bootstrap's over seeds. All modes see the same draws, since the seeds are the same: the
    interval of a difference is narrower than those of its parts tell.

    Args:
      figures: Mode → float [settings, seeds, 2], finite; seeds in one order for all modes.
      reference: Upper end of both figures.

    Returns:
      Mode → hypervolume, and (one mode, another) → hypervolume of the one minus that of the other.
    """
    values = {mode: float(hypervolumes(each.mean(axis=1), reference)) for mode, each in figures.items()}
    seeds = next((each.shape[1] for each in figures.values()), 1)
    drawn: dict[str, np.ndarray] = {}
    if seeds > 1:
        draws = seed_draws(seeds)
        drawn = {mode: hypervolumes(drawn_means(each, draws), reference) for mode, each in figures.items()}
    each = {mode: Hypervolume(value, _ends(drawn.get(mode))) for mode, value in values.items()}
    differences = {
        (one, other): Hypervolume(values[one] - values[other], _ends(drawn[one] - drawn[other]) if seeds > 1 else None)
        for one in figures
        for other in figures
        if one != other
    }
    return each, differences


def _ends(drawn: Optional[np.ndarray]) -> Optional[tuple[float, float]]:
    if drawn is None:
        return None
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def dominated(points: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Which of ``points`` [n, 2] some point of ``by`` [m, 2] dominates: bool [n]."""
    below = by[None] <= points[:, None]
    strictly = by[None] < points[:, None]
    return (below.all(axis=-1) & strictly.any(axis=-1)).any(axis=-1)
