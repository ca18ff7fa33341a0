"""The model that is fitted: one network, a ranking task per task, fairness terms, one scalar loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, Optional

import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras as keras

from models.fairness.base import FairnessLoss
from models.fairness.mtaf import FairnessBatch, routed_fairness
from models.fairness.registry import build_fairness_loss
from models.fairness_terms import FairnessTerms, per_task
from models.input_pipeline import Batch
from models.lazy_adam import LazyAdam
from models.networks.base import MultiTaskNetwork
from models.settings import ModelTask, TrainingSettings


class MultiTaskModel(tfrs.models.Model):
    """Σ_t w_t L_t + the routed fairness terms, for any network and any optimiser of Keras.

    L_t is the mean binary cross-entropy over the rows whose label of task t is known (their sum divided by the global
    number of such rows, whatever the number of replicas); w_t sums to 1 over tasks. The fairness terms carry their
    factor w_t λ_t (r_t) already. They see the global batch: scores, groups and masks are gathered from all replicas, and
    the result is divided by the number of replicas, since gradients are summed over them.

    ``fit`` takes batches as ``ExampleSource.parse`` returns them, with a further batch of the same form under
    ``fairness`` where the fairness terms have batches of their own.

    Args:
      network: Trunk and heads.
      tasks: In the network's order.
      fairness: None = no fairness term.
      seed: Of the dropout masks.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        tasks: Sequence[ModelTask],
        fairness: Optional[FairnessTerms] = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.train_function: Optional[Callable[[Any], dict[str, Any]]] = None
        self.network = network
        self.tasks = tuple(task.name for task in tasks)
        total = sum(task.weight for task in tasks)
        self.task_weights = {task.name: task.weight / total for task in tasks}
        self._fairness = fairness
        self._seed = seed
        # Read by the losses that need a decision threshold; `fix_thresholds` moves them to the validation scores'.
        self.thresholds = [
            tf.Variable(0.5 if task.threshold == "base_rate" else task.threshold, trainable=False, dtype=tf.float32)
            for task in tasks
        ]
        self._aucs = [keras.metrics.AUC(from_logits=True, name=f"auc/{task}") for task in self.tasks]
        self._ranking = [_ranking_task(auc) for auc in self._aucs]
        self._loss_means = [keras.metrics.Mean(name=f"loss/{task}") for task in self.tasks]
        self._fairness_losses: dict[str, FairnessLoss] = {}
        self._fairness_means: dict[str, keras.metrics.Mean] = {}
        if fairness is not None and fairness.settings.mode != "none":
            self._make_fairness(fairness)

    def _make_fairness(self, fairness: FairnessTerms) -> None:
        settings = fairness.settings
        self._strength = per_task(settings.strength, self.tasks, "fairness.strength")
        self._head_ratio = per_task(settings.head_ratio, self.tasks, "fairness.head_ratio")
        if not any(self._strength.values()):
            return
        self._fairness_losses = {
            task: build_fairness_loss(settings, fairness.n_groups, threshold)
            for task, threshold in zip(self.tasks, self.thresholds, strict=True)
        }
        names = [f"fairness/{task}/{part}" for task in self.tasks for part in fairness.parts(task)]
        self._fairness_means = {name: keras.metrics.Mean(name=name) for name in names}

    def call(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Logits by task, float32 [n]."""
        return self.network(features, training=False, seed=None)

    def compute_loss(self, inputs: Batch, training: bool = False) -> tf.Tensor:  # type: ignore[override]
        """The scalar whose gradient is the step."""
        seed = self._step_seed()
        shared = self.network.trunk(inputs["features"], training=training, seed=seed)
        logits = self.network.heads(shared, training=training, seed=seed)
        loss = tf.add_n(
            [
                self.task_weights[task] * self._task_loss(index, logits[task], inputs)
                for index, task in enumerate(self.tasks)
            ]
        )
        return loss + self._fairness_loss(inputs, shared, logits, training, seed) if self._fairness_losses else loss

    def _step_seed(self) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
        draw = self.optimizer.iterations * context.num_replicas_in_sync + replica
        return tf.stack([tf.constant(self._seed, tf.int32), tf.cast(draw, tf.int32)])

    def _task_loss(self, index: int, logits: tf.Tensor, inputs: Batch) -> tf.Tensor:
        task = self.tasks[index]
        weights = inputs["weights"][task]
        losses = self._ranking[index](
            labels=inputs["labels"][task][:, tf.newaxis], predictions=logits[:, tf.newaxis], sample_weight=weights
        )
        total, known = tf.reduce_sum(losses), tf.reduce_sum(weights)
        self._loss_means[index].update_state(tf.math.divide_no_nan(total, known), sample_weight=known)
        context = tf.distribute.get_replica_context()
        return tf.math.divide_no_nan(total, context.all_reduce(tf.distribute.ReduceOp.SUM, known))

    def _fairness_loss(
        self, inputs: Batch, shared: Any, logits: dict[str, tf.Tensor], training: bool, seed: Optional[tf.Tensor]
    ) -> tf.Tensor:
        def heads(part: Any) -> dict[str, tf.Tensor]:
            return self.network.heads(part, training=training, seed=seed)

        if "fairness" not in inputs:
            terms = self._routed(inputs, shared, logits, heads)
        else:
            terms = {}
            for task, batch in inputs["fairness"].items():
                shared = self.network.trunk(batch["features"], training=training, seed=seed)
                terms[task] = self._routed(batch, shared, heads(shared), heads, task)[task]
        total = tf.zeros([])
        for task, parts in terms.items():
            for part, term in parts.items():
                self._fairness_means[f"fairness/{task}/{part}"].update_state(term)
                total += term
        return total / tf.distribute.get_replica_context().num_replicas_in_sync

    def _routed(
        self,
        batch: Batch,
        shared: Any,
        logits: dict[str, tf.Tensor],
        heads: Callable[[Any], dict[str, tf.Tensor]],
        only: Optional[str] = None,
    ) -> dict[str, dict[str, tf.Tensor]]:
        """The terms of all tasks, or of ``only`` one among them."""
        assert self._fairness is not None
        settings = self._fairness.settings
        network: Any = self.network
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
            group=batch["groups"][self._fairness.group],
        )
        return routed_fairness(
            network,
            rows,
            self._fairness_losses,
            mode=settings.mode,
            on=settings.on,
            strength=self._strength,
            head_ratio=self._head_ratio,
            task_weight=self.task_weights,
            has_specific=self._fairness.has_specific,
            empty_specific=settings.empty_specific,
            heads_call=heads,
            gather=_gather if context.num_replicas_in_sync > 1 else None,
        )

    def make_train_function(self, force: bool = False) -> Callable[[Any], dict[str, Any]]:
        """Keras' hook for the compiled step.

        Keras' own converts all code below by AutoGraph, which takes half a minute to find no control flow on tensors, and
        returns logs of every step that nobody reads.
        """
        if force or self.train_function is None:

            @tf.function(autograph=False, reduce_retracing=True)
            def step(iterator: Any) -> dict[str, Any]:
                self.distribute_strategy.run(self.train_step, args=(next(iterator),))
                return {}

            self.train_function = step
        return self.train_function

    def train_step(self, inputs: Batch) -> dict[str, tf.Tensor]:
        """One step of the optimiser."""
        with tf.GradientTape() as tape:
            loss = self.compute_loss(inputs, training=True)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return {"loss": loss}

    def get_metrics_result(self) -> dict[str, Any]:
        """Nothing: the metrics are read by ``epoch_figures``."""
        return {}

    def epoch_figures(self) -> dict[str, dict[str, Any]]:
        """Task → ``loss``, ``auc`` and ``fairness`` by part (as it enters the loss) since the epoch began."""
        figures: dict[str, dict[str, Any]] = {}
        for task, loss, auc in zip(self.tasks, self._loss_means, self._aucs, strict=True):
            parts = self._fairness.parts(task) if self._fairness is not None and self._fairness_losses else ()
            figures[task] = {
                "loss": float(loss.result()),
                "auc": float(auc.result()),
                "fairness": {part: float(self._fairness_means[f"fairness/{task}/{part}"].result()) for part in parts},
            }
        return figures


def _gather(rows: tf.Tensor) -> tf.Tensor:
    return tf.distribute.get_replica_context().all_gather(rows, axis=0)


def _ranking_task(auc: keras.metrics.Metric) -> tfrs.tasks.Ranking:
    # Other reductions are refused under tf.distribute, and would divide by rows rather than by known labels.
    loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction=keras.losses.Reduction.NONE)
    return tfrs.tasks.Ranking(loss=loss, metrics=[auc])


def make_optimizer(settings: TrainingSettings) -> keras.optimizers.Optimizer:
    """The optimiser that the settings name."""
    classes = {
        "adam": keras.optimizers.Adam,
        "lazy_adam": LazyAdam,
        "adagrad": keras.optimizers.Adagrad,
        "sgd": keras.optimizers.SGD,
    }
    return classes[settings.optimizer](learning_rate=settings.learning_rate)
