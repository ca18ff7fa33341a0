"""What the robustness experiments train: worlds and data sets, methods, rules for the epoch to keep, seeds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from models.config.networks import network_settings, with_network
from models.config.settings import FairnessSettings, TrainerSettings
from pipeline.experiments.cases import Case, with_training
from pipeline.settings.config import RunSettings

ROOT = Path(__file__).resolve().parents[2]
ERM = "ERM"
# Method → `training.robustness`. Numbers are the settings' defaults: α = 1 and β = 1/e, which are among the paper's.
METHODS: dict[str, dict[str, Any]] = {
    ERM: {"method": "none"},
    "ERM + L1": {"method": "regularised", "reconstruction": 0.0},
    "ERM + aux": {"method": "regularised", "l1": 0.0},
    "regularised": {"method": "regularised"},
    "regularised, pretrained": {"method": "regularised", "pretrain_epochs": 5},
    "JTT": {"method": "jtt"},
    "GroupDRO": {"method": "group_dro"},
}
# Units of the shared layer in the worlds, whose core block has 20 dimensions.
CAPACITIES = (4, 64)
WORLD_METHODS = tuple(name for name in METHODS if name != "JTT")
WORLD_EPOCHS = 25
# Rule → `select_by` where the epoch with the lowest figure on validation is kept; None keeps the last.
WORLD_RULES: dict[str, str | None] = {"last": None, "selected": "worst_cell_error"}
DATA_METHODS = tuple(name for name in METHODS if name != "regularised, pretrained")
DATA_RULES: dict[str, str | None] = {"loss": "loss", "worst_group_error": "worst_group_error"}


class Choice(NamedTuple):
    """A data set as the experiment takes it.

    Attributes:
      config: Its YAML file; `network: shared_bottom` and no fairness loss are put in.
      group: The group key whose worst value, and cell with the label, is looked at.
      epochs: Of all trainings; a rule chooses among them.
    """

    config: Path
    group: str
    epochs: int


DATA_SETS = {
    "adult3": Choice(ROOT / "benchmarks/settings/adult3.yaml", "sex", 15),
    "lsac": Choice(ROOT / "data_schemas/lsac/dataset.yaml", "race", 15),
    "kuairand": Choice(ROOT / "data_schemas/kuairand/dataset.yaml", "activity", 4),
}


class Run(NamedTuple):
    """A case and what it stands for; ``capacity`` is the units of the shared layer."""

    method: str
    rule: str
    capacity: int
    seed: int
    case: Case


def world_runs(run: RunSettings, draw: int) -> Iterator[Run]:
    """All cases on one draw of a world; its number is the seed of the trainings too."""
    base = run.candidate()
    for capacity in CAPACITIES:
        model = network_settings(network="shared_bottom", shared_units=(capacity,), tower_units=())
        settings = base.model_copy(update={"model": model})
        for method in WORLD_METHODS:
            for rule, select_by in WORLD_RULES.items():
                yield _run(settings, WORLD_EPOCHS, method, rule, select_by, draw)


def data_runs(run: RunSettings, choice: Choice, seed: int) -> Iterator[Run]:
    """All cases of one seed on a data set."""
    base = run.candidate()
    settings = base.model_copy(
        update={
            "model": with_network(base.model, "shared_bottom"),
            "fairness": FairnessSettings(mode="none"),
            "groups": (choice.group,),
        }
    )
    for method in DATA_METHODS:
        for rule, select_by in DATA_RULES.items():
            yield _run(settings, choice.epochs, method, rule, select_by, seed)


def _run(settings: TrainerSettings, epochs: int, method: str, rule: str, select_by: str | None, seed: int) -> Run:
    changes: dict[str, Any] = {"epochs": epochs, "seed": seed, "robustness": METHODS[method]}
    if select_by is None:
        changes["early_stopping"] = None
    else:
        # So patient that it never stops: a rule sees every epoch.
        changes |= {"early_stopping": {"patience": epochs}, "select_by": select_by}
    capacity = settings.model.shared_units[-1]
    short = method.replace(" + ", "+").replace(", ", "-")
    name = f"{short}-units={capacity}-{rule}-seed={seed}"
    return Run(method, rule, capacity, seed, Case(name, with_training(settings, **changes)))
