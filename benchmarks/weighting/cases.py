"""What the weighting experiment trains: data sets, methods, shares of wrong labels, seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models.config.networks import network_settings
from models.config.settings import FairnessSettings, TrainerSettings
from pipeline.experiments.cases import Case, with_training
from pipeline.settings.config import RunSettings

ROOT = Path(__file__).resolve().parents[2]
NOISE = (0.0, 0.2, 0.4, 0.6, 0.8)
UNIFORM = "uniform"
STL = "single_task"
# Of the shared bottom and the towers, on all data sets: small, so that a task that pulls the shared layer takes from others.
CAPACITY = {"embedding_units": 8, "shared_units": (16,), "tower_units": (8,)}
# Where the candidates of a method are compared, by seeds that no figure comes from.
TUNING_NOISE = 0.4
TUNING_SEEDS = (101, 102)


class Choice(NamedTuple):
    """A data set as this experiment takes it.

    Attributes:
      config: Its YAML file; `network: shared_bottom` and no fairness loss are put in.
      noisy: The task whose train labels are flipped.
      epochs: Of all trainings; the weights after the last are kept.
      minimum: Shares of wrong labels of the experiment's minimum size.
    """

    config: Path
    noisy: str
    epochs: int
    minimum: tuple[float, ...] = NOISE


DATA_SETS = {
    "adult3": Choice(ROOT / "benchmarks/settings/adult3.yaml", "income", 15),
    "sample": Choice(ROOT / "data_schemas/sample/dataset.yaml", "click", 6),
    "kuairand": Choice(ROOT / "data_schemas/kuairand/dataset.yaml", "is_click", 3, (0.0, 0.4, 0.8)),
}

# Method → candidates of `training.weighting`, of which clean validation chooses one for each data set.
METHODS: dict[str, tuple[dict[str, Any], ...]] = {
    UNIFORM: ({"method": "uniform"},),
    "gradnorm": tuple({"method": "gradnorm", "alpha": alpha} for alpha in (0.5, 1.5)),
    "mgda": ({"method": "mgda"},),
    "group_dro": tuple({"method": "group_dro", "step": step} for step in (0.01, 0.1)),
    "imtl": ({"method": "imtl"},),
    "excess_risk": tuple({"method": "excess_risk", "step": step} for step in (0.01, 0.1, 1.0)),
    # The step of the authors' example, and no floor, as in the paper.
    "excess_risk, step 1": ({"method": "excess_risk", "step": 1.0, "floor": None},),
}


class Run(NamedTuple):
    """A case and what it stands for."""

    method: str
    weighting: Mapping[str, Any]
    noise: float
    seed: int
    case: Case


def base(run: RunSettings, choice: Choice) -> TrainerSettings:
    """The candidate of the YAML file with one shared bottom, no fairness loss, and a fixed number of epochs.

    Without early stopping, since its figure would hold the noisy task's own loss, which rises from the start where most of
    its labels are wrong.
    """
    settings = run.candidate()
    training = settings.training.model_copy(update={"epochs": choice.epochs, "early_stopping": None})
    return settings.model_copy(
        update={
            "model": network_settings(network="shared_bottom", **CAPACITY),
            "fairness": FairnessSettings(mode="none"),
            "training": training,
        }
    )


def tuning(settings: TrainerSettings, choice: Choice, methods: Mapping[str, Any] = METHODS) -> Iterator[Run]:
    """A case for each candidate and tuning seed of the methods that have several candidates."""
    for method, candidates in methods.items():
        for weighting in candidates if len(candidates) > 1 else ():
            for seed in TUNING_SEEDS:
                yield _run(settings, choice, method, weighting, TUNING_NOISE, seed)


def final(
    settings: TrainerSettings,
    choice: Choice,
    chosen: Mapping[str, Mapping[str, Any]],
    seeds: int,
    shares: Sequence[float] = NOISE,
) -> Iterator[Run]:
    """A case for each method as ``chosen``, share of wrong labels and seed, and the single-task models without noise."""
    for method, weighting in chosen.items():
        for noise in shares:
            for seed in range(1, seeds + 1):
                yield _run(settings, choice, method, weighting, noise, seed)
    alone = settings.model_copy(update={"model": network_settings(network="single_task", **CAPACITY)})
    for seed in range(1, seeds + 1):
        yield _run(alone, choice, STL, {"method": "uniform"}, 0.0, seed)


def _run(
    settings: TrainerSettings, choice: Choice, method: str, weighting: Mapping[str, Any], noise: float, seed: int
) -> Run:
    flipped = {choice.noisy: noise} if noise else {}
    case = with_training(settings, seed=seed, weighting=dict(weighting), label_noise=flipped)
    numbers = "".join(f"-{key}={value}" for key, value in weighting.items() if key != "method" and value is not None)
    name = f"{method.replace(', ', '-').replace(' ', '-')}{numbers}-noise={noise:g}-seed={seed}"
    return Run(method, weighting, noise, seed, Case(name, case))
