"""The fairness terms of a batch, as they enter the loss but for the task weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Optional

import tensorflow as tf
import tf_keras as keras

from models.config.fairness import per_task, strengths_of
from models.data.input_pipeline import Batch
from models.fairness.mtaf import FairnessBatch, routed_fairness
from models.fairness.registry import build_fairness_loss
from models.fairness.terms import FairnessTerms
from models.networks.base import MultiTaskNetwork

# Task → part (``FairnessTerms.parts``) → λ_t (r_t) F_t, a scalar.
Terms = dict[str, dict[str, tf.Tensor]]


class FairnessObjective:
    """λ_t (r_t) F_t by task and part, routed by the mode.

    λ_t and r_t are variables, so that λ may be learned and one traced step serves a whole grid of them.

    Args:
      network: Whose heads are called.
      terms: Settings and what train holds; its mode is not ``none``.
      thresholds: Task → decision threshold, for the losses that need one.
    """

    def __init__(self, network: MultiTaskNetwork, terms: FairnessTerms, thresholds: Mapping[str, tf.Variable]) -> None:
        self._network, self._terms = network, terms
        self.tasks = network.tasks
        self.strength = _variables(strengths_of(terms.settings, self.tasks))
        self.head_ratio = _variables(per_task(terms.settings.head_ratio, self.tasks, "fairness.head_ratio"))
        self._losses = {
            task: build_fairness_loss(terms.settings, terms.n_groups, thresholds[task]) for task in self.tasks
        }
        self.means = {
            task: {part: keras.metrics.Mean(name=f"fairness/{task}/{part}") for part in terms.parts(task)}
            for task in self.tasks
        }

    def restart(self, terms: FairnessTerms) -> None:
        """Takes λ and r from ``terms``, which are alike in all else."""
        ratios = per_task(terms.settings.head_ratio, self.tasks, "fairness.head_ratio")
        for task, strength in strengths_of(terms.settings, self.tasks).items():
            self.strength[task].assign(strength)
            self.head_ratio[task].assign(ratios[task])

    def __call__(
        self, inputs: Batch, shared: Any, logits: dict[str, tf.Tensor], training: bool, seed: Optional[tf.Tensor]
    ) -> Terms:
        """The terms of a batch, or of the fairness batches that come with it."""

        def heads(part: Any) -> dict[str, tf.Tensor]:
            return self._network.heads(part, training=training, seed=seed)

        if "fairness" not in inputs:
            return self._routed(inputs, shared, logits, heads)
        terms = {}
        for task, batch in inputs["fairness"].items():
            shared = self._network.trunk(batch["features"], training=training, seed=seed)
            terms[task] = self._routed(batch, shared, heads(shared), heads, task)[task]
        return terms

    def _routed(
        self,
        batch: Batch,
        shared: Any,
        logits: dict[str, tf.Tensor],
        heads: Callable[[Any], dict[str, tf.Tensor]],
        only: Optional[str] = None,
    ) -> Terms:
        """The terms of all tasks, or of ``only`` one among them."""
        settings = self._terms.settings
        network: Any = self._network
        if only is not None and settings.on == "negatives":
            # Which positives are specific depends on the other tasks' labels; then the other tasks' terms are traced too,
            # and dropped by TensorFlow because nothing uses them.
            network = SimpleNamespace(name=network.name, tasks=(only,), shared_variables=network.shared_variables)
        context = tf.distribute.get_replica_context()
        rows = FairnessBatch(
            shared=shared,
            logits=logits,
            labels=batch["labels"],
            weights=batch["weights"],
            kinds=batch["kinds"],
            group=batch["groups"][self._terms.group],
        )
        return routed_fairness(
            network,
            rows,
            self._losses,
            mode=settings.mode,
            on=settings.on,
            strength=self.strength,
            head_ratio=self.head_ratio,
            # The step multiplies by the weights, which it may learn from the losses of this very pass.
            task_weight=dict.fromkeys(self.tasks, 1.0),
            has_specific=self._terms.has_specific,
            empty_specific=settings.empty_specific,
            heads_call=heads,
            gather=_gather if context.num_replicas_in_sync > 1 else None,
        )

    def record(self, terms: Terms, weights: Mapping[str, tf.Tensor]) -> None:
        """Counts the terms, times the tasks' weights, in the epoch's figures."""
        for task, parts in terms.items():
            for part, term in parts.items():
                self.means[task][part].update_state(weights[task] * term)

    def figures(self) -> dict[str, dict[str, float]]:
        """Task → part → mean term as it entered the loss, since the epoch began."""
        return {
            task: {part: float(mean.result()) for part, mean in parts.items()} for task, parts in self.means.items()
        }


def has_effect(terms: Optional[FairnessTerms], tasks: tuple[str, ...]) -> bool:
    """Whether there is a term at all: a mode, and a λ that is not 0 or may become another."""
    if terms is None or terms.settings.mode == "none":
        return False
    if terms.settings.target_gap is not None:
        return True
    return any(strengths_of(terms.settings, tasks).values())


def _variables(values: Mapping[str, float]) -> dict[str, tf.Variable]:
    once = tf.VariableAggregation.ONLY_FIRST_REPLICA
    return {
        task: tf.Variable(value, trainable=False, dtype=tf.float32, aggregation=once) for task, value in values.items()
    }


def _gather(rows: tf.Tensor) -> tf.Tensor:
    return tf.distribute.get_replica_context().all_gather(rows, axis=0)
