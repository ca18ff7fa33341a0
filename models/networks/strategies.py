"""In which stages a network is trained: one for most, several for DSMTL's individual and architecture learning."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Optional, Protocol, TypeVar

import numpy as np
import tensorflow as tf

from models.config.networks import DsmtlSettings
from models.networks.architecture import Architecture
from models.networks.base import MultiTaskNetwork, NetworkSpec
from models.networks.dsmtl import Dsmtl
from models.networks.dsmtl_compact import DsmtlCompact
from models.networks.dsmtl_search import DsmtlSearch
from models.networks.registry import NETWORKS

Fit = TypeVar("Fit")
FitOfRunner = TypeVar("FitOfRunner", covariant=True)


class StageRunner(Protocol[FitOfRunner]):
    """What trains one stage; the trainer above is one."""

    def fit(
        self,
        name: str,
        network: MultiTaskNetwork,
        *,
        trainable: Optional[list[tf.Variable]] = None,
        held_out: Sequence[tf.Variable] = (),
        epochs: Optional[int] = None,
    ) -> FitOfRunner:
        """Trains ``network`` and leaves the kept weights in it.

        Args:
          name: Of the stage, for reports and checkpoints.
          network: With its weights as they are.
          trainable: What is trained; None = all.
          held_out: Variables among them that learn from a held-out part of train, the others from the rest.
          epochs: None = as the settings say.
        """

    def train_losses(self, network: MultiTaskNetwork) -> dict[str, float]:
        """Task → mean loss over the whole train split, without dropout."""


@dataclasses.dataclass(frozen=True)
class StagedFit(Generic[Fit]):
    """What the stages left behind.

    Attributes:
      network: With its final weights; the one to export.
      fits: Stage → what the runner returned, in the order of the stages.
      stage_of: Task → the stage whose fit has the scores of the task's final weights.
      train_losses: Stage → task → mean train loss; of individual learning only.
      architecture: What the search found, or None.
      parameters: Trainable numbers of ``network`` and, after a search, of the ``full`` DSMTL network (without gates) and of
        the ``single_task`` networks.
    """

    network: MultiTaskNetwork
    fits: Mapping[str, Fit]
    stage_of: Mapping[str, str]
    train_losses: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    architecture: Optional[Architecture] = None
    parameters: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def figures(self) -> dict[str, Any]:
        """All but network and fits, as plain values.

        ``gates`` are the final (a_t, b_t) of a DSMTL network: its history lacks them, since gates are closed after the last
        stage. ``closed_gates`` names the tasks that ended as single-task ones.
        """
        return {
            "stages": list(self.fits),
            "stage_of": dict(self.stage_of),
            "train_losses": {stage: dict(losses) for stage, losses in self.train_losses.items()},
            "gates": self.network.final_gates(),
            "closed_gates": list(self.network.closed_tasks),
            "architecture": None if self.architecture is None else self.architecture.to_json(),
            "parameters": dict(self.parameters),
        }


def train_in_stages(spec: NetworkSpec, runner: StageRunner[Fit]) -> StagedFit[Fit]:
    """Builds the network that ``spec`` names and trains it by the strategy that its settings ask for.

    Under ``tf.distribute``, call it within the strategy's scope.

    Args:
      spec: What to build.
      runner: Trains the stages.

    Returns:
      The trained network and what is known of its stages.
    """
    return STRATEGIES[spec.settings.strategy](spec, runner)


def joint_learning(spec: NetworkSpec, runner: StageRunner[Fit]) -> StagedFit[Fit]:
    """One stage, in which everything is trained.

    Args:
      spec: What to build.
      runner: Trains the stage ``joint``.
    """
    name = spec.settings.network
    network = NETWORKS[name](spec, name=name)
    fit = runner.fit("joint", network)
    return StagedFit(
        network,
        {"joint": fit},
        dict.fromkeys(network.tasks, "joint"),
        parameters={"network": _count(network.trainable_variables)},
    )


def individual_learning(network: Dsmtl, runner: StageRunner[Fit]) -> StagedFit[Fit]:
    """DSMTL-IL: no task ends with a higher train loss than single-task learning gave it.

    First all gates are closed and the private encoders and towers are trained: single-task learning. These then stay as
    they are, while the public encoder and the gates are trained. A softmax or sigmoid gate never quite closes by itself,
    so each task whose train loss did not fall gets its gate closed, which makes it what it was after the first stage.

    Args:
      network: With its initial weights.
      runner: Trains the stages ``single_task`` and ``sharing``.
    """
    tasks = network.tasks
    network.close(tasks)
    fits = {"single_task": runner.fit("single_task", network, trainable=network.private_variables)}
    alone = runner.train_losses(network)
    network.open(tasks)
    fits["sharing"] = runner.fit("sharing", network, trainable=network.public_variables)
    sharing = runner.train_losses(network)
    # A loss that is not a number is no improvement either.
    stage_of = {task: "sharing" if sharing[task] < alone[task] else "single_task" for task in tasks}
    network.close(task for task, stage in stage_of.items() if stage == "single_task")
    return StagedFit(
        network,
        fits,
        stage_of,
        train_losses={"single_task": alone, "sharing": sharing},
        parameters={"network": _count(network.trainable_variables)},
    )


def architecture_learning(spec: NetworkSpec, runner: StageRunner[Fit]) -> StagedFit[Fit]:
    """DSMTL-AL: a search for what to share, then training of the network that it found, from its initial weights.

    Args:
      spec: What to build; ``search_epochs`` bounds the search.
      runner: Trains the stages ``search`` and ``compact``.
    """
    search = DsmtlSearch(spec, name="dsmtl_search")
    fits = {
        "search": runner.fit(
            "search", search, held_out=search.architecture_variables, epochs=spec.own(DsmtlSettings).search_epochs
        )
    }
    architecture = search.architecture
    choices = _count(search.architecture_variables)
    full = _count(search.trainable_variables) - choices
    single_task = full - _count(search.shared_variables)
    del search
    network = DsmtlCompact(spec, architecture, name="dsmtl_compact")
    fits["compact"] = runner.fit("compact", network)
    return StagedFit(
        network,
        fits,
        dict.fromkeys(network.tasks, "compact"),
        architecture=architecture,
        parameters={
            "network": _count(network.trainable_variables),
            "full": full,
            "single_task": single_task,
        },
    )


# What `strategy` of a network's settings names.
STRATEGIES: dict[str, Callable[[NetworkSpec, StageRunner[Any]], StagedFit[Any]]] = {
    "joint": joint_learning,
    "individual": lambda spec, runner: individual_learning(Dsmtl(spec, name=spec.settings.network), runner),
    "architecture": architecture_learning,
}


def _count(variables: Sequence[tf.Variable]) -> int:
    return sum(int(np.prod(variable.shape)) for variable in variables)
