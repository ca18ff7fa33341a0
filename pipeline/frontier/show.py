"""The end of `make frontier` in the terminal: frontier points, hypervolumes, what was left out, where everything lies."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from pipeline.frontier import words
from pipeline.frontier.tradeoff import FIGURES, Tradeoff

# More reasons than this are in the table alone.
_LONGEST_LIST = 12
_LONGEST_REASON = 300


def short(path: Path) -> str:
    """A path as a person would call it from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def show(dataset: str, found: Tradeoff, files: dict[str, Path], folder: Path, console: Console) -> None:
    """Prints everything.

    Args:
      dataset: Its name.
      found: What the table says.
      files: Hash of a setting on a frontier → its YAML file.
      folder: The results.
      console: Where to.
    """
    console.print()
    _left_out(found, console)
    if found.means.empty:
        console.print(words.EMPTY, style="bold red")
    else:
        _points(dataset, found, files, console)
        _areas(found, console)
    console.print(f"table, plots and YAML files: {short(folder)}")
    if files:
        console.print(f"a point as a run: make run CONFIG={short(files[found.proposed()])}")


def _left_out(found: Tradeoff, console: Console) -> None:
    lines = [line for each in found.left_out for line in words.left_out(each)]
    if lines:
        number = len(found.left_out)
        console.print(f"{number} setting{' is' if number == 1 else 's are'} on no frontier:", style="yellow")
    for line in lines[:_LONGEST_LIST]:
        text = line if len(line) <= _LONGEST_REASON else f"{line[: _LONGEST_REASON - 1]}…"
        console.print(f"    {text}", style="yellow")
    if len(lines) > _LONGEST_LIST:
        console.print(f"    and {len(lines) - _LONGEST_LIST} more; table.csv has them all", style="yellow")


def _points(dataset: str, found: Tradeoff, files: dict[str, Path], console: Console) -> None:
    several = len(found.seeds) > 1
    over = f"mean [lowest, highest] over seeds {', '.join(map(str, found.seeds))}" if several else "one seed"
    table = Table(title=f"{dataset}: frontiers on the test split, {over}", title_justify="left")
    heads = ["mode", "loss", "λ", "r", "network", "weighting", "ARE", "ARFG", "YAML file"]
    for head in heads:
        table.add_column(head, justify="right" if head in ("λ", "r", "ARE", "ARFG") else "left", overflow="fold")
    for mode in found.hypervolumes:
        for _, row in found.frontier(mode).iterrows():
            table.add_row(
                mode,
                str(row["loss"]),
                "" if pd.isna(row["strength"]) else f"{row['strength']:g}",
                str(row["head_ratio"]),
                str(row["network"]),
                str(row["weighting"]),
                *(_with_range(row, figure, several) for figure in FIGURES),
                files[row["settings"]].name,
            )
        table.add_section()
    console.print(table)


def _with_range(row: pd.Series, figure: str, several: bool) -> str:
    text = f"{row[figure]:.4f}"
    return f"{text} [{row[f'{figure}/lowest']:.4f}, {row[f'{figure}/highest']:.4f}]" if several else text


def _areas(found: Tradeoff, console: Console) -> None:
    reference = found.reference
    console.print(
        f"hypervolume below the reference point ARE {reference.are:g}, ARFG {reference.arfg:g} (higher is better"
        + (", 95 % bootstrap over seeds):" if len(found.seeds) > 1 else "):")
    )
    for mode, area in found.hypervolumes.items():
        console.print(f"    {mode:<16} {words.area(area)}")
    note = words.seeds_note(len(found.seeds))
    if note is not None:
        console.print(f"    {note}", style="yellow")
    outside = words.outside(found)
    if outside is not None:
        console.print(f"    {outside}", style="dim")
    for each in found.dominance:
        console.print(words.dominance(each), style="bold")
