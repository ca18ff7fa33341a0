"""The contract of every weighting: from the tasks' losses, or their gradients, to task weights."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, Optional

import tensorflow as tf

Needs = Literal["losses", "gram", "gradients"]


class Combination(NamedTuple):
    """How the tasks are combined in one step; no gradient flows through it.

    Attributes:
      weights: float32 [T], sums to 1: times L_t in task t's head, and times the task's fairness terms.
      shared_weights: float32 [T]: coefficients of the tasks' gradients in the shared layers. The same, but for methods that
        change the gradients themselves.
    """

    weights: tf.Tensor
    shared_weights: tf.Tensor


@dataclasses.dataclass(frozen=True)
class TaskSignals:
    """What a weighting sees of a step, all of the global batch.

    Attributes:
      losses: float32 [T], mean loss over the known labels; 0 where none is known.
      known: bool [T], whether the batch has a known label of the task.
      step: int64 scalar, the optimiser's iteration.
      gram: float32 [T, T], inner products of the gradients of L_t; for methods that need them.
      gradients: Per task the gradients at the shared variables, or the sums over rows of those at the shared
        representation; for methods that need them.
    """

    losses: tf.Tensor
    known: tf.Tensor
    step: tf.Tensor
    gram: Optional[tf.Tensor] = None
    gradients: Optional[list[list[tf.Tensor]]] = None


class Weighting(tf.Module, abc.ABC):
    """State and rule of one method.

    A task without a known label in the batch neither gains nor loses: its weight and its state stay as they are, and the
    others share the weight that they had together. (`uncertainty` keeps the task's precision instead, relative to which
    the others may move.) A loss or gradient that is not finite counts as absent, so the weights stay finite.

    Attributes:
      needs: Which signals ``step`` reads.
      on: Where gradients are taken.

    Args:
      tasks: Their names, in the network's order.
    """

    needs: ClassVar[Needs] = "losses"
    on: Literal["parameters", "representation"] = "parameters"

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__(name=type(self).__name__.lower())
        self.tasks = tuple(tasks)

    def build(self, gradient_shapes: Optional[Sequence[tf.TensorShape]] = None) -> None:
        """Makes the state; call it once, within the strategy's scope.

        Args:
          gradient_shapes: Of a task's gradients, where ``needs`` is ``gradients``.
        """

    @abc.abstractmethod
    def step(self, signals: TaskSignals) -> Combination:
        """Takes one step of the state and gives the weights to use in it; traced."""

    @abc.abstractmethod
    def weights(self) -> tf.Tensor:
        """The weights as they stand, float32 [T]."""

    def end_epoch(self, losses: Sequence[float]) -> None:
        """Called after each epoch with the tasks' mean train losses, NaN where no label was known."""

    def reset(self) -> None:
        """The state as ``build`` left it."""


def state(value: tf.Tensor, name: str) -> tf.Variable:
    """A variable that every replica computes alike."""
    once = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return tf.Variable(value, trainable=False, aggregation=once, name=name)
