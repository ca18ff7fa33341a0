"""Intervals against published examples, SciPy and their defining inequalities."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from components.tradeoff_metrics.figures import intervals

Z = intervals.quantile(0.95)


def test_quantile():
    assert intervals.quantile(0.95) == pytest.approx(stats.norm.ppf(0.975), abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5000), st.data())
def test_wilson_equals_scipy(trials, data):
    successes = data.draw(st.integers(0, trials))
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert intervals.wilson(successes, trials, Z) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_without_trials_is_undefined():
    assert all(math.isnan(bound) for bound in intervals.wilson(0, 0, Z))


@pytest.mark.parametrize(
    ("a", "m", "b", "n", "expected"),
    [
        # Newcombe (1998), table II, method 10.
        (56, 70, 48, 80, (0.0524, 0.3339)),
        (9, 10, 3, 10, (0.1705, 0.8090)),
        (5, 56, 0, 29, (-0.0381, 0.1926)),
        (0, 10, 0, 10, (-0.2775, 0.2775)),
    ],
)
def test_newcombe_published_examples(a, m, b, n, expected):
    bounds = intervals.newcombe(a / m, intervals.wilson(a, m, Z), b / n, intervals.wilson(b, n, Z))
    assert bounds == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [((1, 2), (1, 2)), ((-2, -1), (1, 2)), ((-3, 2), (0, 3)), ((-1, 2), (0, 2)), ((0, 1), (0, 1))],
)
def test_absolute_is_the_image_of_the_interval(bounds, expected):
    assert intervals.absolute(bounds) == expected


@settings(max_examples=200, deadline=None)
@given(
    st.floats(-2, 2),
    st.floats(0.05, 2),
    st.floats(1e-3, 0.5),
    st.floats(1e-3, 0.5),
    st.floats(-0.99, 0.99),
)
def test_fieller_ends_solve_its_equation(a, b, sa, sb, rho):
    covariance = np.array([[sa**2, rho * sa * sb], [rho * sa * sb, sb**2]])
    bounds = intervals.fieller(a, b, covariance, Z)
    if b <= Z * sb:
        assert bounds is None
        return
    assert bounds is not None and bounds[0] <= a / b <= bounds[1]
    for r in bounds:
        # At either end a − r b lies z standard deviations from 0.
        variance = sa**2 - 2 * r * covariance[0, 1] + r * r * sb**2
        assert (a - r * b) ** 2 == pytest.approx(Z * Z * variance, rel=1e-4, abs=1e-9)


def test_fieller_of_equal_values_has_no_width():
    assert intervals.fieller(0.2, 0.2, np.full((2, 2), 0.001), Z) == pytest.approx((1.0, 1.0))


def test_ratio_covariance_equals_finite_differences():
    rng = np.random.default_rng(0)
    candidate, baseline = rng.uniform(0.1, 1, 3), rng.uniform(0.1, 1, 3)
    root = rng.normal(size=(6, 6))
    covariance = root @ root.T
    step = 1e-6
    jacobian = np.empty((3, 6))
    for i in range(6):
        plus, minus = np.r_[candidate, baseline], np.r_[candidate, baseline]
        plus[i] += step
        minus[i] -= step
        jacobian[:, i] = (plus[:3] / plus[3:] - minus[:3] / minus[3:]) / (2 * step)
    expected = jacobian @ covariance @ jacobian.T
    np.testing.assert_allclose(intervals.ratio_covariance(candidate, baseline, covariance), expected, rtol=1e-6)


def test_mean_of_one_ratio_keeps_its_interval():
    bounds = intervals.mean_of_ratios(np.array([0.8]), [(0.5, 1.4)], np.array([[0.04]]))
    assert bounds == pytest.approx((0.5, 1.4))


def test_mean_of_symmetric_ratios_is_the_delta_method():
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    values = np.array([0.8, 1.2])
    each = [(v - Z * math.sqrt(c), v + Z * math.sqrt(c)) for v, c in zip(values, np.diag(covariance), strict=True)]
    half = Z * math.sqrt(covariance.sum()) / 2
    assert intervals.mean_of_ratios(values, each, covariance) == pytest.approx((1 - half, 1 + half))


def test_mean_of_ratios_without_variance_has_no_width():
    assert intervals.mean_of_ratios(np.ones(2), [(1.0, 1.0)] * 2, np.zeros((2, 2))) == (1.0, 1.0)


def test_a_mean_of_ratios_that_may_all_be_zero_may_be_zero():
    bounds = [(0.0, 0.5), (0.0, 0.9)]
    lower, upper = intervals.mean_of_ratios(np.array([0.2, 0.4]), bounds, np.diag([0.02, 0.05]))
    assert lower == pytest.approx(0, abs=1e-12)
    # Above, nothing is folded: the distances 0.3 and 0.5 of independent ratios.
    assert upper == pytest.approx(0.3 + math.hypot(0.3, 0.5) / 2)
    one_only, _ = intervals.mean_of_ratios(np.array([0.2, 0.4]), [(0.0, 0.5), (0.1, 0.9)], np.diag([0.02, 0.05]))
    assert one_only == pytest.approx(0.3 - math.hypot(0.2, 0.3) / 2)


def test_squared_distance():
    covariance = np.array([[4.0, 1.0], [1.0, 9.0]])
    values = np.array([2.0, -3.0])
    expected = values @ np.linalg.inv(covariance) @ values
    assert intervals.squared_distance(values, covariance) == pytest.approx(expected)
    # The same statistic twice says no more than once.
    assert intervals.squared_distance(np.array([2.0, 2.0]), np.full((2, 2), 4.0)) == pytest.approx(1)
    assert intervals.squared_distance(np.array([0.0, 2.0]), np.diag([0.0, 4.0])) == pytest.approx(1)
    assert intervals.squared_distance(np.array([0.1, 2.0]), np.diag([0.0, 4.0])) == math.inf
    assert intervals.squared_distance(np.zeros(2), np.zeros((2, 2))) == 0
