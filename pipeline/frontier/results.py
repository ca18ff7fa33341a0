"""What is left of a frontier: tables, plots, YAML files and a summary, written as a whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.frontier import configs, plots, table, words
from pipeline.frontier.grid import Point
from pipeline.frontier.tradeoff import Tradeoff, as_json
from pipeline.settings.config import RunSettings

# Points of the frontiers, which the report of a run draws.
_POINTS = "frontier.csv"


def write(
    run: RunSettings, config: str, found: Sequence[Point], frame: pd.DataFrame, compared: Tradeoff, folder: Path
) -> dict[str, Path]:
    """Writes all results aside, and then puts them in the place of earlier ones.

    Args:
      run: The settings.
      config: The YAML file, as a person calls it.
      found: All trainings.
      frame: Their table.
      compared: What it says.
      folder: Where the results go.

    Returns:
      Hash of a setting on a frontier → its YAML file.
    """
    aside = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    table.write(frame, aside)
    files: Mapping[str, Path] = {}
    if not compared.means.empty:
        files = configs.write(run, config, found, frame, compared, aside / "yaml", Path("..", _POINTS))
        tasks, group = [task.name for task in run.tasks], run.candidate().groups[0]
        plots.draw(run.dataset, group, tasks, frame, compared, aside / "plots")
        compared.means.to_csv(aside / "means.csv", index=False)
        report_table(compared, files).to_csv(aside / _POINTS, index=False)
    said = {
        "dataset": run.dataset,
        "config": config,
        "thresholds": run.frontier.thresholds,
        **as_json(compared),
        "sentences": sentences(compared),
    }
    (aside / "summary.json").write_text(json.dumps(said, indent=2, default=str), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(aside, folder)
    return {key: folder / "yaml" / path.name for key, path in files.items()}


def sentences(compared: Tradeoff) -> list[str]:
    """What a person reads at the end, for whoever reads the summary alone."""
    found = [words.EMPTY] if compared.means.empty else []
    found += [words.dominance(each) for each in compared.dominance]
    note = words.seeds_note(len(compared.seeds))
    found += [] if note is None else [note]
    return found + [line for each in compared.left_out for line in words.left_out(each)]


def report_table(compared: Tradeoff, files: Mapping[str, Path]) -> pd.DataFrame:
    """The frontier over all modes together, in the form that the report draws: ``arfg``, ``are``, and what they are of.

    Paths are relative to the results, which may be moved.
    """
    rows = compared.means[compared.means["overall"]].sort_values(["are", "arfg"])
    columns = ["arfg", "are", "mode", "loss", "strength", "head_ratio", "network", "weighting"]
    result = rows[columns].assign(seeds=" ".join(map(str, compared.seeds)))
    return result.assign(yaml=[str(Path("yaml", files[key].name)) for key in rows["settings"]])
