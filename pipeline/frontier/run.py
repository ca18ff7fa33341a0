"""`make frontier` from end to end: prepare, train, measure, compare, write."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional

import pandas as pd
from rich.console import Console
from rich.text import Text

import pipeline  # noqa: F401  chooses the Keras 2 API before TensorFlow is imported

# isort: split
from components.tradeoff_metrics.judging.evidence import lone_rows_sentence
from pipeline.experiments import runner
from pipeline.experiments.cases import Case, CaseResult
from pipeline.experiments.figures import measure
from pipeline.experiments.pool import exclusive
from pipeline.experiments.runner import DataSet
from pipeline.frontier import results, show, table
from pipeline.frontier.grid import Point, points
from pipeline.frontier.table import FAILED, REFUSED, TRAINED, Figures
from pipeline.frontier.tradeoff import Tradeoff, tradeoff
from pipeline.running.places import run_folder
from pipeline.settings.config import RunSettings

Measure = Callable[[CaseResult, CaseResult], Figures]


class Places(NamedTuple):
    """Where a dataset's frontier lies: prepared data, results by training, what is made of them, logs."""

    root: Path
    data: Path
    cases: Path
    results: Path
    logs: Path


def places(run: RunSettings) -> Places:
    """The folders under ``runs/<dataset>/frontier``."""
    root = run_folder(run).root / "frontier"
    return Places(root, root / "data", root / "cases", root / "results", root / "logs")


class Rows:
    """Rows of the table, measured as trainings end: of a seed once its baseline is there.

    Args:
      found: All trainings.
      names: Columns of figures.
      measure: Figures of a training against a baseline.
    """

    def __init__(self, found: Sequence[Point], names: Sequence[Any], measure: Measure) -> None:
        self._points = {point.name: point for point in found}
        self._names, self._measure = names, measure
        self._baselines: dict[int, CaseResult] = {}
        self._waiting: dict[int, list[CaseResult]] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        for point in found:
            if point.refused:
                self._rows[point.name] = table.row(point, names, status=REFUSED, failure=point.refused)

    def add(self, result: CaseResult) -> None:
        """Takes a training that ended."""
        point = self._points[result.name]
        if point.is_baseline:
            self._baselines[point.seed] = result
            for waiting in [result, *self._waiting.pop(point.seed, [])]:
                self._settle(waiting)
        elif point.seed in self._baselines:
            self._settle(result)
        else:
            self._waiting.setdefault(point.seed, []).append(result)

    def _settle(self, result: CaseResult) -> None:
        point = self._points[result.name]
        baseline = self._baselines[point.seed]
        trained = result.trained
        if trained is None or baseline.trained is None:
            failure = result.error or f"its baseline failed: {baseline.error}"
            self._rows[point.name] = table.row(point, self._names, status=FAILED, failure=failure)
            return
        self._rows[point.name] = table.row(
            point,
            self._names,
            status=TRAINED,
            figures=self._measure(result, baseline),
            seconds=trained.seconds,
            parameters=trained.parameters,
            kept_epoch=trained.kept_epoch,
        )

    def table(self) -> pd.DataFrame:
        """The rows in the order of the trainings.

        Raises:
          RuntimeError: A training has not come.
        """
        lacking = [name for name in self._points if name not in self._rows]
        if lacking:
            raise RuntimeError(f"expected a result of each training. Received none of: {', '.join(lacking[:5])}")
        return table.table([self._rows[name] for name in self._points])


def run_frontier(run: RunSettings, config: Path, *, workers: Optional[int], console: Console) -> Tradeoff:
    """Trains what is missing, and writes and shows what it comes to.

    Args:
      run: The settings of ``config``.
      config: The YAML file.
      workers: Processes that train; None = one for each core.
      console: Where progress and the end are shown.

    Raises:
      PreparationError: The data could not be prepared.
      ExperimentInProgressError: Another frontier of the dataset is being made.
    """
    with exclusive(places(run).root):
        return _run(run, config, workers, console)


def _run(run: RunSettings, config: Path, workers: Optional[int], console: Console) -> Tradeoff:
    started, where = time.monotonic(), places(run)
    found = points(run)
    allowed = [point for point in found if not point.refused]
    console.print(
        Text.assemble(
            "frontier of ",
            (run.dataset, "bold"),
            f": {len(found)} trainings, {len(run.frontier.seeds)} of them baselines",
            f"; {len(found) - len(allowed)} are refused, since their settings contradict each other"
            if found != allowed
            else "",
        )
    )
    data = runner.prepare_data(run, config, where.data, where.logs, console)
    measured = measuring(data, report=lambda text: console.print(f"  {text}", markup=False))
    rows = Rows(found, table.columns_of(data.tasks, list(run.candidate().groups)), measured)
    cases = [Case(point.name, point.trainer) for point in allowed]
    report_line = lambda text: console.print(f"  {text}")  # noqa: E731
    for result in runner.results_of(cases, data, where.cases, report_line, workers=workers):
        rows.add(result)
    frame = rows.table()
    compared = tradeoff(frame, run.frontier.seeds, run.frontier.reference)
    files = results.write(run, show.short(config.resolve()), found, frame, compared, where.results)
    show.show(run.dataset, compared, files, where.results, console)
    console.print(f"took {time.monotonic() - started:.0f} s")
    return compared


def measuring(data: DataSet, report: Callable[[str], None] = lambda text: None) -> Measure:
    """A function that measures as the run's Evaluator would.

    Args:
      data: The data set, prepared.
      report: Takes what there is to say of the test rows.
    """
    run, outcomes = data.run, data.outcomes
    evaluation, groups = run.evaluation, list(run.candidate().groups)
    lone = 0 if outcomes.clusters is None else int((outcomes.clusters == "").sum())
    if lone:
        report(lone_rows_sentence(lone, len(outcomes.labels), str(evaluation.cluster)))

    def figures(candidate: CaseResult, baseline: CaseResult) -> Figures:
        return measure(
            candidate,
            baseline,
            outcomes,
            data.tasks,
            groups,
            thresholds=run.frontier.thresholds,
            confidence=evaluation.confidence,
            min_count=evaluation.min_count,
        )

    return figures
