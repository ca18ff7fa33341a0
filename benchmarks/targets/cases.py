"""What is trained: gaps asked for on three logs, with the models that they are held against."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

from benchmarks.mtaf.grid import NONE, SINGLE, Setting, trainer
from models.config.settings import TrainerSettings
from pipeline.experiments.cases import Case, CaseResult
from pipeline.settings.config import RunSettings


class Source(NamedTuple):
    """Where an entry of the tables comes from.

    Attributes:
      part: Of `benchmarks/mtaf`, whose prepared data, plain models and grid are taken.
      epochs: Of the trainings with a target; None = as many as the part's.
    """

    part: str
    epochs: Optional[int] = None


DATA = {
    "adult": Source("adult"),
    "lsac": Source("lsac"),
    "kuairand": Source("kuairand"),
    "kuairand-long": Source("kuairand", epochs=9),
    "kuairand-activity": Source("kuairand-activity"),
    "kuairand-activity-long": Source("kuairand-activity", epochs=9),
}
MODES = ("vanilla", "mtaf")
# Of the gap that the model without a fairness loss has on validation.
SHARES = (0.75, 0.5, 0.25)
PLAIN = (SINGLE, NONE)
# The first λ: the setting's default.
START = 0.0
_DIGITS = 2


class Run(NamedTuple):
    """A case and what it stands for.

    Attributes:
      series: ``single-task``, ``none``, or the mode of the trainings with a target.
      share: Of the plain model's gap; NaN without a target.
      asked: Task → gap asked for; empty without a target.
      seed: Of the training.
      case: What is trained.
    """

    series: str
    share: float
    asked: Mapping[str, float]
    seed: int
    case: Case


def _suffix(group: Optional[str]) -> str:
    return "" if group is None else f"-{group}"


def plain_runs(run: RunSettings, seeds: int, group: Optional[str] = None) -> Iterator[Run]:
    """Single-task models and the model without a fairness loss: the same cases as those of ``benchmarks/mtaf``.

    Args:
      run: Settings of the data set.
      seeds: How many, from 1.
      group: Whose gaps are looked at; None = the first.
    """
    for series in PLAIN:
        for seed in range(1, seeds + 1):
            setting = Setting(series)
            case = Case(f"{setting.name}{_suffix(group)}-s{seed}", trainer(run, setting, seed, group))
            yield Run(series, math.nan, {}, seed, case)


def target_runs(
    run: RunSettings,
    gaps: Mapping[str, float],
    loss: str,
    seeds: int,
    group: Optional[str] = None,
    start: float = START,
    epochs: Optional[int] = None,
) -> Iterator[Run]:
    """Every mode with every share of ``gaps``.

    Args:
      run: Settings of the data set.
      gaps: Task → FPR gap on validation of the model without a fairness loss.
      loss: That training follows.
      seeds: How many, from 1.
      group: Whose gaps are bounded; None = the first.
      start: The first λ.
      epochs: Of the trainings; None = the data set's.
    """
    length = "" if epochs is None else f"-e={epochs}"
    for mode in MODES:
        for share in SHARES:
            asked = {task: rounded(share * gap) for task, gap in gaps.items()}
            for seed in range(1, seeds + 1):
                plain = trainer(run, Setting(mode, loss, start), seed, group).model_dump()
                fairness = {**plain["fairness"], "target_gap": asked}
                training = plain["training"] if epochs is None else {**plain["training"], "epochs": epochs}
                settings = TrainerSettings.model_validate({**plain, "fairness": fairness, "training": training})
                name = f"target-{mode}-{loss}-{share:g}-from={start:g}{length}{_suffix(group)}-s{seed}"
                yield Run(mode, share, asked, seed, Case(name, settings))


def plain_gaps(runs: list[Run], results: Mapping[str, CaseResult]) -> dict[str, float]:
    """Task → FPR gap on validation of the model without a fairness loss, mean over seeds.

    Raises:
      ValueError: None of these models was trained.
    """
    trained = [
        result.trained for run in runs if run.series == NONE and (result := results[run.case.name]).trained is not None
    ]
    if not trained:
        raise ValueError("targets are shares of the gap of the model without a fairness loss, and none was trained")
    return {
        task: sum(each.validation[task]["fpr_gap"] for each in trained) / len(trained) for task in trained[0].validation
    }


def rounded(gap: float) -> float:
    """To two significant digits, as a person would ask for it."""
    return float(f"{gap:.{_DIGITS}g}")
