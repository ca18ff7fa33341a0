"""Which stages a training has, by its settings: usually one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Optional

from models.config.robustness import JTT, GroupDROSettings, RegularisedMTL
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
    robustness = runner.settings.training.robustness
    with runner.strategy.scope():
        if spec.settings.network == "dsmtl" and spec.settings.sharing != "jl":
            staged = train_in_stages(spec, _StrategyRunner(runner))
            scores = {task: staged.fits[stage].scores[task] for task, stage in staged.stage_of.items()}
            return Trained(staged.network, scores, staged.figures())
        network = _build(spec)
        if isinstance(robustness, JTT):
            return _just_train_twice(runner, robustness, network, _build(spec))
        if isinstance(robustness, RegularisedMTL):
            return _regularised(runner, robustness, network)
        return Trained(network, runner.fit(WHOLE, network, robust=_worst_cells(runner, network)).scores)


def _build(spec: NetworkSpec) -> MultiTaskNetwork:
    return NETWORKS[spec.settings.network](spec, name=spec.settings.network)


def _just_train_twice(
    runner: StageRunner, settings: JTT, network: MultiTaskNetwork, first: MultiTaskNetwork
) -> Trained:
    # Its errors on train are what matters, not the epoch that validates best.
    runner.fit("first", first, epochs=settings.first_epochs, plain=True)
    return Trained(network, runner.fit("second", network, robust=JustTrainTwice(network, settings, first)).scores)


def _regularised(runner: StageRunner, settings: RegularisedMTL, network: MultiTaskNetwork) -> Trained:
    heads = build_reconstruction(network, settings)
    if heads is not None and settings.pretrain_epochs:
        robust = Pretraining(network, heads)
        runner.fit("reconstruction", network, epochs=settings.pretrain_epochs, robust=robust, plain=True)
    name = "tasks" if settings.pretrain_epochs else WHOLE
    return Trained(network, runner.fit(name, network, robust=Regularised(network, settings, heads)).scores)


def _worst_cells(runner: StageRunner, network: MultiTaskNetwork) -> Optional[RobustObjective]:
    settings = runner.settings.training.robustness
    if not isinstance(settings, GroupDROSettings):
        return None
    group = settings.group or runner.settings.groups[0]
    counts = {task: runner.data.counts.label_counts(task, group) for task in network.tasks}
    return WorstCells(network, group, len(runner.data.groups[group]), settings.step, counts)


class _StrategyRunner:
    """The runner as a staged network's strategy sees it: GroupDRO is in every stage where the settings ask for it."""

    def __init__(self, runner: StageRunner) -> None:
        self._runner = runner
        self.train_losses = runner.train_losses

    def fit(self, name: str, network: MultiTaskNetwork, **options: Any) -> Any:
        return self._runner.fit(name, network, robust=_worst_cells(self._runner, network), **options)
