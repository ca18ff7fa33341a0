"""Trains and measures parts of the experiment."""

from __future__ import annotations

import math
from pathlib import Path

import yaml
from rich.console import Console

from benchmarks.mtaf import results
from benchmarks.mtaf.grid import Part, Setting, Size
from models.training.fitting import Report
from pipeline.experiments.cases import Case, CaseResult
from pipeline.experiments.runner import DataSet, experiment_folder, open_data, train_cases
from pipeline.settings.config import RunSettings, load

SETTINGS = Path(__file__).resolve().parents[1] / "settings"
_ORDER = ("", "correlation", "mmd", "fpr_gap")


def settings_of(part: Part) -> RunSettings:
    """The data set's settings, as the part changes them.

    Raises:
      ConfigError: A YAML file cannot be used.
    """
    run = load(SETTINGS / f"{part.config}.yaml")
    if part.rule is not None:
        negatives = run.negatives.model_copy(update={"rule": part.rule})
        run = run.model_copy(update={"negatives": negatives, "dataset": part.data})
    if part.like is not None:
        other = load(SETTINGS / f"{part.like}.yaml")
        run = run.model_copy(update={"model": other.model, "training": other.training, "fairness": other.fairness})
    return run


def prepared(part: Part, console: Console) -> DataSet:
    """The data of a part; parts with one ``data`` share it."""
    run = settings_of(part)
    folder = experiment_folder("mtaf") / part.data
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "dataset.yaml"
    plain = run.model_dump(mode="json", exclude_unset=True)
    # `load` has put their paths there, which are absent in the file.
    plain.pop("push", None)
    plain.pop("report", None)
    config.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return open_data(config, console)


def run_parts(
    parts: list[Part], size: Size, console: Console, report: Report, table_folder: Path, until: float = math.inf
) -> None:
    """Trains what has no result yet, and writes the parts' tables.

    Args:
      parts: To run; those that share data share trainings.
      size: Of the grids.
      console: Where the stages of the data are shown.
      report: Takes lines of progress.
      table_folder: Where the tables go.
      until: Of ``time.monotonic``; what is trained by then enters the tables, and the rest is for the next call.
    """
    for part in parts:
        data = prepared(part, console)
        planned = list(part.cases(data.run, size))
        trained = train(data, planned, part, report, until)
        groups = list(planned[0][2].settings.groups)
        found = [(setting, seed, trained[case.name]) for setting, seed, case in planned if case.name in trained]
        if found:
            results.write(table_folder, part.name, results.rows(found, data.outcomes, groups))


def train(
    data: DataSet, planned: list[tuple[Setting, int, Case]], part: Part, report: Report, until: float = math.inf
) -> dict[str, CaseResult]:
    """The cases' results by name, without those that time was too short for.

    Loss by loss, after the models that all others are compared with: what time is left for can then be compared.
    """
    found: dict[str, CaseResult] = {}
    for loss in sorted({setting.loss for setting, _, _ in planned}, key=_ORDER.index):
        report(f"{part.name}: trainings with {loss or 'no fairness loss'}")
        cases = [case for setting, _, case in planned if setting.loss == loss]
        found |= train_cases(cases, data, experiment_folder("mtaf") / part.data, report, until=until)
    return found


def one_model(part: Part, setting: Setting, size: Size, console: Console, report: Report) -> tuple[DataSet, CaseResult]:
    """The first seed's training of a setting, with its data.

    Raises:
      RuntimeError: It failed.
    """
    data = prepared(part, console)
    planned = next(each for each in part.cases(data.run, size) if each[0] == setting)
    result = train(data, [planned], part, report)[planned[2].name]
    if result.trained is None:
        raise RuntimeError(f"case `{result.name}` has no model: {result.error}")
    return data, result
