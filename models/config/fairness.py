"""Settings of the fairness terms: told apart by task, and checked against the others."""

from __future__ import annotations

from collections.abc import Sequence

from models.config.networks import NetworkSettings
from models.config.settings import FairnessSettings, PerTask
from models.formats.listing import quoted


def per_task(value: PerTask, tasks: Sequence[str], key: str) -> dict[str, float]:
    """A setting's value for each task.

    Raises:
      ValueError: A mapping names a task that there is not, or leaves one out.
    """
    if not isinstance(value, dict):
        return {task: float(value) for task in tasks}
    if set(value) != set(tasks):
        raise ValueError(f"`{key}` should have one number for each of the tasks {quoted(tasks)}. Received: {value}")
    return {task: float(value[task]) for task in tasks}


def strengths_of(fairness: FairnessSettings, tasks: Sequence[str]) -> dict[str, float]:
    """Task → λ_t, the first one where it is learned.

    What is not given is 1, and 0 where λ_t is learned: a λ_t that comes from below ends near the least that holds the
    target, and one that starts too high has spoilt the network before it is down again where epochs are few.

    Raises:
      ValueError: A mapping names a task that there is not, or leaves one out.
    """
    if fairness.strength is not None:
        return per_task(fairness.strength, tasks, "fairness.strength")
    targets = targets_of(fairness, tasks)
    return {task: 0.0 if task in targets else 1.0 for task in tasks}


def check_settings(
    network: NetworkSettings, fairness: FairnessSettings, tasks: Sequence[str], groups: Sequence[str]
) -> None:
    """Refuses settings that contradict each other.

    Raises:
      ValueError: With the keys and the reason.
    """
    strengths_of(fairness, tasks)
    per_task(fairness.head_ratio, tasks, "fairness.head_ratio")
    _check_targets(fairness, tasks)
    if fairness.mode == "none":
        return
    if not groups:
        raise ValueError(f"`fairness.mode: {fairness.mode}` needs a group. Received no `groups`")
    if fairness.group is not None and fairness.group not in groups:
        raise ValueError(f"`fairness.group` should be one of {quoted(groups)}. Received: `{fairness.group}`")
    if not network.shares and fairness.mode != "vanilla":
        raise ValueError(
            f"`fairness.mode: {fairness.mode}` gives the shared layers a loss of their own, and `model.network: "
            f"{network.network}` has none. Take `vanilla` or `none`, or a network that shares layers"
        )
    if len(tasks) < 2 and fairness.mode != "vanilla":
        raise ValueError(
            f"`fairness.mode: {fairness.mode}` tells shared from task-specific negatives, which needs two tasks or "
            f"more. Received: {quoted(tasks)}. Take `vanilla`"
        )
    if fairness.batches == "balanced" and fairness.mode == "mtaf_difference":
        raise ValueError(
            "`fairness.mode: mtaf_difference` multiplies each term by its number of rows in the batch, and "
            "`fairness.batches: balanced` sets that number itself. Take `in_batch`"
        )


def targets_of(fairness: FairnessSettings, tasks: Sequence[str]) -> dict[str, float]:
    """Task → the largest FPR gap that is asked for; tasks without a target are left out.

    Raises:
      ValueError: A target of what is no task.
    """
    asked = fairness.target_gap
    if asked is None:
        return {}
    if not isinstance(asked, dict):
        return {task: float(asked) for task in tasks}
    if not asked or not set(asked) <= set(tasks):
        raise ValueError(f"`fairness.target_gap` should name some of the tasks {quoted(tasks)}. Received: {asked}")
    return {task: float(asked[task]) for task in tasks if task in asked}


def _check_targets(fairness: FairnessSettings, tasks: Sequence[str]) -> None:
    if not targets_of(fairness, tasks):
        return
    if fairness.mode == "none":
        raise ValueError(
            "`fairness.target_gap` weighs a fairness loss by λ, and `fairness.mode: none` has none. Take `vanilla` or `mtaf`"
        )
    if fairness.mode == "mtaf_difference":
        raise ValueError(
            "`fairness.target_gap` raises λ until the gap falls, and the shared term of `fairness.mode: mtaf_difference` "
            "can turn negative, so that more of it may widen the gap. Take `mtaf` or `vanilla`"
        )
    if fairness.on == "positives":
        raise ValueError(
            "`fairness.target_gap` bounds the gap of false positive rates, and `fairness.on: positives` trains on positives "
            "alone. Take `negatives` or `both`"
        )
