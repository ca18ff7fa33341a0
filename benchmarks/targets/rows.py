"""A row for each training and task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from benchmarks.mtaf.grid import SINGLE
from benchmarks.targets.cases import Run
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.figures import measure
from pipeline.experiments.runner import DataSet


def rows(
    dataset: str, loss: str, runs: Iterable[Run], results: Mapping[str, CaseResult], data: DataSet
) -> pd.DataFrame:
    """Measures every training against the single-task models of its seed.

    Returns:
      Columns ``dataset``, ``loss``, ``series``, ``share``, ``seed``, ``task``, ``asked``, ``validation`` (the kept
      weights' FPR gap there), ``test`` with its interval ``lower`` and ``upper``, ``error``, ``strength`` (λ in the kept
      epoch), ``arfg``, ``are`` and ``failure``, the last three the same for all tasks of a training. What is not there
      is NaN.
    """
    found = list(runs)
    groups = list(found[0].case.settings.groups)
    single = {run.seed: results[run.case.name] for run in found if run.series == SINGLE}
    table = []
    for run in found:
        result, baseline = results[run.case.name], single[run.seed]
        measured = result.trained is not None and baseline.trained is not None
        figures = measure(result, baseline, data.outcomes, data.tasks, groups) if measured else {}
        failure = result.error or ("" if measured else "its single-task baseline was not trained")
        for task in data.tasks:
            gap = figures.get(f"fpr_gap/{task}", {})
            table.append(
                {
                    "dataset": dataset,
                    "loss": loss,
                    "series": run.series,
                    "share": run.share,
                    "seed": run.seed,
                    "task": task,
                    "asked": run.asked.get(task, math.nan),
                    "validation": _validation(result, task),
                    "test": _number(gap.get("value")),
                    "lower": _number(gap.get("lower")),
                    "upper": _number(gap.get("upper")),
                    "error": _number(figures.get(f"error/{task}", {}).get("value")),
                    "strength": _strength(run, result, task),
                    **{name: _number(figures.get(name, {}).get("value")) for name in ("arfg", "are")},
                    "failure": failure,
                }
            )
    return pd.DataFrame(table)


def _validation(result: CaseResult, task: str) -> float:
    return math.nan if result.trained is None else result.trained.validation[task]["fpr_gap"]


def _strength(run: Run, result: CaseResult, task: str) -> float:
    if result.trained is None or not run.asked:
        return math.nan
    return float(result.trained.history[result.trained.kept_epoch - 1]["tasks"][task]["strength"])


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
