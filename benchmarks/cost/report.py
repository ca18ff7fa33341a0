"""The cost table and its plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.cost.entries import USUAL_TASKS
from benchmarks.tables import markdown, replace_between_marks
from pipeline.experiments import plots

BASELINE = "baseline"
PARTS = ("network", "robustness", "fairness", "weighting")


def write(table: pd.DataFrame, readme: Path, stated: str) -> None:
    """Rewrites the README's tables, and the plot beside it.

    Args:
      table: A row per entry: ``part``, ``name``, ``tasks`` and what ``steps.measure`` returns.
      readme: With marks.
      stated: Says what was run.
    """
    replace_between_marks(readme, "cost", [stated, "", *tables(table)])
    own = with_ratios(table)
    own = own[(own["tasks"] == USUAL_TASKS) & (own["part"] != BASELINE)].sort_values(["part", "ratio"])
    with plots.figure(6.5, 0.2 * len(own) + 0.8) as figure:
        axis = figure.subplots()
        looks = plots.styles(PARTS)
        for place, (_, row) in enumerate(own.iterrows()):
            axis.barh(place, row["ratio"], color=looks[row["part"]].color, alpha=0.8)
        axis.set_yticks(range(len(own)), [f"{row['part']}: {row['name']}" for _, row in own.iterrows()])
        axis.axvline(1, color="#999999", linewidth=0.8)
        axis.set_xlabel(f"time per step against shared_bottom with uniform weights, {USUAL_TASKS} tasks")
        plots.save(figure, readme.parent / "cost")


def with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Adds ``parameter_ratio`` and ``more_mib``, against the baseline with as many tasks.

    Raises:
      ValueError: Tasks without a baseline.
    """
    base = table[table["part"] == BASELINE].set_index("tasks")
    missing = sorted(set(table["tasks"]) - set(base.index))
    if missing:
        raise ValueError(f"every number of tasks needs a row of the baseline. Missing: {missing}")
    found = table.copy()
    for index, row in table.iterrows():
        found.loc[index, "parameter_ratio"] = row["parameters"] / base.loc[row["tasks"], "parameters"]
        found.loc[index, "more_mib"] = row["peak_mib"] - base.loc[row["tasks"], "peak_mib"]
    return found


def usual_table(table: pd.DataFrame) -> list[str]:
    """Everything with the usual number of tasks."""
    own = with_ratios(table)
    own = own[own["tasks"] == USUAL_TASKS]
    rows = [
        [
            row["part"],
            row["name"],
            f"{row['ms']:.2f}",
            _ratio(row),
            f"{row['parameters']:,.0f}",
            f"{row['parameter_ratio']:.2f}",
            f"{row['parameters_exported']:,.0f}",
            f"{row['peak_mib']:.0f}",
            f"{row['more_mib']:+.0f}",
        ]
        for part in (BASELINE, *PARTS)
        for _, row in own[own["part"] == part].iterrows()
    ]
    head = [
        "part",
        "method",
        "ms per step",
        "time ratio (quartiles)",
        "parameters trained",
        "ratio",
        "of them exported",
    ]
    return markdown([*head, "peak MiB", "more MiB"], rows, texts=2)


def tables(table: pd.DataFrame) -> list[str]:
    """Both tables."""
    return [*usual_table(table), "", *task_table(table)]


def task_table(table: pd.DataFrame) -> list[str]:
    """The weightings' time by number of tasks; a dash where it was not measured."""
    own = table[table["part"] == "weighting"]
    if own.empty:
        return ["No weighting was measured."]
    counts = sorted(set(own["tasks"]))
    found = {(row["name"], row["tasks"]): row for _, row in own.iterrows()}
    rows: Sequence[Sequence[str]] = [
        [name, *(_ratio(found[name, count]) if (name, count) in found else "–" for count in counts)]
        for name in dict.fromkeys(own["name"])
    ]
    return markdown(["weighting: time ratio (quartiles)", *(f"{count} tasks" for count in counts)], rows)


def _ratio(row: pd.Series) -> str:
    return f"{row['ratio']:.2f} ({row['lower']:.2f}–{row['upper']:.2f})"
