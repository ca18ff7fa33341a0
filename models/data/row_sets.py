"""Which rows of a batch a fairness loss sees: all, task-specific and shared ones, negatives or positives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import get_args

import tensorflow as tf

from models.config.choices import On
from models.formats.features import NOT_A_NEGATIVE, SHARED_NEGATIVE, SPECIFIC_NEGATIVE

ON: tuple[str, ...] = get_args(On)


@dataclasses.dataclass(frozen=True)
class RowSets:
    """Three masks over a batch, bool [n] each.

    Attributes:
      all: N_t, every known negative (positive).
      specific: S_t, those that are so for this task only.
      shared: H_t, those that are so for another task as well. Rows of which no other task is known are in neither.
    """

    all: tf.Tensor
    specific: tf.Tensor
    shared: tf.Tensor


def negatives(kinds: tf.Tensor) -> RowSets:
    """The negatives of a task, from the kinds that the negative splitter wrote.

    Args:
      kinds: int [n], see ``models.formats.features``.
    """
    return RowSets(
        all=kinds != NOT_A_NEGATIVE,
        specific=tf.equal(kinds, SPECIFIC_NEGATIVE),
        shared=tf.equal(kinds, SHARED_NEGATIVE),
    )


def positives(task: str, labels: Mapping[str, tf.Tensor], weights: Mapping[str, tf.Tensor]) -> RowSets:
    """The positives of a task, the mirror image of the paper's rule for negatives.

    Specific: y_t = 1, at least one other label is known, and every other known label is 0. Shared: the other positives
    with at least one other label known.

    Args:
      task: t.
      labels: Task → [n], 0 or 1.
      weights: Task → [n], 1 where the label is known, else 0.
    """
    own = (weights[task] > 0) & (labels[task] > 0)
    others = [name for name in labels if name != task]
    nowhere = tf.zeros_like(own)
    known, positive = nowhere, nowhere
    for name in others:
        known |= weights[name] > 0
        positive |= (weights[name] > 0) & (labels[name] > 0)
    return RowSets(all=own, specific=own & known & ~positive, shared=own & positive)


def row_sets(
    on: str,
    task: str,
    labels: Mapping[str, tf.Tensor],
    weights: Mapping[str, tf.Tensor],
    kinds: Mapping[str, tf.Tensor],
) -> list[RowSets]:
    """The sets that ``on`` names, over each of which a fairness loss is computed; the losses are added.

    Args:
      on: ``negatives`` (false positive rates), ``positives`` (equal opportunity) or ``both`` (equalised odds).
      task: t.
      labels: Task → [n], 0 or 1.
      weights: Task → [n], 1 where the label is known, else 0.
      kinds: Task → int [n].

    Raises:
      ValueError: ``on`` has no such value.
    """
    if on not in ON:
        raise ValueError(f"`on` should be one of {list(ON)}. Received: {on!r}")
    sets = []
    if on != "positives":
        sets.append(negatives(kinds[task]))
    if on != "negatives":
        sets.append(positives(task, labels, weights))
    return sets
