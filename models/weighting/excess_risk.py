"""ExcessMTL: tasks far from their own optimum gain weight, noisy ones near theirs do not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, Optional

import tensorflow as tf

from models.weighting.base import Combination, Needs, TaskSignals, Weighting, state
from models.weighting.shares import multiplied, raised

# Of the released code.
_EPSILON = 1e-7


class ExcessRisk(Weighting):
    """w_t ← w_t exp(η E_t / E_t(0)), rescaled; the step is taken with the new weights.

    E_t estimates how much the task's risk exceeds the least that it can have, by a quadratic form with the accumulated
    squared gradients in place of the curvature: S_t ← S_t + g_t² elementwise, E_t = Σ g_t² / sqrt(S_t + 1e-7). Where noisy
    labels keep a loss high, the rows' gradients come to cancel out, so E_t falls while the loss stays.

    E_t(0) is the first positive E_t of the task, whose step moves no weight of it, as in the released code; or, with
    ``warmup_epochs``, the mean of its positive E_t over these epochs, in which all weights are 1/T (the paper's appendix
    has three). A task without a gradient in the warm-up takes its first one after. A warm-up depends less on one batch; it
    also makes E_t(0) smaller, since E_t falls most at first, so the same η moves the weights further. E_t holds the noise
    of the batch too. A task of nearly nothing but noise starts at its optimum, so E_t(0) is that noise, and E_t falls
    only as S grows: the smaller the batches, the more weight it gains.

    The rescaling is among the tasks that move, which keep together what they had. With a ``floor`` each weight is at least
    floor/T; without one, as in the paper, a large η may leave all weight with one task. A task that is absent, or has a
    gradient that is not finite (or whose squares are not), is left out of the step: S, E(0) and weight stay. A gradient of
    0 has E_t = 0, which loses weight to the others, since the task has nothing left to gain.

    The state is T times the size of the shared parameters, or of one row of the representation.

    Reference: He et al., "Robust Multi-Task Learning with Excess Risks", ICML 2024, arXiv 2402.02009.

    Args:
      tasks: Their names.
      step_size: η.
      warmup_epochs: See above.
      floor: Above 0 and below 1; None = none.
      on: Where gradients are taken.
    """

    needs: ClassVar[Needs] = "gradients"

    def __init__(
        self,
        tasks: Sequence[str],
        step_size: float,
        warmup_epochs: int = 0,
        floor: Optional[float] = None,
        on: Literal["parameters", "representation"] = "parameters",
    ) -> None:
        super().__init__(tasks)
        self._step_size = step_size
        self._warmup_epochs = warmup_epochs
        self._floor = floor
        self.on = on

    def build(self, gradient_shapes: Optional[Sequence[tf.TensorShape]] = None) -> None:
        """Makes the state: S, sums and counts for E(0), the weights' logarithms, the number of epochs.

        Raises:
          ValueError: The shapes are missing, or not fully known.
        """
        if not gradient_shapes or not all(tf.TensorShape(shape).is_fully_defined() for shape in gradient_shapes):
            raise ValueError(
                "`gradient_shapes` should list a fully known shape for each tensor that gradients are taken at. "
                f"Received: {gradient_shapes}"
            )
        count = len(self.tasks)
        self._squares = [
            state(tf.zeros([count, *tf.TensorShape(shape)]), f"squares_{index}")
            for index, shape in enumerate(gradient_shapes)
        ]
        self._initial_sums = state([0.0] * count, "initial_sums")
        self._initial_counts = state([0.0] * count, "initial_counts")
        self._log_weights = state(self._start(), "log_weights")
        self._epochs = state(tf.zeros([], tf.int64), "epochs")

    def step(self, signals: TaskSignals) -> Combination:
        """The weights after their move."""
        present, risks = self._excess_risks(signals)
        sums, counts = tf.convert_to_tensor(self._initial_sums), tf.convert_to_tensor(self._initial_counts)
        learning = (counts == 0) | (tf.convert_to_tensor(self._epochs) < self._warmup_epochs)
        counted = present & learning & (risks > 0)
        self._initial_sums.assign(tf.where(counted, sums + risks, sums))
        self._initial_counts.assign(tf.where(counted, counts + 1.0, counts))
        gains = self._step_size * tf.math.divide_no_nan(risks * counts, sums)
        moves = present & ~learning & tf.math.is_finite(gains)
        log_weights = multiplied(tf.convert_to_tensor(self._log_weights), gains, moves)
        if self._floor is not None:
            log_weights = tf.math.log(raised(tf.exp(log_weights), self._floor / len(self.tasks), moves))
        self._log_weights.assign(log_weights)
        weights = tf.exp(log_weights)
        return Combination(weights, weights)

    def _excess_risks(self, signals: TaskSignals) -> tuple[tf.Tensor, tf.Tensor]:
        """The tasks that take part, bool [T], and E, float32 [T]; accumulates S."""
        assert signals.gradients is not None
        squared = [
            tf.square(tf.stack([tf.cast(gradient, tf.float32) for gradient in place]))
            for place in zip(*signals.gradients, strict=True)
        ]
        present = signals.known & tf.math.is_finite(tf.add_n([_by_task(square) for square in squared]))
        risks = []
        for total, square in zip(self._squares, squared, strict=True):
            square = tf.where(tf.reshape(present, [-1, *[1] * (square.shape.rank - 1)]), square, 0.0)
            summed = tf.convert_to_tensor(total) + square
            total.assign(summed)
            risks.append(_by_task(square * tf.math.rsqrt(summed + _EPSILON)))
        return present, tf.add_n(risks)

    def end_epoch(self, losses: Sequence[float]) -> None:
        """Counts the epochs of the warm-up."""
        self._epochs.assign_add(1)

    def weights(self) -> tf.Tensor:
        """Those of the last step."""
        return tf.exp(tf.convert_to_tensor(self._log_weights))

    def reset(self) -> None:
        """As before the first step."""
        for variable in [*self._squares, self._initial_sums, self._initial_counts, self._epochs]:
            variable.assign(tf.zeros_like(variable))
        self._log_weights.assign(self._start())

    def _start(self) -> list[float]:
        return [-math.log(len(self.tasks))] * len(self.tasks)


def _by_task(values: tf.Tensor) -> tf.Tensor:
    """Sums over all axes but the first, [T]."""
    return tf.reduce_sum(values, axis=list(range(1, values.shape.rank)))
