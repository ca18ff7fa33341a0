"""Multi-task-aware fairness: which parameters learn from which rows.

Wang et al., "Understanding and Improving Fairness-Accuracy Trade-offs in Multi-Task Learning", KDD 2021,
arXiv 2106.02705. With N_t the negatives of task t, S_t those that are negatives of t only, H_t = N_t \\ S_t, scores
p_t = sigmoid(logit_t), task weights w_t, strengths λ_t and head ratios r_t:

  head t:         w_t (L_t + λ_t r_t F_t(S_t))
  shared layers:  Σ_t w_t L_t + Σ_t w_t λ_t F_t(H_t)

Here the two are terms of one scalar loss, for one backward pass and any optimiser: each term's gradient reaches only the
variables that it is meant for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Optional, Protocol, get_args

import tensorflow as tf

from models.config.choices import Mode
from models.data.row_sets import RowSets, row_sets
from models.fairness.base import FairnessLoss

MODES: tuple[str, ...] = get_args(Mode)
EMPTY_SPECIFIC = ("none", "all_negatives")

Tensors = dict[str, tf.Tensor]


class SharingNetwork(Protocol):
    """What routing needs to know of a network; ``models.networks`` builds on this package, not the other way round."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Task names in declared order."""

    @property
    def shared_variables(self) -> list[tf.Variable]:
        """Trainable variables of the trunk."""


@dataclasses.dataclass(frozen=True)
class FairnessBatch:
    """The rows on which the fairness terms are computed: the training batch, or one with groups in equal shares.

    Attributes:
      shared: ``network.trunk`` of the rows, a nest of tensors whose first axis is the batch.
      logits: Task → [n], ``network.heads`` of ``shared``; read by ``vanilla`` only.
      labels: Task → float [n], 0 or 1; 0 where unknown.
      weights: Task → float [n], 1 where the label is known, else 0.
      kinds: Task → int [n], kinds of negatives (``models.formats.features``).
      group: int [n], −1 where a row belongs to no group.
    """

    shared: Any
    logits: Tensors
    labels: Tensors
    weights: Tensors
    kinds: Tensors
    group: tf.Tensor


# Autograph has nothing to convert here, and takes seconds of the first trace to find that out.
@tf.autograph.experimental.do_not_convert
def routed_fairness(
    network: SharingNetwork,
    batch: FairnessBatch,
    losses: Mapping[str, FairnessLoss],
    *,
    mode: str,
    on: str,
    strength: Mapping[str, Any],
    head_ratio: Mapping[str, Any],
    task_weight: Mapping[str, Any],
    has_specific: Mapping[str, bool],
    empty_specific: str,
    heads_call: Callable[[Any], Tensors],
    gather: Optional[Callable[[tf.Tensor], tf.Tensor]] = None,
) -> dict[str, Tensors]:
    """The fairness terms of every task, to be added to the task losses.

    Modes:

    * ``none``: no term.
    * ``vanilla``: ``all`` = w λ F(N), on the ordinary logits, so that every parameter sees it. N holds the negatives
      of kind 3 (no other label known) too.
    * ``mtaf``: ``head`` = w λ r F(S), which reaches the task's head only, and ``shared`` = w λ F(H), which reaches the
      shared variables only.
    * ``mtaf_difference``, the released code's form: ``head`` = w λ r F(S) |S|/n and
      ``shared`` = w λ (F(N) |N| − r F(S) |S|)/n, routed likewise; it may be negative. The code multiplies by row
      counts alone; dividing by n, the rows of the batch, keeps λ independent of the batch size. |·| counts the rows
      that belong to a group, n counts all.

    With ``on="positives"`` N, S and H are the mirrored sets of positives; with ``both`` each term is the sum of the two.

    Where ``has_specific[t]`` is false, S_t is (nearly) empty in the training data and F_t(S_t) would be noise. It is
    left out of both terms, and the head gets no term (``empty_specific="none"``) or takes all of N_t in place of S_t
    (``"all_negatives"``; with ``on="positives"``, all positives).

    Under several replicas ``gather`` makes every loss a function of the global batch. The caller then divides the terms
    by the number of replicas, because the replicas' gradients are added and each replica holds the whole loss.

    Args:
      network: A ``MultiTaskNetwork``.
      batch: The rows.
      losses: Task → F_t.
      mode: See above.
      on: ``negatives``, ``positives`` or ``both``.
      strength: Task → λ_t.
      head_ratio: Task → r_t.
      task_weight: Task → w_t.
      has_specific: Task → whether the training data hold enough rows of S_t.
      empty_specific: See above.
      heads_call: ``network.heads`` with this step's ``training`` and ``seed``, so that dropout drops the same units.
      gather: Maps a tensor whose first axis is the replica's rows (float32 [n] or int32 [n, k]) to the rows of all
        replicas, differentiably, as ``tf.distribute.get_replica_context().all_gather`` along axis 0 does; None for
        one replica.

    Returns:
      Task → {"head", "shared"} (without "head" where the task has none) or {"all"}; float32 scalars.

    Raises:
      ValueError: A name is unknown, or an ``mtaf`` mode meets a network that shares nothing.
    """
    _check(network, mode, empty_specific)
    if mode == "none":
        return {}
    tasks = network.tasks
    rows = _global_rows(tasks, batch, on, gather)
    if mode == "vanilla":
        scores = _scores(tasks, batch.logits, gather)
        return {t: {"all": task_weight[t] * strength[t] * rows.value(losses[t], t, scores[t], "all")} for t in tasks}

    terms: dict[str, Tensors] = {}
    stopped = tf.nest.map_structure(tf.stop_gradient, batch.shared)
    sources = [part for part in tf.nest.flatten(stopped) if part.dtype.is_floating]
    targets = [part for part in tf.nest.flatten(batch.shared) if part.dtype.is_floating]
    # One pass through the heads serves both terms. An outer tape finds the head variables in it and nothing before
    # it; this tape finds the gradient at `shared`. Persistent, because each task's gradient is taken by itself.
    with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
        tape.watch(sources)
        scores = _scores(tasks, heads_call(stopped), gather)
        for t in tasks:
            terms[t] = _terms(mode, rows, losses[t], t, scores[t], head_ratio[t], has_specific[t], empty_specific)
    for t in tasks:
        gradients = tape.gradient(terms[t]["shared"], sources, unconnected_gradients="zero")
        terms[t]["shared"] = _with_gradient(terms[t]["shared"], gradients, targets)
    del tape
    return {t: {part: task_weight[t] * strength[t] * term for part, term in terms[t].items()} for t in tasks}


