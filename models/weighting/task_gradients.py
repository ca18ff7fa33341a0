"""The gradient of one step where tasks are weighted by their gradients: T of them, from one forward pass.

A head's variables belong to one task, so the T backward passes give the heads' gradients too. ``on: parameters`` takes
the tasks' gradients at the shared variables and needs no further pass; ``on: representation`` takes them at the trunk's
output, which is cheaper where the trunk is large, and passes their combination through the trunk once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Union

import tensorflow as tf

from models.weighting.base import TaskSignals, Weighting

Gradient = Union[tf.Tensor, tf.IndexedSlices]


@dataclasses.dataclass(frozen=True)
class Sources:
    """What the tasks' gradients are taken at.

    Attributes:
      shared: Shared variables that are trained.
      heads: Variables of each task's head that are trained.
      representation: Floating tensors of the trunk's output; None = gradients are taken at ``shared``.
    """

    shared: list[tf.Variable]
    heads: list[list[tf.Variable]]
    representation: Union[list[tf.Tensor], None]


def weighted_gradients(
    tape: tf.GradientTape,
    losses: Sequence[tf.Tensor],
    known: tf.Tensor,
    others: Sequence[tf.Tensor],
    other_weights: Any,
    sources: Sources,
    weighting: Weighting,
    variables: Sequence[tf.Variable],
    step: tf.Tensor,
) -> tuple[list[Any], tf.Tensor]:
    """Gradients of every variable, and the weights that they were combined with.

    Args:
      tape: Persistent, has recorded all of the below.
      losses: Of each task, a scalar (this replica's share of the global mean).
      known: bool [T], whether the global batch has a known label of the task.
      others: Further terms of the loss; their gradients are not seen by the weighting.
      other_weights: Function from the task weights [T] to a factor for each of ``others``.
      sources: See there.
      weighting: Says how the tasks combine.
      variables: What is trained; the result keeps their order.
      step: int64 scalar, the optimiser's iteration.

    Returns:
      A gradient for each variable (None where it has none), and the task weights [T].
    """
    points = sources.shared if sources.representation is None else sources.representation
    at_points, at_heads = [], []
    for loss, head in zip(losses, sources.heads, strict=True):
        found = tape.gradient(loss, [*points, *head], unconnected_gradients="zero")
        at_points.append([tf.convert_to_tensor(gradient) for gradient in found[: len(points)]])
        at_heads.append(found[len(points) :])
    combination = weighting.step(_signals(losses, known, at_points, sources, weighting, step))
    shared = [
        tf.add_n([combination.shared_weights[t] * gradients[index] for t, gradients in enumerate(at_points)])
        for index in range(len(points))
    ]
    parts: dict[Any, list[Gradient]] = {variable.ref(): [] for variable in variables}
    targets, upstream = list(others), list(other_weights(combination.weights))
    if sources.representation is None:
        for variable, gradient in zip(sources.shared, shared, strict=True):
            parts[variable.ref()].append(gradient)
    else:
        targets += sources.representation
        upstream += shared
    for t, (head, gradients) in enumerate(zip(sources.heads, at_heads, strict=True)):
        for variable, gradient in zip(head, gradients, strict=True):
            parts[variable.ref()].append(_scaled(gradient, combination.weights[t]))
    if targets:
        for variable, gradient in zip(
            variables, tape.gradient(targets, list(variables), output_gradients=upstream), strict=True
        ):
            if gradient is not None:
                parts[variable.ref()].append(gradient)
    return [_total(parts[variable.ref()]) for variable in variables], combination.weights


def _signals(
    losses: Sequence[tf.Tensor],
    known: tf.Tensor,
    gradients: list[list[tf.Tensor]],
    sources: Sources,
    weighting: Weighting,
    step: tf.Tensor,
) -> TaskSignals:
    """What the weighting sees: figures of the global batch."""
    global_losses = reduced(tf.stack(list(losses)))
    # Rows lie on one replica each; what all replicas hold a share of is summed before it is squared.
    if sources.representation is None:
        gradients = [[reduced(gradient) for gradient in task] for task in gradients]
    if weighting.needs == "gradients":
        if sources.representation is not None:
            gradients = [[reduced(tf.reduce_sum(gradient, axis=0)) for gradient in task] for task in gradients]
        return TaskSignals(losses=global_losses, known=known, gradients=gradients, step=step)
    flat = [tf.concat([tf.reshape(tf.cast(part, tf.float32), [-1]) for part in task], axis=0) for task in gradients]
    rows = tf.stack(flat)
    gram = tf.matmul(rows, rows, transpose_b=True)
    return TaskSignals(
        losses=global_losses,
        known=known,
        gram=gram if sources.representation is None else reduced(gram),
        step=step,
    )


def reduced(value: tf.Tensor) -> tf.Tensor:
    """The sum over replicas, without a gradient."""
    context = tf.distribute.get_replica_context()
    value = tf.stop_gradient(value)
    if context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)


def _scaled(gradient: Gradient, factor: tf.Tensor) -> Gradient:
    if isinstance(gradient, tf.IndexedSlices):
        return tf.IndexedSlices(gradient.values * factor, gradient.indices, gradient.dense_shape)
    return gradient * factor


def _total(parts: list[Gradient]) -> Any:
    """The sum; rows of a table stay rows where all parts are such."""
    if len(parts) < 2:
        return parts[0] if parts else None
    slices = [part for part in parts if isinstance(part, tf.IndexedSlices)]
    if len(slices) < len(parts):
        return tf.add_n([tf.convert_to_tensor(part) for part in parts])
    return tf.IndexedSlices(
        tf.concat([part.values for part in slices], axis=0),
        tf.concat([part.indices for part in slices], axis=0),
        slices[0].dense_shape,
    )
