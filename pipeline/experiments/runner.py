"""The runner of all experiments and of `make frontier`: data prepared once, and cases trained on it, resumably."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from rich.console import Console

import pipeline  # noqa: F401  chooses the Keras 2 API before TensorFlow is imported

# isort: split
from models.config.extensions import extensions_hash
from models.training.fitting import Report
from models.training.sweep import Outcomes, SweepData, Trained, read_outcomes
from pipeline.experiments import preparation
from pipeline.experiments.cases import Case, CaseResult
from pipeline.experiments.pool import exclusive, run_cases
from pipeline.running.places import runs_root
from pipeline.running.provenance import source_hash
from pipeline.sample import short_videos as sample_data
from pipeline.settings.config import RunSettings, load

Results = dict[str, CaseResult]


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
        """Names of the tasks, in the settings' order."""
        return [task.name for task in self.run.tasks]


def experiment_folder(name: str) -> Path:
    """Where an experiment keeps what need not be committed: ``runs/benchmarks/<name>``, moved by ``FAIR_RUNS_DIR``."""
    return runs_root() / "benchmarks" / name


def open_data(config: Path, console: Console) -> DataSet:
    """Prepares a data set through the pipeline's components, or takes it from cache; experiments share the cache.

    Args:
      config: The YAML file of the data set.
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
        return prepare_data(run, config.resolve(), folder, folder / "logs", console)


def prepare_data(run: RunSettings, config: Path, folder: Path, logs: Path, console: Console) -> DataSet:
    """Prepares the data of a run, or takes it from the cache under ``folder``.

    Args:
      run: The settings of ``config``.
      config: The YAML file of the data set.
      folder: Where artifacts and metadata lie.
      logs: Folder that TFX's log is written to.
      console: Where the stages are shown.

    Raises:
      PreparationError: A component failed.
    """
    data = SweepData(**preparation.prepare(config, folder, logs, console))
    tasks, groups = [task.name for task in run.tasks], list(run.candidate().groups)
    return DataSet(run, data, read_outcomes(data, tasks, groups, run.evaluation.cluster))


def results_of(
    cases: Sequence[Case],
    data: DataSet,
    folder: Path,
    report: Report,
    *,
    workers: Optional[int] = None,
    until: float = math.inf,
) -> Iterator[CaseResult]:
    """The cases' results as they come: first those that are stored for this data and code, then those that are trained.

    Args:
      cases: What is wanted; their names differ.
      data: What to train on.
      folder: Where results and logs lie.
      report: Takes lines of progress.
      workers: Number of processes; None takes one for each core.
      until: Time of ``time.monotonic`` at which training ends; what lacks a result by then is not yielded.

    Raises:
      ExperimentInProgressError: Another process works on the folder.
    """
    return run_cases(
        cases,
        data.data,
        folder,
        workers=workers or len(os.sched_getaffinity(0)),
        code=source_hash("models.training.sweep") + extensions_hash(_extensions(cases)),
        report=report,
        until=until,
    )


def _extensions(cases: Sequence[Case]) -> list[str]:
    return sorted({name for case in cases for name in case.settings.extensions})


def train_cases(
    cases: Sequence[Case],
    data: DataSet,
    folder: Path,
    report: Report,
    *,
    until: float = math.inf,
    after: Callable[[Results], None] = lambda results: None,
) -> Results:
    """Case name → result, failed ones among them; the arguments and errors are those of ``results_of``.

    ``report`` is told of each case that failed, and ``after`` of all results so far after each training, so that a killed
    experiment leaves the figures of what it did.
    """
    results: Results = {}
    for result in results_of(cases, data, folder, report, until=until):
        results[result.name] = result
        if result.error is not None:
            report(f"failed: {result.name}: {result.error}")
        elif not result.stored:
            after(results)
    return results


def trained_of(case: Case, results: Mapping[str, CaseResult]) -> Optional[Trained]:
    """The training of a case; None where it failed or is still to come."""
    result = results.get(case.name)
    return None if result is None else result.trained
