import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.moments import Moments

FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30)


def moments(values):
    return Moments.of(np.array(values, np.float64))


@given(FLOATS)
def test_moments_are_those_of_fractions(values):
    found = moments(values)
    assert found.size == len(values)
    if not values:
        assert (found.mean(), found.deviation()) == (0.0, 0.0)
        return
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    variance = sum((value - mean) ** 2 for value in exact) / len(exact)
    assert found.mean() == float(mean)
    if not variance:
        assert found.deviation() == 0
        return
    # d² is the variance but for the rounding of d, which is half of its last place.
    deviation = found.deviation()
    half = Fraction(math.ulp(deviation)) / 2 * Fraction(1001, 1000)
    assert max(Fraction(deviation) - half, 0) ** 2 <= variance <= (Fraction(deviation) + half) ** 2


@given(FLOATS, st.lists(st.integers(0, 30), max_size=5), st.randoms())
def test_no_order_and_no_sharding_changes_a_bit(values, ends, random):
    whole = moments(values)
    shuffled = random.sample(values, len(values))
    cuts = [0, *sorted(min(end, len(values)) for end in ends), len(values)]
    parts = [moments(shuffled[a:b]) for a, b in pairwise(cuts)]
    random.shuffle(parts)
    total = Moments()
    for part in parts:
        total = total + part
    assert (total.size, total.mean(), total.deviation()) == (whole.size, whole.mean(), whole.deviation())


@pytest.mark.parametrize("value", [0.0, 0.1, -1e38, 5e-324, 1.7e9])
def test_a_column_without_spread_has_no_deviation(value):
    found = moments([value] * 1000) + moments([value] * 77)
    assert found.mean() == value and found.deviation() == 0


def test_seconds():
    seconds = 1_700_000_000 + np.arange(-100_000, 100_000)
    found = moments(seconds)
    assert found.mean() == seconds.mean()
    assert found.deviation() == pytest.approx(seconds.std(), rel=1e-12)
