"""The model that is fitted: one network, the tasks' losses and their weighting, fairness terms, what robustness adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.config.settings import ModelTask, TrainingSettings
from models.config.weighting import FixedSettings
from models.data.input_pipeline import Batch
from models.fairness.objective import FairnessObjective, Terms, has_effect
from models.fairness.terms import FairnessTerms
from models.networks.base import MultiTaskNetwork
from models.robustness.objective import RobustObjective
from models.training.task_weighting import gradient_sources, make_weighting
from models.weighting.base import TaskSignals, Weighting
from models.weighting.task_gradients import reduced, weighted_gradients
from models.weighting.task_losses import TaskLoss, TaskLosses, global_mean

Scorer = Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]

# Share of the train rows that a search learns its architecture from, and its layers do not.
HELD_OUT_SHARE = 0.3


class StepLosses(NamedTuple):
    """What one forward pass gives.

    Attributes:
      shared: The trunk's output.
      tasks: L_t of each task.
      held_out: L_t on the rows that the architecture is learned from; empty without a search.
      fairness: The fairness terms, without the task weights.
      robust: Terms that robustness adds, which no task weight multiplies.
    """

    shared: Any
    tasks: list[TaskLoss]
    held_out: list[TaskLoss]
    fairness: Terms
    robust: dict[str, tf.Tensor]

    def values(self) -> list[tf.Tensor]:
        """L_t."""
        return [loss.value for loss in self.tasks]

    def known(self) -> tf.Tensor:
        """bool [T], whether the global batch has a known label of the task."""
        return tf.stack([loss.known > 0 for loss in self.tasks])


class MultiTaskModel(tfrs.models.Model):
    """Σ_t w_t L_t + the routed fairness terms, for any network and any optimiser of Keras.

    L_t is the mean binary cross-entropy over the rows whose label of task t is known (their sum divided by the global
    number of such rows, whatever the number of replicas); w_t sums to 1 over tasks and comes from the weighting. The
    fairness terms carry the factor w_t λ_t (r_t). They see the global batch: scores, groups and masks are gathered from
    all replicas, and the result is divided by the number of replicas, since gradients are summed over them.

    ``train_steps`` takes batches as ``ExampleSource.parse`` returns them, with a further batch of the same form under
    ``fairness`` where the fairness terms have batches of their own.

    Args:
      network: Trunk and heads.
      tasks: In the network's order.
      fairness: None = no fairness term.
      seed: Of the dropout masks.
      weighting: Built; None = the weights that ``tasks`` give.
      robust: None = the mean over rows.
      trainable: The variables that are trained; None = all.
      held_out: Variables that learn from a held-out part of the rows (``draw`` of a batch), the others from the rest.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        tasks: Sequence[ModelTask],
        fairness: Optional[FairnessTerms] = None,
        seed: int = 0,
        *,
        weighting: Optional[Weighting] = None,
        robust: Optional[RobustObjective] = None,
        trainable: Optional[Sequence[tf.Variable]] = None,
        held_out: Sequence[tf.Variable] = (),
    ) -> None:
        super().__init__()
        self._scorers: Optional[tuple[Scorer, Optional[Scorer]]] = None
        self._optimizer_start: Optional[list[np.ndarray]] = None
        self._steps: Optional[Callable[[Any, tf.Tensor], None]] = None
        self.network = network
        self.tasks = tuple(task.name for task in tasks)
        total = sum(task.weight for task in tasks)
        self.task_weights = {task.name: task.weight / total for task in tasks}
        self.weighting = weighting or make_weighting(FixedSettings(), network, tasks, seed)
        self.robust = robust
        beside = [] if robust is None else robust.own_variables()
        trained = self.trainable_variables if trainable is None else [*trainable, *beside]
        self._trained = {variable.ref() for variable in trained}
        self._held_out = [variable.ref() for variable in held_out]
        self.seed = tf.Variable(seed, trainable=False, dtype=tf.int32, aggregation=_ONCE)
        # Read by the losses that need a decision threshold; the trainer moves them to the validation scores'.
        self.thresholds = [tf.Variable(_first_threshold(task), trainable=False, dtype=tf.float32) for task in tasks]
        self._losses = TaskLosses(self.tasks)
        self._tracked = [self._losses.aucs, self._losses.means, self._losses.ranking]
        self.fairness: Optional[FairnessObjective] = None
        if fairness is not None and has_effect(fairness, self.tasks):
            self.fairness = FairnessObjective(network, fairness, dict(zip(self.tasks, self.thresholds, strict=True)))
            # Keras resets the metrics that it finds among attributes.
            self._tracked_fairness = self.fairness.means

    def restart(
        self,
        weights: Sequence[np.ndarray],
        tasks: Sequence[ModelTask],
        fairness: Optional[FairnessTerms],
        training: TrainingSettings,
    ) -> None:
        """Makes this model what a new one would be, and keeps its compiled steps; ``remember_start`` came before.

        Args:
          weights: The network's, as it is to start.
          tasks: Like those that the model was built for, but for numbers as thresholds.
          fairness: Like those that it was built for, but for λ and r.
          training: Seed and learning rate are read.
        """
        self.network.set_weights(weights)
        self.seed.assign(training.seed)
        for variable, task in zip(self.thresholds, tasks, strict=True):
            variable.assign(_first_threshold(task))
        if self.fairness is not None and fairness is not None:
            self.fairness.restart(fairness)
        for state in (self.weighting, self.robust):
            if state is not None:
                state.reset()
        self.reset_metrics()
        assert self._optimizer_start is not None
        for variable, value in zip(self.optimizer.variables, self._optimizer_start, strict=True):
            variable.assign(value)
        self.optimizer.learning_rate = training.learning_rate

    def remember_start(self) -> None:
        """Keeps a copy of the optimiser's state, to which ``restart`` goes back; call it before the first step."""
        with self.distribute_strategy.scope():
            self.optimizer.build(self.trained_variables)
        self._optimizer_start = [variable.numpy() for variable in self.optimizer.variables]

    def scorers(self, features: Mapping[str, Any]) -> tuple[Scorer, Optional[Scorer]]:
        """``call`` and the network's ``mean_gate_weights`` (None for networks without gates), compiled once.

        Args:
          features: Specs of the features.
        """
        if self._scorers is None:

            def compiled(function: Callable[..., dict[str, tf.Tensor]]) -> Scorer:
                return tf.function(function, input_signature=[features], autograph=False)

            gates = getattr(self.network, "mean_gate_weights", None)
            self._scorers = (compiled(self.call), None if gates is None else compiled(gates))
        return self._scorers

    @property
    def trained_variables(self) -> list[tf.Variable]:
        """The variables that a step moves."""
        return self._among_trained(self.trainable_variables)

    def further_state(self) -> dict[str, Any]:
        """What a checkpoint holds beside network, optimiser, thresholds and weighting: also the epoch's figures so far."""
        metrics = tf.train.Checkpoint(values=self.metrics)
        return {"metrics": metrics} if self.robust is None else {"metrics": metrics, "robust": self.robust}

    def _among_trained(self, variables: Sequence[tf.Variable]) -> list[tf.Variable]:
        return [variable for variable in variables if variable.ref() in self._trained]

    def call(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Logits by task, float32 [n]."""
        return self.network(features, training=False, seed=None)

    def compute_loss(self, inputs: Batch, training: bool = False) -> tf.Tensor:  # type: ignore[override]
        """The loss of a batch with the task weights as they stand."""
        losses = self._forward(inputs, training)
        others, factors = self._others(losses)
        weights = self.weighting.weights()
        self._record(losses, weights)
        terms = zip([*losses.values(), *others], [*tf.unstack(weights), *factors(weights)], strict=True)
        return tf.add_n([factor * term for term, factor in terms])

    def _forward(self, inputs: Batch, training: bool) -> StepLosses:
        seed = self._step_seed()
        shared = self.network.trunk(inputs["features"], training=training, seed=seed)
        logits = self.network.heads(shared, training=training, seed=seed)
        rows = [self._losses.rows(index, logits[task], inputs) for index, task in enumerate(self.tasks)]
        robust, held_out = self.robust, []
        weights = inputs["weights"] if robust is None else robust.row_weights(inputs)
        if self._held_out:
            out = tf.cast(inputs["draw"] < HELD_OUT_SHARE, tf.float32)
            held_out = self._task_losses(rows, {task: known * out for task, known in weights.items()}, inputs, False)
            weights = {task: known * (1 - out) for task, known in weights.items()}
        return StepLosses(
            shared,
            self._task_losses(rows, weights, inputs, training),
            held_out,
            {} if self.fairness is None else self.fairness(inputs, shared, logits, training, seed),
            {} if robust is None else robust.terms(inputs["features"], shared, seed, training),
        )

    def _task_losses(
        self, rows: Sequence[tf.Tensor], weights: Mapping[str, tf.Tensor], inputs: Batch, training: bool
    ) -> list[TaskLoss]:
        if self.robust is None:
            return [global_mean(losses, weights[task]) for task, losses in zip(self.tasks, rows, strict=True)]
        return [
            self.robust.combine(index, losses, weights[self.tasks[index]], inputs, training)
            for index, losses in enumerate(rows)
        ]

    def _others(self, losses: StepLosses) -> tuple[list[tf.Tensor], Callable[[tf.Tensor], list[tf.Tensor]]]:
        """The terms of the loss but L_t, and a function from the task weights [T] to a factor for each."""
        fair = [(self.tasks.index(task), term) for task, parts in losses.fairness.items() for term in parts.values()]
        robust = list(losses.robust.values())
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync

        def factors(weights: tf.Tensor) -> list[tf.Tensor]:
            # Every replica holds the fairness terms of the global batch; of the others each holds its share.
            return [*(weights[t] / replicas for t, _ in fair), *(tf.ones([]) for _ in robust)]

        return [*(term for _, term in fair), *robust], factors

    def _step_seed(self) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int64)
        draw = self.optimizer.iterations * context.num_replicas_in_sync + replica
        return tf.stack([tf.convert_to_tensor(self.seed), tf.cast(draw, tf.int32)])

    def train_steps(self, batches: Iterator[Batch], count: int) -> None:
        """Trains on the next ``count`` batches, in one call of the compiled loop over steps.

        Keras' ``fit`` returns to Python after each step, and converts all code below by AutoGraph, which takes half a minute
        to find no control flow on tensors.

        Args:
          batches: Of a dataset, or of a distributed one: replicas then take their shares.
          count: At most as many as there are left.
        """
        if self._steps is None:

            @tf.function(autograph=False, reduce_retracing=True)
            def steps(batches: Any, count: tf.Tensor) -> None:
                def step(done: tf.Tensor) -> tuple[tf.Tensor]:
                    self.distribute_strategy.run(self.train_step, args=(next(batches),))
                    return (done + 1,)

                tf.while_loop(lambda done: done < count, step, (0,), parallel_iterations=1)

            self._steps = steps
        self._steps(batches, tf.constant(count))

    def train_step(self, inputs: Batch) -> dict[str, tf.Tensor]:
        """One step of the optimiser, and of the weighting."""
        variables = self.trained_variables
        by_gradient = self.weighting.needs != "losses"
        with tf.GradientTape(persistent=by_gradient or bool(self._held_out)) as tape:
            losses = self._forward(inputs, training=True)
        others, factors = self._others(losses)
        values, known = losses.values(), losses.known()
        if by_gradient:
            sources = gradient_sources(self.weighting, self.network, losses.shared, self._among_trained)
            gradients, weights = weighted_gradients(
                tape, values, known, others, factors, sources, self.weighting, variables, self.optimizer.iterations
            )
        else:
            signals = TaskSignals(losses=reduced(tf.stack(values)), known=known, step=self.optimizer.iterations)
            weights = self.weighting.step(signals).weights
            upstream = [*tf.unstack(weights), *factors(weights)]
            gradients = tape.gradient([*values, *others], variables, output_gradients=upstream)
        if self._held_out:
            gradients = self._with_held_out(tape, gradients, losses, weights, variables)
        del tape
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self._record(losses, weights)
        terms = zip([*values, *others], [*tf.unstack(weights), *factors(weights)], strict=True)
        return {"loss": tf.add_n([factor * term for term, factor in terms])}

    def _record(self, losses: StepLosses, weights: tf.Tensor) -> None:
        if self.fairness is not None:
            self.fairness.record(losses.fairness, dict(zip(self.tasks, tf.unstack(weights), strict=True)))

    def _with_held_out(
        self,
        tape: tf.GradientTape,
        gradients: list[Any],
        losses: StepLosses,
        weights: tf.Tensor,
        variables: Sequence[tf.Variable],
    ) -> list[Any]:
        """The held-out variables' gradients are those of the held-out rows."""
        own = [variable for variable in variables if variable.ref() in self._held_out]
        targets = [loss.value for loss in losses.held_out]
        found = dict(
            zip(self._held_out, tape.gradient(targets, own, output_gradients=tf.unstack(weights)), strict=True)
        )
        return [found.get(v.ref(), gradient) for v, gradient in zip(variables, gradients, strict=True)]

    def get_metrics_result(self) -> dict[str, Any]:
        """Nothing: the metrics are read by ``epoch_figures``."""
        return {}

    def epoch_figures(self) -> dict[str, dict[str, Any]]:
        """Task → ``loss``, ``auc`` and ``fairness`` by part (as it enters the loss) of the epoch so far, ``weight`` now."""
        fairness = {} if self.fairness is None else self.fairness.figures()
        weights = dict(zip(self.tasks, self.weighting.weights().numpy().tolist(), strict=True))
        return {
            task: {**figures, "fairness": fairness.get(task, {}), "weight": weights[task]}
            for task, figures in self._losses.figures().items()
        }


def _first_threshold(task: ModelTask) -> float:
    return 0.5 if task.threshold == "base_rate" else task.threshold


_ONCE = tf.VariableAggregation.ONLY_FIRST_REPLICA
