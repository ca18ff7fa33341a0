"""What do the methods against worst-group error gain: in worlds with a spurious block, and on three data sets?

``python -m benchmarks.robustness --size minimum --table benchmarks/robustness/README.md`` trains what has no result yet
under ``runs/benchmarks/robustness`` (a second call goes on where a killed one stopped), and rewrites the README's tables,
the plots and the two CSV files beside it. ``--redraw`` makes tables and plots of those files alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import click
from rich.console import Console

from benchmarks import command
from benchmarks.robustness import cases, report, rows
from benchmarks.robustness.spurious import GROUP, WORLDS, bayes_errors
from benchmarks.robustness.worlds import open_draw
from benchmarks.tables import merge_rows
from pipeline.experiments.runner import DataSet, Results, experiment_folder, open_data, train_cases


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
    results = _train(runs, data, f"{world}-{draw}", console)
    # The threshold is 0.5 in the settings.
    found = rows.rows(world, GROUP, runs, results, data.outcomes, ["settings"])
    merge_rows(path, found, list(WORLDS), ("dataset", "seed"))


def run_data(name: str, seeds: int, path: Path, console: Console) -> None:
    """Trains all cases on a data set, seed after seed, and adds their rows to ``path``."""
    choice = cases.DATA_SETS[name]
    data = open_data(choice.config, console)
    for seed in range(1, seeds + 1):
        runs = list(cases.data_runs(data.run, choice, seed))
        found = rows.rows(name, choice.group, runs, _train(runs, data, name, console), data.outcomes)
        merge_rows(path, found, list(cases.DATA_SETS), ("dataset", "seed"))


def _train(runs: Sequence[cases.Run], data: DataSet, name: str, console: Console) -> Results:
    return train_cases([run.case for run in runs], data, experiment_folder("robustness") / name, console.print)


def show(folder: Path, table: Optional[Path]) -> None:
    """Tables and plots of the CSV files that are there."""
    least = SIZES["minimum"]
    draws, seeds = range(1, least.draws + 1), range(1, least.seeds + 1)
    worlds, data = (folder / f"{part}.csv" for part in PARTS)
    if worlds.exists():
        bayes = bayes_errors(WORLDS["independent"])
        command.show(
            [worlds],
            table,
            report.world_table,
            lambda found, readme: report.write_worlds(found, readme, (list(WORLDS), draws), bayes),
        )
    if data.exists():
        command.show(
            [data],
            table,
            lambda found: report.data_table(found, "settings"),
            lambda found, readme: report.write_data(found, readme, (list(cases.DATA_SETS), seeds)),
        )


@click.command()
@command.experiment_options(SIZES, Path(__file__).parent, list(cases.DATA_SETS))
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="both where absent")
@click.option("--world", "worlds", multiple=True, type=click.Choice(list(WORLDS)), help="both where absent")
def main(
    size: Size,
    parts: tuple[str, ...],
    names: tuple[str, ...],
    worlds: tuple[str, ...],
    folder: Path,
    table: Optional[Path],
    redraw: bool,
) -> None:
    """Trains, measures and shows."""
    chosen = () if redraw else parts or PARTS

    def run(name: str, console: Console) -> None:
        if name in cases.DATA_SETS:
            run_data(name, size.seeds, folder / "data.csv", console)
        else:
            world, _, draw = name.rpartition("-")
            run_draw(world, int(draw), folder / "worlds.csv", console)

    draws = itertools.product(range(1, size.draws + 1), worlds or list(WORLDS))
    wanted = [f"{world}-{draw}" for draw, world in draws] if "worlds" in chosen else []
    command.run_all([*wanted, *(names or cases.DATA_SETS if "data" in chosen else ())], run)
    show(folder, table)


if __name__ == "__main__":
    main()
