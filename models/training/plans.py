"""Which stages a training has, by its settings: usually one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Optional

from models.metrics.task_scores import TaskScores
from models.networks.base import MultiTaskNetwork, NetworkSpec
from models.networks.registry import NETWORKS
from models.networks.strategies import train_in_stages
from models.robustness.objective import JustTrainTwice, Pretraining, Regularised, RobustObjective, WorstCells
from models.robustness.regularised import build_reconstruction
from models.training.stages import WHOLE, StageRunner


@dataclasses.dataclass(frozen=True)
class Trained:
    """What the stages left.

    Attributes:
      network: With its final weights; the one to export.
      scores: Task → its final weights' scores on validation.
      sharing: What the strategy of a staged network found; empty for others.
    """

    network: MultiTaskNetwork
    scores: Mapping[str, TaskScores]
    sharing: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def train(runner: StageRunner, spec: NetworkSpec) -> Trained:
    """Runs the stages that the settings ask for.

    Args:
      runner: Fits.
      spec: The network that the settings name.
    """
    plan = PLANS[runner.settings.training.robustness.method](runner)
    with runner.strategy.scope():
        if spec.settings.staging is None:
            return plan.train(spec)
        staged = train_in_stages(spec, _StrategyRunner(plan))
        scores = {task: staged.fits[stage].scores[task] for task, stage in staged.stage_of.items()}
        return Trained(staged.network, scores, staged.figures())


class Plan:
    """The stages of a method against worst-group error: here those of none, which is one.

    Args:
      runner: Fits.
    """

    def __init__(self, runner: StageRunner) -> None:
        self.runner = runner
        self.settings: Any = runner.settings.training.robustness

    def objective(self, network: MultiTaskNetwork) -> Optional[RobustObjective]:
        """What changes in the loss of every stage that a network's own strategy has; None = nothing."""
        return None

    def train(self, spec: NetworkSpec) -> Trained:
        """Trains the network that ``spec`` names."""
        network = _build(spec)
        return Trained(network, self.runner.fit(WHOLE, network, robust=self.objective(network)).scores)


class JttPlan(Plan):
    """A first model, and a second one that its errors on train weigh more in."""

    def train(self, spec: NetworkSpec) -> Trained:
        """Trains the network that ``spec`` names, twice."""
        network, first = _build(spec), _build(spec)
        # Its errors on train are what matters, not the epoch that validates best.
        self.runner.fit("first", first, epochs=self.settings.first_epochs, plain=True)
        robust = JustTrainTwice(network, self.settings, first)
        return Trained(network, self.runner.fit("second", network, robust=robust).scores)


class RegularisedPlan(Plan):
    """Reconstruction alone where the settings ask for it, and then the tasks with it."""

    def train(self, spec: NetworkSpec) -> Trained:
        """Trains the network that ``spec`` names."""
        network, settings = _build(spec), self.settings
        heads = build_reconstruction(network, settings)
        if heads is not None and settings.pretrain_epochs:
            robust = Pretraining(network, heads)
            self.runner.fit("reconstruction", network, epochs=settings.pretrain_epochs, robust=robust, plain=True)
        name = "tasks" if settings.pretrain_epochs else WHOLE
        return Trained(network, self.runner.fit(name, network, robust=Regularised(network, settings, heads)).scores)


class GroupDroPlan(Plan):
    """The cells label × group by their losses."""

    def objective(self, network: MultiTaskNetwork) -> Optional[RobustObjective]:
        """The weights of the cells."""
        group, data = self.settings.group or self.runner.settings.groups[0], self.runner.data
        counts = {task: data.counts.label_counts(task, group) for task in network.tasks}
        return WorstCells(network, group, len(data.groups[group]), self.settings.step, counts)


# Plans by the name of their settings.
PLANS: dict[str, type[Plan]] = {
    "none": Plan,
    "jtt": JttPlan,
    "regularised": RegularisedPlan,
    "group_dro": GroupDroPlan,
}


def _build(spec: NetworkSpec) -> MultiTaskNetwork:
    return NETWORKS[spec.settings.network](spec, name=spec.settings.network)


class _StrategyRunner:
    """The runner as a staged network's strategy sees it: what the plan changes in the loss is in every stage."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.train_losses = plan.runner.train_losses

    def fit(self, name: str, network: MultiTaskNetwork, **options: Any) -> Any:
        return self._plan.runner.fit(name, network, robust=self._plan.objective(network), **options)
