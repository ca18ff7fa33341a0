"""What do the methods against worst-group error gain: in worlds with a spurious block, and on three data sets?

``python -m benchmarks.robustness --size minimum --table benchmarks/robustness/README.md`` trains what has no result yet
under ``runs/benchmarks/robustness`` (a second call goes on where a killed one stopped), and rewrites the README's tables,
the plots and the two CSV files beside it. ``--redraw`` makes tables and plots of those files alone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import click
import pandas as pd
from rich.console import Console

from benchmarks.experiment import DataSet, experiment_folder, open_data, train_cases
from benchmarks.robustness import cases, report, rows
from benchmarks.robustness.spurious import GROUP, WORLDS, bayes_errors
from benchmarks.robustness.worlds import open_draw
from pipeline.showing import terminal


class Size(NamedTuple):
    """How much is run."""

    draws: int
    seeds: int


SIZES = {"minimum": Size(5, 5), "full": Size(10, 10)}
PARTS = ("worlds", "data")


def run_draw(world: str, draw: int, path: Path, console: Console) -> None:
    """Trains all cases on one draw of a world and adds their rows to ``path``, which can be shown at any time."""
    data = open_draw(world, draw, console)
    runs = list(cases.world_runs(data.run, draw))
    results = _train(runs, data, experiment_folder("robustness") / f"{world}-{draw}", console)
    # The threshold is 0.5 in the settings.
    _add(path, rows.rows(world, GROUP, runs, results, data.outcomes, ["settings"]))


def run_data(name: str, seeds: int, path: Path, console: Console) -> None:
    """Trains all cases on a data set, seed after seed, and adds their rows to ``path``."""
    choice = cases.DATA_SETS[name]
    data = open_data(choice.config, console)
    for seed in range(1, seeds + 1):
        runs = list(cases.data_runs(data.run, choice, seed))
        results = _train(runs, data, experiment_folder("robustness") / name, console)
        _add(path, rows.rows(name, choice.group, runs, results, data.outcomes))


def _train(runs: Sequence[cases.Run], data: DataSet, folder: Path, console: Console) -> dict:
    results = train_cases([run.case for run in runs], data, folder, console.print)
    for result in results.values():
        if result.error is not None:
            console.print(f"failed: {result.name}: {result.error}")
    return results


def _add(path: Path, new: pd.DataFrame) -> None:
    old = pd.read_csv(path, dtype={"threshold": str}) if path.exists() else None
    rows.merged(old, new).to_csv(path, index=False, float_format="%.6g")


def show(folder: Path, table: Optional[Path], console: Console) -> None:
    """Tables and plots of the CSV files that are there."""
    least = SIZES["minimum"]
    draws, seeds = range(1, least.draws + 1), range(1, least.seeds + 1)
    for part in PARTS:
        path = folder / f"{part}.csv"
        if not path.exists():
            continue
        found = pd.read_csv(path, dtype={"threshold": str})
        if table is None:
            lines = report.world_table(found) if part == "worlds" else report.data_table(found, "settings")
            console.print("\n".join(lines))
        elif part == "worlds":
            report.write_worlds(found, table, (list(WORLDS), draws), bayes_errors(WORLDS["independent"]))
        else:
            report.write_data(found, table, (list(cases.DATA_SETS), seeds))


@click.command()
@click.option("--size", type=click.Choice(sorted(SIZES)), default="minimum", show_default=True)
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="both where absent")
@click.option("--data", "names", multiple=True, type=click.Choice(list(cases.DATA_SETS)), help="all where absent")
@click.option("--world", "worlds", multiple=True, type=click.Choice(list(WORLDS)), help="both where absent")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(__file__).parent, help="of the CSV files")
@click.option("--table", type=click.Path(path_type=Path, exists=True), help="Markdown file whose tables are replaced")
@click.option("--redraw", is_flag=True, help="train nothing; tables and plots of the CSV files")
def main(
    size: str,
    parts: tuple[str, ...],
    names: tuple[str, ...],
    worlds: tuple[str, ...],
    folder: Path,
    table: Optional[Path],
    redraw: bool,
) -> None:
    """Trains, measures and shows."""
    console, started, chosen = terminal.console(), time.monotonic(), parts or PARTS
    if not redraw:
        if "worlds" in chosen:
            for draw, world in itertools.product(range(1, SIZES[size].draws + 1), worlds or list(WORLDS)):
                run_draw(world, draw, folder / "worlds.csv", console)
        if "data" in chosen:
            for name in names or list(cases.DATA_SETS):
                run_data(name, SIZES[size].seeds, folder / "data.csv", console)
        console.print(f"{time.monotonic() - started:.0f} s")
    show(folder, table, console)


if __name__ == "__main__":
    main()
