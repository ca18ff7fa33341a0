"""A YAML file for each point of a frontier, which `make run CONFIG=…` takes as it is."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from pipeline.frontier.grid import Point
from pipeline.frontier.table import TRAINED
from pipeline.frontier.tradeoff import FIGURES, Tradeoff, name_of
from pipeline.settings.config import RunSettings

# Blocks of the run that would change the point, or that it has no use for.
_DROPPED = ("frontier", "tune")
_WIDTH = 118


def write(
    run: RunSettings,
    config: str,
    points: Sequence[Point],
    table: pd.DataFrame,
    found: Tradeoff,
    folder: Path,
    report: Path,
) -> dict[str, Path]:
    """Writes the files ``<mode>-<number>.yaml``, numbered by rising ARE.

    Args:
      run: The run's settings.
      config: The YAML file that they come from, as a person calls it.
      points: All trainings.
      table: Their figures.
      found: The frontiers.
      folder: Where the files go.
      report: The frontier's CSV file, which the report of such a run draws, as it is called from ``folder``.

    Returns:
      Hash of the setting → its file.
    """
    folder.mkdir(parents=True)
    files: dict[str, Path] = {}
    for mode in found.hypervolumes:
        rows = found.frontier(mode)
        for number, (_, row) in enumerate(rows.iterrows(), start=1):
            own = table[(table["settings"] == row["settings"]) & (table["status"] == TRAINED)]
            typical = own.iloc[_typical(own)]
            point = next(p for p in points if p.name == typical["case"])
            text = _comment(run, config, row, typical, found, f"point {number} of {len(rows)}") + yaml.safe_dump(
                content(run, point, report), sort_keys=False, allow_unicode=True, width=_WIDTH
            )
            files[row["settings"]] = folder / f"{mode}-{number}.yaml"
            files[row["settings"]].write_text(text, encoding="utf-8")
    return files


def content(run: RunSettings, point: Point, report: Path) -> dict[str, Any]:
    """The run's YAML file with the point's settings in it; its paths are absolute, but for ``report`` as it is given."""
    found = run.model_dump(mode="json", exclude_unset=True)
    found = {block: value for block, value in found.items() if block not in _DROPPED}
    trainer = point.trainer
    found["model"] = trainer.model.model_dump(mode="json", exclude_unset=True)
    found["fairness"] = _without_none(trainer.fairness.model_dump(mode="json", exclude_unset=True))
    found["training"] = trainer.training.model_dump(mode="json", exclude_unset=True)
    found["report"] = {**found.get("report", {}), "frontier": str(report)}
    if not _without_none(found.get("push", {})):
        found.pop("push", None)
    return found


def _without_none(block: Mapping[str, Any]) -> dict[str, Any]:
    """Without keys whose value says no more than their absence."""
    return {key: value for key, value in block.items() if value is not None}


def _typical(rows: pd.DataFrame) -> int:
    """The place of the seed whose figures are nearest to the mean, each in units of its spread."""
    values = rows[list(FIGURES)].to_numpy(float)
    spread = values.std(axis=0)
    distance = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return int(np.square(distance).sum(axis=1).argmin())


def _comment(run: RunSettings, config: str, row: pd.Series, typical: pd.Series, found: Tradeoff, where: str) -> str:
    seeds = f"the mean over the seeds {', '.join(map(str, found.seeds))} [lowest, highest]"
    several = len(found.seeds) > 1
    expected = [
        f"{figure.upper()} {row[figure]:.4f}"
        + (f" [{row[f'{figure}/lowest']:.4f}, {row[f'{figure}/highest']:.4f}]" if several else "")
        for figure in FIGURES
    ]
    lines = [
        f"{where[0].upper()}{where[1:]} on the frontier of `{row['mode']}` ({name_of(row)}), made by `make frontier "
        f"CONFIG={config}`.",
        f"Expected on the test split, {seeds if several else 'of one seed'}: {', '.join(expected)}.",
        *(
            f"{task.name}: error {row[f'error/{task.name}']:.4f}, FPR gap {row[f'fpr_gap/{task.name}']:.4f}."
            for task in run.tasks
        ),
    ]
    if several:
        lines.append(
            f"This file trains seed {typical['seed']}, the one nearest to the mean: ARE {typical['are']:.4f}, ARFG "
            f"{typical['arfg']:.4f}."
        )
    if run.frontier.thresholds == "evaluated":
        lines.append(
            "These figures take decision thresholds on the evaluated scores; a run fixes them on validation, so its "
            "figures differ somewhat."
        )
    return "".join(
        textwrap.fill(line, _WIDTH, initial_indent="# ", subsequent_indent="#   ", break_long_words=False) + "\n"
        for line in lines
    )
