"""The weighting of a network's tasks, and the points of the network that it compares their gradients at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

import tensorflow as tf

from models.config.settings import ModelTask
from models.config.weighting import WeightingSettings
from models.networks.base import MultiTaskNetwork
from models.weighting.base import Weighting
from models.weighting.registry import build_weighting
from models.weighting.task_gradients import Sources


def make_weighting(
    settings: WeightingSettings, network: MultiTaskNetwork, tasks: Sequence[ModelTask], seed: int
) -> Weighting:
    """The weighting that ``settings`` name, with its state; call it within the strategy's scope."""
    weighting = build_weighting(settings, network.tasks, [task.weight for task in tasks], seed)
    weighting.build(_gradient_shapes(weighting, network))
    return weighting


def gradient_sources(
    weighting: Weighting,
    network: MultiTaskNetwork,
    shared: Any,
    among_trained: Callable[[Sequence[tf.Variable]], list[tf.Variable]],
) -> Sources:
    """What ``weighting`` takes the tasks' gradients at.

    Args:
      weighting: Of the network's tasks.
      network: Trunk and heads.
      shared: The trunk's output.
      among_trained: Leaves out the variables that are not trained.
    """
    heads = network.task_variables
    return Sources(
        shared=among_trained(network.shared_variables),
        heads=[among_trained(heads[task]) for task in network.tasks],
        representation=None if _at_parameters(weighting) else network.trunk_outputs(shared),
    )


def _gradient_shapes(weighting: Weighting, network: MultiTaskNetwork) -> Optional[list[tf.TensorShape]]:
    if weighting.needs != "gradients":
        return None
    if _at_parameters(weighting):
        return [variable.shape for variable in network.shared_variables]
    return [tensor.shape[1:] for tensor in network.trunk_outputs(network.trunk(network.spec.empty_batch()))]


def _at_parameters(weighting: Weighting) -> bool:
    return getattr(weighting, "on", "parameters") == "parameters"
