"""Which networks do worse on a task than single-task learning does?

``python -m benchmarks.sharing --size minimum --table benchmarks/sharing/README.md`` trains what has no result yet under
``runs/benchmarks/sharing`` (a second call goes on where a killed one stopped), and rewrites the README's tables, the plot
and the two CSV files beside it. ``--redraw`` makes tables and plot of those files alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import click
from rich.console import Console

from benchmarks import command
from benchmarks.sharing import cases, report
from benchmarks.sharing.rows import by_model, rows
from benchmarks.tables import merge_rows
from pipeline.experiments.runner import DataSet, Results, experiment_folder, open_data, train_cases


class Size(NamedTuple):
    """Seeds, and whether every data set has every weighting or those of `cases.Choice.minimum`."""

    seeds: int
    whole: bool


SIZES = {"minimum": Size(5, False), "full": Size(10, True)}


def run_data(
    name: str,
    data: DataSet,
    seeds: int,
    networks: Sequence[str],
    weightings: Sequence[str],
    folder: Path,
    console: Console,
) -> None:
    """Trains one data set's cases and writes their rows, again whenever a network and weighting has all its seeds."""
    runs = list(cases.runs(data.run, cases.DATA_SETS[name], seeds=seeds, networks=networks, weightings=weightings))
    expected = Counter((run.network, run.weighting) for run in runs)
    whole = 0

    def write(results: Results) -> None:
        for path, found in zip(paths(folder), rows(name, runs, results, data.outcomes), strict=True):
            merge_rows(path, found, list(cases.DATA_SETS), ("dataset", "network", "weighting"))

    def after(results: Results) -> None:
        nonlocal whole
        found = by_model(runs, results)
        done = [key for key, trained in found.items() if len(trained) == expected[key]]
        count = len(done)
        if count > whole and (cases.STL, "uniform") in done:
            write(results)
        whole = count

    where = experiment_folder("sharing") / name
    report_line = console.print
    write(train_cases([run.case for run in runs], data, where, report_line, after=after))


def paths(folder: Path) -> tuple[Path, Path]:
    """The files of rows by task and by model."""
    return folder / "tasks.csv", folder / "models.csv"


@click.command()
@command.experiment_options(SIZES, Path(__file__).parent, list(cases.DATA_SETS))
@click.option("--network", "networks", multiple=True, type=click.Choice(list(cases.NETWORKS)), help="all where absent")
@click.option(
    "--weighting",
    "weightings",
    multiple=True,
    type=click.Choice(list(cases.WEIGHTINGS)),
    help="those of the size where absent",
)
def main(
    size: Size,
    names: tuple[str, ...],
    networks: tuple[str, ...],
    weightings: tuple[str, ...],
    folder: Path,
    table: Optional[Path],
    redraw: bool,
) -> None:
    """Trains, measures and shows."""

    def run(name: str, console: Console) -> None:
        choice = cases.DATA_SETS[name]
        data = open_data(choice.config, console)
        chosen = weightings or (tuple(cases.WEIGHTINGS) if size.whole else choice.minimum)
        run_data(name, data, size.seeds, networks or tuple(cases.NETWORKS), chosen, folder, console)

    command.run_all(() if redraw else names or tuple(cases.DATA_SETS), run)
    command.show(paths(folder), table, report.tables, report.write)


if __name__ == "__main__":
    main()
