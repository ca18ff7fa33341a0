"""What the methods against worst-group error change in a step: rows' weights, a task's mean, further terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from models.config.robustness import JTT, RegularisedMTL
from models.data.input_pipeline import Batch
from models.networks.base import MultiTaskNetwork
from models.robustness.group_dro import GroupDRO
from models.robustness.jtt import upweighted
from models.robustness.reconstruction import Reconstruction
from models.robustness.regularised import pretraining_loss, regularised_terms
from models.weighting.task_gradients import reduced
from models.weighting.task_losses import TaskLoss, global_mean


class RobustObjective(tf.Module):
    """The mean over rows, and no further term; methods override what they change.

    Args:
      network: Whose training it is part of.
    """

    def __init__(self, network: MultiTaskNetwork) -> None:
        super().__init__(name=type(self).__name__.lower())
        self.network = network

    def row_weights(self, inputs: Batch) -> Mapping[str, tf.Tensor]:
        """Task → weight of each row [n], 0 where its label is unknown."""
        return inputs["weights"]

    def combine(self, index: int, losses: tf.Tensor, weights: tf.Tensor, inputs: Batch, training: bool) -> TaskLoss:
        """A task's loss from its rows' losses [n] and weights [n]; a state moves in training alone."""
        return global_mean(losses, weights)

    def terms(
        self, features: Mapping[str, tf.Tensor], shared: Any, seed: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """Further terms of the loss: this replica's shares."""
        return {}

    def own_variables(self) -> list[tf.Variable]:
        """Variables that are trained beside the network's, and not exported."""
        return []

    def reset(self) -> None:
        """The state as at the start; the variables that are trained are not touched."""


class Regularised(RobustObjective):
    """Reconstruction of corrupted inputs and an L1 penalty on the shared representation.

    Args:
      network: Shares layers.
      settings: α, β, …
      heads: That reconstruct (``build_reconstruction``); None where α is 0.
    """

    def __init__(self, network: MultiTaskNetwork, settings: RegularisedMTL, heads: Optional[Reconstruction]) -> None:
        super().__init__(network)
        self._settings, self._heads = settings, heads

    def terms(
        self, features: Mapping[str, tf.Tensor], shared: Any, seed: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """α L_aux and β mean|h|."""
        return regularised_terms(
            self.network, self._heads, self._settings, features, shared, seed, training=training, reduce=reduced
        )

    def own_variables(self) -> list[tf.Variable]:
        """Of the reconstruction heads."""
        return [] if self._heads is None else self._heads.trainable_variables


class Pretraining(RobustObjective):
    """Reconstruction alone: the tasks' losses are measured, and count nothing.

    Args:
      network: Shares layers.
      heads: That reconstruct.
    """

    def __init__(self, network: MultiTaskNetwork, heads: Reconstruction) -> None:
        super().__init__(network)
        self._heads = heads

    def combine(self, index: int, losses: tf.Tensor, weights: tf.Tensor, inputs: Batch, training: bool) -> TaskLoss:
        """0, with the gradient 0."""
        loss = global_mean(losses, weights)
        return TaskLoss(0.0 * loss.value, loss.known)

    def terms(
        self, features: Mapping[str, tf.Tensor], shared: Any, seed: tf.Tensor, training: bool
    ) -> dict[str, tf.Tensor]:
        """L_aux."""
        loss = pretraining_loss(self.network, self._heads, features, seed, training=training, reduce=reduced)
        return {"reconstruction": loss}

    def own_variables(self) -> list[tf.Variable]:
        """Of the reconstruction heads."""
        return self._heads.trainable_variables


class JustTrainTwice(RobustObjective):
    """The rows that a first model gets wrong weigh more.

    Args:
      network: The second model.
      settings: How much more.
      first: The first model, which stays as it is.
    """

    def __init__(self, network: MultiTaskNetwork, settings: JTT, first: MultiTaskNetwork) -> None:
        super().__init__(network)
        self._upweight = settings.upweight
        # Behind a function: TensorFlow would take the first model for a part of this one, to be trained and saved.
        self._first = lambda features: first(features, training=False, seed=None)

    def row_weights(self, inputs: Batch) -> Mapping[str, tf.Tensor]:
        """Known rows, times the factor where the first model errs."""
        logits = self._first(inputs["features"])
        return {
            task: upweighted(weights, inputs["labels"][task], logits[task], self._upweight)
            for task, weights in inputs["weights"].items()
        }


class WorstCells(RobustObjective):
    """GroupDRO over label × group cells.

    Args:
      network: For its tasks.
      group: Group key.
      n_groups: Number of its values.
      step: η.
      counts: Task → [n_groups, 2], train rows by group and label.
    """

    def __init__(
        self,
        network: MultiTaskNetwork,
        group: str,
        n_groups: int,
        step: float,
        counts: Optional[Mapping[str, np.ndarray]] = None,
    ) -> None:
        super().__init__(network)
        self._group = group
        self.cells = GroupDRO(network.tasks, n_groups, step, counts)

    def combine(self, index: int, losses: tf.Tensor, weights: tf.Tensor, inputs: Batch, training: bool) -> TaskLoss:
        """Σ_c q_c L_c."""
        labels, group = inputs["labels"][self.network.tasks[index]], inputs["groups"][self._group]
        value = self.cells.task_loss(index, losses, labels, weights, group, reduced, update=training)
        return TaskLoss(value, reduced(tf.reduce_sum(weights)))

    def reset(self) -> None:
        """All cells alike."""
        self.cells.reset()
