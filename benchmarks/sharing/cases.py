"""What the sharing experiment trains: data sets, networks, weightings, seeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models.config.networks import NETWORK_SETTINGS
from models.config.settings import FairnessSettings, TrainerSettings
from pipeline.experiments.cases import Case
from pipeline.settings.config import RunSettings

ROOT = Path(__file__).resolve().parents[2]
STL = "single_task"

# Name in the tables → keys of `model` beside the capacity.
NETWORKS: dict[str, dict[str, Any]] = {
    "shared_bottom": {"network": "shared_bottom"},
    "mmoe": {"network": "mmoe"},
    "cgc": {"network": "cgc"},
    "ple": {"network": "ple"},
    "cross_stitch": {"network": "cross_stitch"},
    "dsmtl jl": {"network": "dsmtl", "sharing": "jl"},
    "dsmtl il": {"network": "dsmtl", "sharing": "il"},
    "dsmtl al": {"network": "dsmtl", "sharing": "al"},
}
WEIGHTINGS: dict[str, dict[str, Any]] = {
    "uniform": {"method": "uniform"},
    "excess_risk": {"method": "excess_risk", "step": 0.1},
    "gradnorm": {"method": "gradnorm"},
}


class Choice(NamedTuple):
    """A data set as this experiment takes it.

    Attributes:
      config: Its YAML file; no fairness loss is put in.
      capacity: Keys of `model` that all networks have.
      training: Keys of `training` that differ from the YAML file's.
      minimum: Weightings of the experiment's minimum size.
      least_seeds: Weighting → seeds at least, whatever the size. On `conflict` it hangs on the first weights whether a
        network finds what the planted task depends on, and five seeds cannot tell networks apart.
    """

    config: Path
    capacity: Mapping[str, Any]
    training: Mapping[str, Any] = {}
    minimum: tuple[str, ...] = tuple(WEIGHTINGS)
    least_seeds: Mapping[str, int] = {}


DATA_SETS = {
    "conflict": Choice(
        ROOT / "benchmarks/settings/conflict.yaml",
        {"embedding_units": 4, "shared_units": [8], "tower_units": [4], "experts": 2, "task_experts": 1},
        least_seeds={"uniform": 20},
    ),
    "adult3": Choice(
        ROOT / "benchmarks/settings/adult3.yaml",
        {"embedding_units": 8, "shared_units": [16], "tower_units": [8], "experts": 2, "task_experts": 1},
    ),
    "kuairand": Choice(
        ROOT / "data_schemas/kuairand/dataset.yaml",
        {"embedding_units": 8, "shared_units": [16], "tower_units": [8], "experts": 2, "task_experts": 1},
        {"epochs": 4},
        ("uniform",),
    ),
}


class Run(NamedTuple):
    """A case and what it stands for."""

    network: str
    weighting: str
    seed: int
    case: Case


def runs(
    run: RunSettings,
    choice: Choice,
    *,
    seeds: int,
    networks: Sequence[str] = tuple(NETWORKS),
    weightings: Sequence[str] = tuple(WEIGHTINGS),
) -> Iterator[Run]:
    """The single-task models and every network with every weighting, each with the seeds 1, 2, …

    Args:
      run: Settings of the data set.
      choice: What this experiment takes of it.
      seeds: How many; the choice may ask for more.
      networks: All where absent.
      weightings: All where absent.
    """
    for seed in range(1, max([seeds, *choice.least_seeds.values()]) + 1):
        # Single-task models have no layers to weigh gradients in, and share none: one weighting stands for all.
        yield _run(run, choice, STL, {"network": STL}, "uniform", seed)
    for weighting in weightings:
        for network in networks:
            for seed in range(1, max(seeds, choice.least_seeds.get(weighting, 0)) + 1):
                yield _run(run, choice, network, NETWORKS[network], weighting, seed)


def _run(run: RunSettings, choice: Choice, name: str, model: Mapping[str, Any], weighting: str, seed: int) -> Run:
    settings = run.candidate()
    training = {
        **settings.training.model_dump(),
        **choice.training,
        "seed": seed,
        "weighting": WEIGHTINGS[weighting],
    }
    case = TrainerSettings.model_validate(
        {
            **settings.model_dump(),
            "model": {**model, **_capacity(model, choice.capacity)},
            "fairness": FairnessSettings(mode="none"),
            "training": training,
        }
    )
    return Run(name, weighting, seed, Case(f"{name.replace(' ', '-')}-{weighting}-seed={seed}", case))


def _capacity(model: Mapping[str, Any], capacity: Mapping[str, Any]) -> dict[str, Any]:
    """What of the capacity the network has."""
    taken = NETWORK_SETTINGS[model["network"]].model_fields
    return {key: value for key, value in capacity.items() if key in taken}