def _check(network: SharingNetwork, mode: str, empty_specific: str) -> None:
    if mode not in MODES:
        raise ValueError(f"`mode` should be one of {list(MODES)}. Received: {mode!r}")
    if empty_specific not in EMPTY_SPECIFIC:
        raise ValueError(f"`empty_specific` should be one of {list(EMPTY_SPECIFIC)}. Received: {empty_specific!r}")
    if mode.startswith("mtaf") and not network.shared_variables:
        raise ValueError(
            f"mode `{mode}` trains shared layers on shared negatives, and network `{network.name}` has no shared layers. "
            "Use a network that has (`shared_bottom`, `mmoe`), or mode `vanilla` or `none`"
        )


@dataclasses.dataclass(frozen=True)
class _GlobalRows:
    """Groups and row sets of the whole batch, over all replicas."""

    group: tf.Tensor
    sets: dict[str, list[RowSets]]

    def value(self, loss: FairnessLoss, task: str, scores: tf.Tensor, part: str) -> tf.Tensor:
        """F_t on one part of N_t, added over negatives and positives where both are asked for."""
        return tf.add_n([loss(scores, self.group, getattr(rows, part)) for rows in self.sets[task]])

    def weighted(self, loss: FairnessLoss, task: str, scores: tf.Tensor, part: str) -> tf.Tensor:
        """``value`` with each summand times its share of the batch's rows; 0 where there are no rows."""
        terms = []
        for rows in self.sets[task]:
            counted = tf.cast(getattr(rows, part) & (self.group >= 0), tf.float32)
            share = tf.math.divide_no_nan(tf.reduce_sum(counted), tf.cast(tf.size(counted), tf.float32))
            terms.append(share * loss(scores, self.group, getattr(rows, part)))
        return tf.add_n(terms)


def _terms(
    mode: str,
    rows: _GlobalRows,
    loss: FairnessLoss,
    task: str,
    scores: tf.Tensor,
    ratio: Any,
    has_specific: bool,
    empty_specific: str,
) -> Tensors:
    """Head and shared term of one task, before w_t λ_t and before the shared term's gradient is moved."""
    value = rows.value if mode == "mtaf" else rows.weighted
    terms: Tensors = {}
    if has_specific:
        terms["head"] = ratio * value(loss, task, scores, "specific")
    elif empty_specific == "all_negatives":
        terms["head"] = ratio * value(loss, task, scores, "all")
    if mode == "mtaf":
        terms["shared"] = value(loss, task, scores, "shared")
    else:
        terms["shared"] = value(loss, task, scores, "all")
        if has_specific:
            terms["shared"] -= terms["head"]
    return terms


def _scores(tasks: tuple[str, ...], logits: Tensors, gather: Optional[Callable]) -> Tensors:
    """Task → probabilities of the whole batch.

    Each task is gathered by itself: stacked, the gradient of one task's loss would run through every head, as zeros.
    """
    scores = {task: tf.sigmoid(tf.cast(logits[task], tf.float32)) for task in tasks}
    return scores if gather is None else {task: gather(score) for task, score in scores.items()}


def _global_rows(tasks: tuple[str, ...], batch: FairnessBatch, on: str, gather: Optional[Callable]) -> _GlobalRows:
    """Row sets of the whole batch; one gather for all columns."""
    group, labels, weights, kinds = batch.group, batch.labels, batch.weights, batch.kinds
    if gather is not None:
        columns = [group] + [values[task] for values in (labels, weights, kinds) for task in tasks]
        table = gather(tf.stack([tf.cast(column, tf.int32) for column in columns], axis=1))
        group, *rest = tf.unstack(table, num=len(columns), axis=1)
        count = len(tasks)
        parts = [rest[start : start + count] for start in range(0, 3 * count, count)]
        labels, weights, kinds = (dict(zip(tasks, part, strict=True)) for part in parts)
    return _GlobalRows(group, {task: row_sets(on, task, labels, weights, kinds) for task in tasks})


def _with_gradient(value: tf.Tensor, gradients: list[tf.Tensor], targets: list[tf.Tensor]) -> tf.Tensor:
    """``value``, whose gradient with respect to ``targets`` is ``gradients`` and with respect to all else nothing."""
    gradients = [tf.stop_gradient(gradient) for gradient in gradients]
    value = tf.stop_gradient(value)

    @tf.custom_gradient
    def surrogate(*_: tf.Tensor) -> tuple[tf.Tensor, Callable]:
        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            return [tf.cast(upstream * tf.cast(part, upstream.dtype), part.dtype) for part in gradients]

        return tf.identity(value), gradient

    return surrogate(*targets)
