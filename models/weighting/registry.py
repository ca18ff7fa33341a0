"""Weightings by the name of their settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from models.config.weighting import WeightingSettings
from models.weighting.base import Weighting
from models.weighting.constant import Constant
from models.weighting.dwa import DynamicWeightAverage
from models.weighting.excess_risk import ExcessRisk
from models.weighting.gradnorm import GradNorm
from models.weighting.group_dro import TaskDRO
from models.weighting.imtl import IMTL
from models.weighting.mgda import MGDA
from models.weighting.pcgrad import PCGrad
from models.weighting.shares import uniform
from models.weighting.uncertainty import Uncertainty

# From settings, tasks, their weights in the settings and a seed.
Builder = Callable[[Any, Sequence[str], Sequence[float], int], Weighting]

WEIGHTINGS: dict[str, Builder] = {
    "fixed": lambda settings, tasks, weights, seed: Constant(tasks, weights),
    "uniform": lambda settings, tasks, weights, seed: Constant(tasks, uniform(len(tasks))),
    "uncertainty": lambda settings, tasks, weights, seed: Uncertainty(tasks, settings.learning_rate),
    "dwa": lambda settings, tasks, weights, seed: DynamicWeightAverage(tasks, settings.temperature),
    "gradnorm": lambda settings, tasks, weights, seed: GradNorm(
        tasks, settings.alpha, settings.learning_rate, settings.on
    ),
    "mgda": lambda settings, tasks, weights, seed: MGDA(tasks, settings.on),
    "imtl": lambda settings, tasks, weights, seed: IMTL(tasks, settings.on),
    "pcgrad": lambda settings, tasks, weights, seed: PCGrad(tasks, seed, settings.on),
    "group_dro": lambda settings, tasks, weights, seed: TaskDRO(tasks, settings.step),
    "excess_risk": lambda settings, tasks, weights, seed: ExcessRisk(
        tasks, settings.step, settings.warmup_epochs, settings.floor, settings.on
    ),
}


def build_weighting(
    settings: WeightingSettings, tasks: Sequence[str], task_weights: Sequence[float], seed: int
) -> Weighting:
    """The weighting that ``settings`` name, without its state yet.

    Args:
      settings: Method and options.
      tasks: Task names, in the network's order.
      task_weights: Of the tasks' settings, for `fixed`.
      seed: Of random orders.

    Raises:
      ValueError: The tasks have weights of their own, and the method sets them itself.
    """
    if not settings.takes_task_weights and len(set(task_weights)) > 1:
        raise ValueError(
            f"`training.weighting.method: {settings.method}` sets the weights itself; remove `weight` from the tasks. "
            f"Received: {dict(zip(tasks, task_weights, strict=True))}"
        )
    return WEIGHTINGS[settings.method](settings, tasks, task_weights, seed)
