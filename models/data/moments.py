"""Mean and standard deviation of columns of train, exact but for one rounding at the end.

Sums are kept as whole numbers in units of a power of two, which every float64 is a multiple of. Nothing cancels and nothing
overflows on the way (Unix seconds, 1e20, 1e38, a spread of 1e-6 around 1e9), a column without spread has a deviation of
exactly 0, and the order in which workers hand in their batches changes no bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

_MANTISSA_BITS = 53
# Bits of the number whose square root is taken: the root has half of them, more than a float64 holds.
_ROOT_BITS = 160


class Moments(NamedTuple):
    """Sums over the values of a column, which add up in any order.

    Attributes:
      size: Number of values.
      exponent: The values are whole multiples of 2^exponent.
      total: Σ x / 2^exponent.
      squares: Σ (x / 2^exponent)².
    """

    size: int = 0
    exponent: int = 0
    total: int = 0
    squares: int = 0

    @classmethod
    def of(cls, values: np.ndarray) -> Moments:
        """Moments of finite float64 ``values`` [n]."""
        size = len(values)
        # A zero adds nothing but to the number, and would have the smallest of all units.
        values = values[values != 0]
        if not len(values):
            return cls(size)
        fractions, exponents = np.frexp(values)
        mantissas = np.ldexp(fractions, _MANTISSA_BITS).astype(np.int64)
        exponents = exponents.astype(np.int64) - _MANTISSA_BITS
        lowest = int(exponents.min())
        total = squares = 0
        for exponent in np.unique(exponents).tolist():
            # Python's integers, which have no largest.
            numbers = mantissas[exponents == exponent].astype(object)
            total += int(numbers.sum()) << (exponent - lowest)
            squares += int((numbers * numbers).sum()) << 2 * (exponent - lowest)
        return cls(size, lowest, total, squares)

    def __add__(self, other: Moments) -> Moments:  # type: ignore[override]
        """Moments of both columns' values together."""
        if not self.squares:
            return other._replace(size=self.size + other.size)
        if not other.squares:
            return self._replace(size=self.size + other.size)
        exponent = min(self.exponent, other.exponent)
        one, two = self.exponent - exponent, other.exponent - exponent
        return Moments(
            self.size + other.size,
            exponent,
            (self.total << one) + (other.total << two),
            (self.squares << 2 * one) + (other.squares << 2 * two),
        )

    def mean(self) -> float:
        """Σ x / n; 0 without values."""
        return _scaled(Fraction(self.total, self.size), self.exponent) if self.size else 0.0

    def deviation(self) -> float:
        """The root of Σ x² / n − (Σ x / n)²; 0 without values."""
        if not self.size:
            return 0.0
        # n² times the variance, in units.
        spread = self.size * self.squares - self.total**2
        shift = max(0, _ROOT_BITS - spread.bit_length() + 1) // 2
        return _scaled(Fraction(math.isqrt(spread << 2 * shift), self.size << shift), self.exponent)


def _scaled(value: Fraction, exponent: int) -> float:
    return float(value * Fraction(2) ** exponent)


class _MomentsFn(beam.CombineFn):
    """Moments of several columns."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self._columns = columns

    def create_accumulator(self) -> list[Moments]:
        return [Moments()] * self._columns

    def add_input(self, accumulator: list[Moments], batch: Sequence[np.ndarray]) -> list[Moments]:
        return self.merge_accumulators([accumulator, [Moments.of(np.ravel(values)) for values in batch]])

    def merge_accumulators(self, accumulators: Iterable[list[Moments]]) -> list[Moments]:
        total = self.create_accumulator()
        for accumulator in accumulators:
            total = [one + two for one, two in zip(total, accumulator, strict=True)]
        return total

    def extract_output(self, accumulator: list[Moments]) -> np.ndarray:
        return np.array([(moments.mean(), moments.deviation()) for moments in accumulator], np.float64)


class _Analyzer(beam.PTransform):
    def __init__(self, columns: int) -> None:
        super().__init__()
        self._columns = columns

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        return batches | "Moments" >> beam.CombineGlobally(_MomentsFn(self._columns))


def analyze_moments(columns: Sequence[tf.Tensor]) -> tf.Tensor:
    """Mean and deviation of each column over the whole split that Transform analyses, within a ``preprocessing_fn``.

    Args:
      columns: float64 [n_i] each, finite.

    Returns:
      float64 [columns, 2]; zeros where a column has no value.
    """
    (moments,) = tft.experimental.ptransform_analyzer(
        inputs=list(columns),
        ptransform=_Analyzer(len(columns)),
        output_dtypes=[tf.float64],
        output_shapes=[[len(columns), 2]],
    )
    return moments
