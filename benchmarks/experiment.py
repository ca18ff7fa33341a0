"""What the experiments have in common: a data set prepared once, and cases trained on it, resumably."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from rich.console import Console

import pipeline  # noqa: F401  chooses the Keras 2 API before TensorFlow is imported

# isort: split
from models.training.fitting import Report
from models.training.sweep import Outcomes, SweepData, read_outcomes
from pipeline.experiments.cases import Case, CaseResult
from pipeline.experiments.pool import exclusive, run_cases
from pipeline.frontier import preparation
from pipeline.running.places import runs_root
from pipeline.running.provenance import source_hash
from pipeline.sample import short_videos as sample_data
from pipeline.settings.config import RunSettings, load


class DataSet(NamedTuple):
    """A data set ready to train on.

    Attributes:
      run: The settings of its YAML file.
      data: Where the prepared files lie.
      outcomes: Labels and groups of its test split.
    """

    run: RunSettings
    data: SweepData
    outcomes: Outcomes

    @property
    def tasks(self) -> list[str]:
        """Names, in the settings' order."""
        return [task.name for task in self.run.tasks]


def experiment_folder(name: str) -> Path:
    """Where an experiment keeps what need not be committed: ``runs/benchmarks/<name>``, moved by ``FAIR_RUNS_DIR``."""
    return runs_root() / "benchmarks" / name


def open_data(config: Path, console: Console) -> DataSet:
    """Prepares a data set through the pipeline's components, or takes it from cache; experiments share the cache.

    Args:
      config: The YAML file.
      console: Where the stages are shown.

    Raises:
      ConfigError: The file cannot be used.
      PreparationError: A component failed.
      ExperimentInProgressError: Another experiment is preparing the same data.
    """
    run = load(config)
    if run.sample is not None:
        sample_data.ensure(Path(run.log.root), run.sample)
    folder = experiment_folder("data") / run.dataset
    with exclusive(folder):
        data = SweepData(**preparation.prepare(config.resolve(), folder, folder / "logs", console))
    tasks, groups = [task.name for task in run.tasks], list(run.candidate().groups)
    return DataSet(run, data, read_outcomes(data, tasks, groups, run.evaluation.cluster))


def train_cases(
    cases: Sequence[Case],
    data: DataSet,
    folder: Path,
    report: Report,
    *,
    workers: Optional[int] = None,
    after: Callable[[dict[str, CaseResult]], None] = lambda results: None,
) -> dict[str, CaseResult]:
    """Trains the cases that have no result under ``folder`` for this data and code.

    Args:
      cases: Of different names.
      data: What to train on.
      folder: For results and logs.
      report: Takes lines of progress, and what failed.
      workers: Processes; None = one for each core.
      after: Told of all results so far after each training, so that a killed experiment leaves the figures of what it did.

    Returns:
      Case name → result, failed ones among them.

    Raises:
      ExperimentInProgressError: Another process works on the folder.
    """
    results: dict[str, CaseResult] = {}
    for result in run_cases(
        cases,
        data.data,
        folder,
        workers=workers or len(os.sched_getaffinity(0)),
        code=source_hash("models.training.sweep"),
        report=report,
    ):
        results[result.name] = result
        if result.error is not None:
            report(f"failed: {result.name}: {result.error}")
        elif not result.stored:
            after(results)
    return results
