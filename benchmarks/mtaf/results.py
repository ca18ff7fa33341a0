"""One table of all trainings of a part: a row for each training and way to take decision thresholds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Optional

import pandas as pd

from benchmarks.mtaf.grid import SINGLE, Setting
from models.training.sweep import Outcomes
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.figures import Thresholds, measure

THRESHOLDS: tuple[Thresholds, ...] = ("validation", "evaluated")
_DIGITS = 6


def rows(cases: Iterable[tuple[Setting, int, CaseResult]], outcomes: Outcomes, groups: list[str]) -> pd.DataFrame:
    """Measures every training against the single-task models of its seed.

    Args:
      cases: Setting, seed and result of each.
      outcomes: Of test.
      groups: Group keys, the one that the part's fairness loss compares first.

    Returns:
      Columns: of the setting, ``seed``, ``thresholds``, ``failure`` (empty where there are figures), ``arfg``, ``are``,
      ``error/<task>``, ``fpr_gap/<task>``, ``seconds`` and ``parameters``.
    """
    found = list(cases)
    baselines = {seed: result for setting, seed, result in found if setting.series == SINGLE}
    names = [*("arfg", "are"), *(f"{metric}/{task}" for metric in ("error", "fpr_gap") for task in outcomes.tasks)]
    table = []
    for setting, seed, result in found:
        for thresholds in THRESHOLDS:
            figures, failure = _figures(result, baselines.get(seed), outcomes, groups, thresholds)
            trained = result.trained
            table.append(
                {
                    **setting.columns(),
                    "seed": seed,
                    "thresholds": thresholds,
                    "failure": failure,
                    **{name: _number(figures.get(name)) for name in names},
                    "seconds": math.nan if trained is None else round(trained.seconds, 1),
                    "parameters": None if trained is None else trained.parameters,
                }
            )
    return pd.DataFrame(table).sort_values(["series", "loss", "head_ratio", "seed", "thresholds"], kind="stable")


def _figures(
    result: CaseResult, baseline: Optional[CaseResult], outcomes: Outcomes, groups: list[str], thresholds: Thresholds
) -> tuple[Mapping[str, Mapping[str, Any]], str]:
    if result.trained is None:
        return {}, str(result.error)
    if baseline is None or baseline.trained is None:
        # Against itself its own errors and gaps are the same, and its ratios say nothing.
        figures = measure(result, result, outcomes, outcomes.tasks, groups, thresholds)
        own = {name: figure for name, figure in figures.items() if name.partition("/")[0] in ("error", "fpr_gap")}
        return own, "its single-task baseline was not trained"
    figures = measure(result, baseline, outcomes, outcomes.tasks, groups, thresholds)
    return figures, ""


def _number(figure: Optional[Mapping[str, Any]]) -> float:
    """NaN where there is none; rounded, so that a committed file changes where figures do."""
    value = None if figure is None else figure["value"]
    return math.nan if value is None else round(value, _DIGITS)


def path_of(folder: Path, part: str) -> Path:
    """Where the table of a part lies."""
    return folder / f"{part}.csv"


def read(folder: Path, part: str) -> Optional[pd.DataFrame]:
    """The table of a part; None where it was not run."""
    path = path_of(folder, part)
    if not path.exists():
        return None
    table = pd.read_csv(path, keep_default_na=False, na_values=["nan", "NaN"])
    numeric = [name for name in table.columns if name in ("arfg", "are") or "/" in name]
    return table.assign(**{name: pd.to_numeric(table[name]) for name in numeric})


def write(folder: Path, part: str, table: pd.DataFrame) -> None:
    """Puts a part's table in the place of its earlier one."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(path_of(folder, part), index=False, na_rep="nan")
