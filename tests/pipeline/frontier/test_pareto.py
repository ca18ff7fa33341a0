"""Frontiers, hypervolumes and intervals against their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.frontier.pareto import dominated, drawn_means, hypervolumes, pareto, seed_draws, with_intervals

# Few values, so that ties and twins are common.
coordinate = st.one_of(st.integers(0, 4).map(float), st.floats(-2, 3, allow_nan=False))
some_points = st.lists(st.tuples(coordinate, coordinate), min_size=0, max_size=12).map(
    lambda found: np.array(found, float).reshape(-1, 2)
)


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(a[0] <= b[0] and a[1] <= b[1] and (a[0] < b[0] or a[1] < b[1]))


@given(some_points)
def test_frontier_by_the_definition(points: np.ndarray) -> None:
    expected = [not any(dominates(other, point) for other in points) for point in points]
    assert pareto(points).tolist() == expected


@given(some_points, some_points)
def test_dominated_by_the_definition(points: np.ndarray, by: np.ndarray) -> None:
    assert dominated(points, by).tolist() == [any(dominates(b, point) for b in by) for point in points]


@given(some_points)
def test_hypervolume_by_inclusion_of_cells(points: np.ndarray) -> None:
    """Cuts the plane at all coordinates, and sums the cells that a point dominates: exact, and O(n³)."""
    reference = (2.0, 2.5)
    cuts = [sorted({*(float(v) for v in points[:, axis] if v < reference[axis]), reference[axis]}) for axis in (0, 1)]
    area = sum(
        (right - left) * (top - bottom)
        for left, right in itertools.pairwise(cuts[0])
        for bottom, top in itertools.pairwise(cuts[1])
        if any(x <= left and y <= bottom for x, y in points)
    )
    assert hypervolumes(points, reference) == pytest.approx(area, abs=1e-12)


def test_hypervolume_by_monte_carlo() -> None:
    draw = np.random.default_rng(5)
    points = draw.uniform(0, 1.3, (15, 2))
    darts = draw.uniform(0, 1, (200_000, 2))
    hit = (points[None] <= darts[:, None]).all(axis=2).any(axis=1)
    # Three standard errors of a share of 200,000.
    assert hypervolumes(points, (1.0, 1.0)) == pytest.approx(hit.mean(), abs=3 * 0.5 / np.sqrt(len(darts)))


def test_hypervolume_by_hand() -> None:
    # (1, 3) and (2, 1) below (4, 4): 3·1 + 2·2; (3, 3) is dominated, (5, 0) lies beyond the reference.
    assert hypervolumes(np.array([[1, 3], [2, 1], [3, 3], [5, 0]], float), (4.0, 4.0)) == 3 * 1 + 2 * 3 - 2 * 1
    assert hypervolumes(np.zeros((0, 2)), (4.0, 4.0)) == 0
    assert hypervolumes(np.array([[np.nan, 0], [1, 1]]), (2.0, 2.0)) == 1


@given(some_points, st.integers(0, 5))
def test_more_points_never_dominate_less(points: np.ndarray, count: int) -> None:
    assert hypervolumes(points, (2.0, 2.0)) >= hypervolumes(points[:count], (2.0, 2.0)) - 1e-12


def test_many_sets_at_once_are_as_one_by_one() -> None:
    points = np.random.default_rng(1).uniform(0, 2, (7, 3, 9, 2))
    together = hypervolumes(points, (1.5, 1.2))
    assert together.shape == (7, 3)
    for index in np.ndindex(7, 3):
        assert together[index] == pytest.approx(float(hypervolumes(points[index], (1.5, 1.2))))


def test_drawn_means_by_hand() -> None:
    figures = np.array([[[1.0, 10.0], [3.0, 30.0]]])
    found = drawn_means(figures, np.array([[2, 0], [1, 1], [0, 2]]))
    assert found[:, 0].tolist() == [[1, 10], [2, 20], [3, 30]]


def test_draws_are_with_replacement_and_the_same_every_time() -> None:
    draws = seed_draws(3)
    assert (draws.sum(axis=1) == 3).all() and (draws == seed_draws(3)).all()
    # P(one seed thrice) = 3 / 27.
    assert np.mean(draws.max(axis=1) == 3) == pytest.approx(1 / 9, abs=0.02)


def test_intervals_are_the_exact_bootstraps() -> None:
    """All 4⁴ draws of four seeds enumerated: the percentile bootstrap without a random number."""
    figures = np.random.default_rng(2).uniform(0.2, 1.1, (6, 4, 2))
    exact = [
        float(hypervolumes(figures[:, list(drawn)].mean(axis=1), (1.2, 1.2)))
        for drawn in itertools.product(range(4), repeat=4)
    ]
    area = with_intervals({"mtaf": figures}, (1.2, 1.2))[0]["mtaf"]
    assert area.interval is not None
    # Between two neighbours of the exact quantile, 1.5 % to either side.
    for end, q in zip(area.interval, (0.025, 0.975), strict=True):
        assert np.quantile(exact, max(0, q - 0.015)) <= end <= np.quantile(exact, min(1, q + 0.015))


def test_a_difference_sees_the_same_seeds_on_both_sides() -> None:
    # Seeds move both modes alike: the areas are uncertain, their difference is not.
    shift = np.array([0.0, 0.1, 0.2])[None, :, None] * np.array([1.0, 0.0])
    one = np.array([0.5, 0.5])[None, None] + shift
    other = np.array([0.5, 0.7])[None, None] + shift
    areas, differences = with_intervals({"mtaf": one, "vanilla": other}, (1.0, 1.0))
    value = differences["mtaf", "vanilla"]
    # (1 - 0.6) · 0.5 − (1 - 0.6) · 0.3
    assert value.value == pytest.approx(0.4 * 0.2)
    assert value.interval == pytest.approx((0.3 * 0.2, 0.5 * 0.2))
    low, high = areas["mtaf"].interval or (0, 0)
    assert high - low > value.interval[1] - value.interval[0]
    assert differences["vanilla", "mtaf"].value == -value.value


def test_one_seed_has_no_interval() -> None:
    areas, differences = with_intervals({"a": np.full((2, 1, 2), 0.5), "b": np.full((1, 1, 2), 0.4)}, (1.0, 1.0))
    assert areas["a"].interval is None and areas["a"].value == pytest.approx(0.25)
    assert differences["a", "b"].interval is None
