"""Whose steps are measured: a shared bottom with uniform weights, and one method more each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from models.config.networks import NetworkSettings, network_settings
from models.config.settings import FairnessSettings, TrainingSettings

GRADIENT_WEIGHTINGS = ("gradnorm", "mgda", "imtl", "pcgrad", "excess_risk")
WEIGHTINGS = ("uncertainty", "dwa", "group_dro", *GRADIENT_WEIGHTINGS)
NETWORKS: dict[str, dict[str, Any]] = {
    "single_task": {},
    "mmoe": {},
    "cgc": {},
    "ple": {},
    "cross_stitch": {},
    # In one stage: `il` and `al` train several smaller networks one after another.
    "dsmtl": {"sharing": "jl"},
}
ROBUSTNESS: dict[str, dict[str, Any]] = {
    "L1": {"method": "regularised", "reconstruction": 0.0},
    "reconstruction": {"method": "regularised", "l1": 0.0},
    "regularised": {"method": "regularised"},
    "jtt, second model": {"method": "jtt"},
    "group_dro": {"method": "group_dro"},
}
FAIRNESS = ("vanilla", "mtaf", "mtaf_difference")
# Three tasks are what the other parts of the table are measured with.
USUAL_TASKS = 3
CAPACITY = {"embedding_units": 8, "shared_units": (64,), "tower_units": (32,)}


class Entry(NamedTuple):
    """A method.

    Attributes:
      part: Of the table: ``weighting``, ``network``, ``robustness`` or ``fairness``.
      name: In the table.
      tasks: Their number.
      model: The network.
      training: Weighting and robustness.
      fairness: The fairness terms.
    """

    part: str
    name: str
    tasks: int
    model: NetworkSettings
    training: TrainingSettings
    fairness: FairnessSettings

    @property
    def key(self) -> str:
        """Names it, and can be a file's name."""
        return f"{self.part}-{self.name.replace(', ', '-').replace(' ', '-')}-{self.tasks}"


def _entry(part: str, name: str, tasks: int, **settings: Any) -> Entry:
    return Entry(
        part,
        name,
        tasks,
        network_settings(**CAPACITY, **settings.get("model", {})),
        TrainingSettings.model_validate({"weighting": {"method": "uniform"}, **settings.get("training", {})}),
        FairnessSettings.model_validate({"mode": "none", **settings.get("fairness", {})}),
    )


def baseline(tasks: int) -> Entry:
    """What every method is compared to."""
    return _entry("baseline", "shared_bottom, uniform", tasks)


def entries(task_counts: tuple[int, ...]) -> Iterator[Entry]:
    """All methods: networks, robustness and fairness with three tasks, weightings with each of ``task_counts``."""
    yield baseline(USUAL_TASKS)
    for name, model in NETWORKS.items():
        yield _entry("network", name, USUAL_TASKS, model={"network": name, **model})
    for name, robustness in ROBUSTNESS.items():
        yield _entry("robustness", name, USUAL_TASKS, training={"robustness": robustness})
    for mode in FAIRNESS:
        yield _entry("fairness", f"{mode}, mmd", USUAL_TASKS, fairness={"mode": mode, "loss": "mmd"})
    # The usual number first: a run that is cut short has it.
    for tasks in sorted(task_counts, key=lambda count: count != USUAL_TASKS):
        if tasks != USUAL_TASKS:
            yield baseline(tasks)
        for name in WEIGHTINGS:
            yield _entry("weighting", name, tasks, training={"weighting": {"method": name}})
        for name in GRADIENT_WEIGHTINGS:
            weighting = {"method": name, "on": "representation"}
            yield _entry("weighting", f"{name}, representation", tasks, training={"weighting": weighting})
