"""Kernels on scalar scores."""

from __future__ import annotations

import abc

import tensorflow as tf


class Kernel(abc.ABC):
    """k(a, b) for two scores, with a bandwidth ℓ in units of probability.

    Args:
      bandwidth: ℓ. Differences far below it are not seen, differences far above it all look alike. A good first guess
        is the standard deviation of the scores.

    Raises:
      ValueError: ``bandwidth`` is not positive.
    """

    def __init__(self, bandwidth: float) -> None:
        if bandwidth <= 0:
            raise ValueError(f"`bandwidth` should be positive. Received: {bandwidth}")
        self.bandwidth = bandwidth

    def __call__(self, first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
        """k(first, second), elementwise with broadcasting."""
        return self._of_distance((first - second) / self.bandwidth)

    @abc.abstractmethod
    def _of_distance(self, distance: tf.Tensor) -> tf.Tensor:
        """k as a function of (a − b) / ℓ."""


class GaussianKernel(Kernel):
    """exp(−(a − b)² / ℓ²), as in the released code of the MTA-F paper (no factor 2)."""

    def _of_distance(self, distance: tf.Tensor) -> tf.Tensor:
        return tf.exp(-tf.square(distance))


class LaplaceKernel(Kernel):
    """exp(−|a − b| / ℓ); its derivative at a = b is taken as 0."""

    def _of_distance(self, distance: tf.Tensor) -> tf.Tensor:
        return tf.exp(-tf.abs(distance))


KERNELS: dict[str, type[Kernel]] = {"gaussian": GaussianKernel, "laplace": LaplaceKernel}
