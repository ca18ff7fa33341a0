"""Which settings of a training go together, told before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from models.config.fairness import check_settings
from models.config.robustness import check_robustness
from models.config.settings import TrainerSettings
from models.formats.listing import quoted


def check_combination(settings: TrainerSettings, groups: Optional[Sequence[str]] = None) -> None:
    """Refuses settings that contradict each other.

    Args:
      settings: To check.
      groups: The group keys that are declared; those of ``settings`` where absent.

    Raises:
      ValueError: With the keys and the reason.
    """
    tasks = [task.name for task in settings.tasks]
    groups = settings.groups if groups is None else groups
    check_settings(settings.model, settings.fairness, tasks, groups)
    check_robustness(settings.training.robustness, settings.model, groups)
    _check_weighting(settings)
    _check_stages(settings)
    _check_noise(settings, tasks)
    if settings.training.select_by != "loss" and not groups:
        raise ValueError(f"`training.select_by: {settings.training.select_by}` needs a group. Received no `groups`")


def _check_weighting(settings: TrainerSettings) -> None:
    weighting, name = settings.training.weighting, f"`training.weighting.method: {settings.training.weighting.method}`"
    if weighting.takes_task_weights:
        return
    given = {task.name: task.weight for task in settings.tasks}
    if len(set(given.values())) > 1:
        raise ValueError(f"{name} sets the weights itself; remove `weight` from the tasks. Received: {given}")
    if not weighting.compares_tasks:
        return
    if len(given) < 2:
        raise ValueError(f"{name} weighs tasks against each other, which needs two or more. Received: {quoted(given)}")
    if weighting.compares_gradients and not settings.model.shares:
        raise ValueError(
            f"{name} compares the tasks' gradients in shared layers, and `model.network: {settings.model.network}` has none"
        )
    if weighting.needs_whole_gradients and settings.training.optimizer == "lazy_adam":
        raise ValueError(
            f"{name} on `parameters` needs whole gradients of embedding tables, which `training.optimizer: lazy_adam` is "
            "there to avoid. Take `on: representation`, or `adam`"
        )


def _check_stages(settings: TrainerSettings) -> None:
    """What does not go together with a network that is trained in stages."""
    staging, robustness = settings.model.staging, settings.training.robustness
    if staging is None:
        return
    if settings.fairness.target_gap is not None:
        raise ValueError(
            f"{staging.key} trains the network in stages, in most of which some tasks are not trained, so that no λ can "
            f"move their gaps to `fairness.target_gap`. Take {staging.instead}, or another network"
        )
    if robustness.against_stages:
        raise ValueError(
            f"{staging.key} trains the network in stages, and `training.robustness.method: {robustness.method}` "
            f"{robustness.against_stages}. Take {staging.instead}, or another network"
        )
    if staging.always_shares and settings.fairness.mode.startswith("mtaf"):
        raise ValueError(
            f"{staging.key} may find that the tasks are best left to share nothing, and `fairness.mode: "
            f"{settings.fairness.mode}` gives shared layers a loss of their own. Take `vanilla` or `none`, or "
            f"{staging.always_shares}"
        )


def _check_noise(settings: TrainerSettings, tasks: list[str]) -> None:
    noise = settings.training.label_noise
    for task in noise:
        if task not in tasks:
            raise ValueError(f"`training.label_noise`: `{task}` is not a task; tasks are {quoted(tasks)}")
    if any(noise.values()) and settings.fairness.mode.startswith("mtaf"):
        raise ValueError(
            f"`training.label_noise` makes wrong labels, and `fairness.mode: {settings.fairness.mode}` tells shared from "
            "task-specific negatives by all of a row's labels. Take `vanilla` or `none` for this check"
        )
