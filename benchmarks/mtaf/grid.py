"""What is trained: parts of the experiment, their data sets and their grids, in two sizes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Literal, NamedTuple, Optional

from models.config.networks import with_network
from models.config.settings import PerTask, TrainerSettings
from pipeline.experiments.cases import Case
from pipeline.settings.config import RunSettings

Size = Literal["minimum", "full"]
LOSSES = ("fpr_gap", "correlation", "mmd")
MODES = ("vanilla", "mtaf", "mtaf_difference")
SINGLE, SINGLE_FAIR, NONE = "single-task", "single-task + loss", "none"


class Setting(NamedTuple):
    """What is varied, but for the seed.

    Attributes:
      series: ``single-task``, ``single-task + loss``, or a mode of ``fairness``.
      loss: Empty where there is none.
      strength: λ, of all tasks or by task.
      head_ratio: r of the modes that have one.
      network: Of the series that share layers.
      batches: Where the fairness loss takes its rows from.
      batch_size: None = the data set's own.
      kernel: Of MMD.
    """

    series: str
    loss: str = ""
    strength: PerTask = 0.0
    head_ratio: float = 1.0
    network: str = "shared_bottom"
    batches: str = "in_batch"
    batch_size: Optional[int] = None
    kernel: str = "laplace"

    @property
    def name(self) -> str:
        """Good as a file's name."""
        by_task = isinstance(self.strength, dict)
        strength = "by-task" if by_task else f"{self.strength:g}"
        parts = [self.series.replace(" ", ""), self.loss, self.kernel if self.loss == "mmd" else ""]
        parts += [f"l={strength}" if self.loss else "", f"r={self.head_ratio:g}" if self.has_ratio else ""]
        parts += ["" if self.network == "shared_bottom" else self.network]
        parts += ["" if self.batches == "in_batch" else self.batches]
        parts += ["" if self.batch_size is None else f"b={self.batch_size}"]
        return "-".join(part for part in parts if part)

    @property
    def has_ratio(self) -> bool:
        """Whether r plays a part."""
        return self.series.startswith("mtaf")

    def columns(self) -> dict[str, object]:
        """As columns of a table; λ by task is written as JSON."""
        strength = json.dumps(self.strength) if isinstance(self.strength, dict) else self.strength
        return {**self._asdict(), "strength": strength}


@dataclasses.dataclass(frozen=True)
class Part:
    """A question, and the trainings that answer it.

    Attributes:
      name: Of the part.
      config: YAML file under ``benchmarks/settings``, without its ending.
      settings: By size.
      seeds: By size.
      group: Group key that the fairness loss compares; None = the first.
      rule: Rule for task-specific negatives; None = the YAML file's.
      like: YAML file whose ``model`` and ``training`` blocks take the place of the data set's own; None = none.
    """

    name: str
    config: str
    settings: Mapping[Size, tuple[Setting, ...]]
    seeds: Mapping[Size, tuple[int, ...]]
    group: Optional[str] = None
    rule: Optional[str] = None
    like: Optional[str] = None

    @property
    def data(self) -> str:
        """Name of the prepared data: parts that share it share trainings."""
        return self.config if self.rule is None else f"{self.config}_{self.rule}"

    def cases(self, run: RunSettings, size: Size) -> Iterator[tuple[Setting, int, Case]]:
        """Setting, seed and case of every training.

        Args:
          run: The data set's settings.
          size: Of the grid.
        """
        suffix = "" if self.group is None else f"-{self.group}"
        for setting, seed in product(self.settings[size], self.seeds[size]):
            yield setting, seed, Case(f"{setting.name}{suffix}-s{seed}", trainer(run, setting, seed, self.group))


def trainer(run: RunSettings, setting: Setting, seed: int, group: Optional[str] = None) -> TrainerSettings:
    """The settings of a training.

    Raises:
      ValueError: They are none.
    """
    fairness = run.fairness.model_copy(update={} if group is None else {"group": group})
    run = run.model_copy(update={"fairness": fairness})
    single = setting.series in (SINGLE, SINGLE_FAIR)
    settings = run.baseline() if single else run.candidate()
    # The groups in the order of the candidate, so that one measurement fits both.
    plain = {**settings.model_dump(), "groups": run.candidate().groups}
    plain["min_specific"] = run.negatives.min_specific
    if setting.loss:
        plain["fairness"] = {
            **fairness.model_dump(),
            "mode": "vanilla" if single else setting.series,
            "loss": setting.loss,
            "strength": setting.strength,
            "head_ratio": setting.head_ratio,
            "batches": setting.batches,
            "kernel": setting.kernel,
        }
    else:
        plain["fairness"] = {"mode": "none", "group": fairness.group}
    if not single:
        plain["model"] = with_network(settings.model, setting.network).model_dump()
    size = {} if setting.batch_size is None else {"batch_size": setting.batch_size}
    plain["training"] = {**plain["training"], "seed": seed, **size}
    return TrainerSettings.model_validate(plain)


def frontier(
    strengths: Mapping[str, tuple[float, ...]],
    ratios: tuple[float, ...],
    series: tuple[str, ...] = (*MODES, SINGLE_FAIR),
) -> tuple[Setting, ...]:
    """Single-task and plain models, and every series with every loss, λ, and r where it has one."""
    found = [Setting(SINGLE), Setting(NONE)]
    for name, loss in product(series, strengths):
        of_series = ratios if name.startswith("mtaf") else (1.0,)
        found += [Setting(name, loss, strength, ratio) for strength, ratio in product(strengths[loss], of_series)]
    return tuple(found)


def on_network(network: str, settings: tuple[Setting, ...]) -> tuple[Setting, ...]:
    """``settings`` with another network than ``shared_bottom``."""
    return tuple(setting._replace(network=network) for setting in settings if setting.series != SINGLE)
