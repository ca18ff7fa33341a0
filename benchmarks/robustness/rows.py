"""The robustness experiments' figures as a table: a row for each training and way to decide."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from benchmarks.robustness.cases import ERM, Run
from benchmarks.tables import MeanInterval, mean_interval
from models.training.sweep import Outcomes, Trained
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.figures import measure

FIGURES = ("worst_cell", "worst_group", "error")
KEYS = ("dataset", "capacity", "method", "rule", "threshold")
# How scores become decisions: as the settings say, which is `base_rate` on the data sets, or above one half.
THRESHOLDS = ("settings", "0.5")
# Test rows that a group or a cell needs to count.
MIN_COUNT = 50


def rows(
    dataset: str,
    group: str,
    runs: Sequence[Run],
    results: Mapping[str, CaseResult],
    outcomes: Outcomes,
    thresholds: Sequence[str] = THRESHOLDS,
) -> pd.DataFrame:
    """A row per training and threshold: figures on test, each a mean over tasks. Failed trainings have none.

    ``worst_group`` is the highest error of a group, ``worst_cell`` of a group's negatives or positives, ``error`` that of
    all rows.
    """
    # The intervals are over seeds: those over rows, and what they cost, are not needed.
    plain = dataclasses.replace(outcomes, clusters=None)
    found = []
    for run in runs:
        result = results[run.case.name]
        if result.trained is None:
            continue
        for threshold in thresholds:
            found.append(
                {
                    "dataset": dataset,
                    "capacity": run.capacity,
                    "method": run.method,
                    "rule": run.rule,
                    "threshold": threshold,
                    "seed": run.seed,
                    **figures(_decided(result, threshold), plain, group),
                    "kept_epoch": result.trained.kept_epoch,
                    "seconds": result.trained.seconds,
                }
            )
    return pd.DataFrame(found)


def figures(result: CaseResult, outcomes: Outcomes, group: str) -> dict[str, float]:
    """``FIGURES`` of one training, from the pipeline's own metrics.

    Raises:
      ValueError: A task has no cell with ``MIN_COUNT`` rows, or the case has no model.
    """
    tasks = list(outcomes.tasks)
    values = measure(result, result, outcomes, tasks, [group], min_count=MIN_COUNT)
    found = {}
    for name, metric in zip(FIGURES, ("worst_cell_error", "worst_group_error", "error"), strict=True):
        numbers = [values[f"{metric}/{task}"]["value"] for task in tasks]
        if None in numbers:
            task = tasks[numbers.index(None)]
            raise ValueError(f"{metric} of `{task}` over `{group}`: {values[f'{metric}/{task}']['reason']}")
        found[name] = float(np.mean(numbers))
    return found


def _decided(result: CaseResult, threshold: str) -> CaseResult:
    if threshold == "settings":
        return result
    trained = result.trained
    assert isinstance(trained, Trained)
    cuts = dict.fromkeys(trained.thresholds, float(threshold))
    return dataclasses.replace(result, trained=dataclasses.replace(trained, thresholds=cuts))


def means(table: pd.DataFrame, figure: str) -> dict[tuple, MeanInterval]:
    """``KEYS`` → the mean of a figure over seeds, with its interval."""
    return {key: mean_interval(values) for key, values in table.groupby(list(KEYS), sort=False)[figure]}


def against_erm(table: pd.DataFrame, figure: str) -> dict[tuple, MeanInterval]:
    """``KEYS`` → the mean difference of a figure from that of ERM with the same seed, rule and capacity.

    Seeds that lack one of the two are left out; ERM itself has no entry.
    """
    indexed = table.set_index([*KEYS, "seed"])[figure]
    found: dict[tuple, list[float]] = {}
    for (dataset, capacity, method, rule, threshold, seed), value in indexed.items():
        other = (dataset, capacity, ERM, rule, threshold, seed)
        if method == ERM:
            continue
        values = found.setdefault((dataset, capacity, method, rule, threshold), [])
        if other in indexed.index:
            values.append(value - indexed[other])
    return {key: mean_interval(values) for key, values in found.items()}
