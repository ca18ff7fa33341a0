"""Which networks do worse on a task than single-task learning does?

``python -m benchmarks.sharing --size minimum --table benchmarks/sharing/README.md`` trains what has no result yet under
``runs/benchmarks/sharing`` (a second call goes on where a killed one stopped), and rewrites the README's tables, the plot
and the two CSV files beside it. ``--redraw`` makes tables and plot of those files alone.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import click
from rich.console import Console

from benchmarks.experiment import DataSet, experiment_folder, open_data, train_cases
from benchmarks.sharing import cases, report
from benchmarks.sharing.rows import by_model, rows
from benchmarks.tables import merge_rows, read_rows
from pipeline.experiments.cases import CaseResult
from pipeline.showing import terminal


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

    def write(results: Mapping[str, CaseResult]) -> None:
        for path, found in zip(paths(folder), rows(name, runs, results, data.outcomes), strict=True):
            merge_rows(path, found, list(cases.DATA_SETS), ("dataset", "network", "weighting"))

    def after(results: Mapping[str, CaseResult]) -> None:
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
@click.option("--size", type=click.Choice(sorted(SIZES)), default="minimum", show_default=True)
@click.option("--data", "names", multiple=True, type=click.Choice(list(cases.DATA_SETS)), help="all where absent")
@click.option("--network", "networks", multiple=True, type=click.Choice(list(cases.NETWORKS)), help="all where absent")
@click.option(
    "--weighting",
    "weightings",
    multiple=True,
    type=click.Choice(list(cases.WEIGHTINGS)),
    help="those of the size where absent",
)
@click.option("--folder", type=click.Path(path_type=Path), default=Path(__file__).parent, help="of the CSV files")
@click.option("--table", type=click.Path(path_type=Path, exists=True), help="Markdown file whose tables are replaced")
@click.option("--redraw", is_flag=True, help="train nothing; tables and plot of the CSV files")
def main(
    size: str,
    names: tuple[str, ...],
    networks: tuple[str, ...],
    weightings: tuple[str, ...],
    folder: Path,
    table: Optional[Path],
    redraw: bool,
) -> None:
    """Trains, measures and shows."""
    console, started = terminal.console(), time.monotonic()
    for name in () if redraw else names or tuple(cases.DATA_SETS):
        data = open_data(cases.DATA_SETS[name].config, console)
        of_size = tuple(cases.WEIGHTINGS) if SIZES[size].whole else cases.DATA_SETS[name].minimum
        run_data(
            name, data, SIZES[size].seeds, networks or tuple(cases.NETWORKS), weightings or of_size, folder, console
        )
        console.print(f"{name}: {time.monotonic() - started:.0f} s so far")
    tasks, models = (read_rows(path) for path in paths(folder))
    if table is None:
        click.echo("\n".join(report.tables(tasks, models)))
    else:
        report.write(tasks, models, table)


if __name__ == "__main__":
    main()
