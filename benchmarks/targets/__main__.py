"""Does a gap asked for on validation hold on test, and is the model as good as one that a grid of λ finds?

``python -m benchmarks.targets`` trains what has no result yet, beside the trainings of ``benchmarks/mtaf`` (a second call
goes on where a killed one stopped), and rewrites the README's tables, the plots and the CSV file beside it. ``--redraw``
makes them of that file, and of the grids' tables, alone.
"""

from __future__ import annotations

import functools
from pathlib import Path

import click
import pandas as pd
from rich.console import Console

from benchmarks import command
from benchmarks.mtaf import running
from benchmarks.mtaf.grid import LOSSES
from benchmarks.mtaf.parts import PARTS
from benchmarks.tables import merge_rows
from benchmarks.targets import cases, report
from benchmarks.targets.rows import rows
from pipeline.experiments.runner import DataSet, experiment_folder, train_cases

HERE = Path(__file__).resolve().parent
SEEDS = {"minimum": 5, "full": 10}
_NUMBERS = ("share", "asked", "validation", "test", "lower", "upper", "error", "strength", "arfg", "are")


def run_data(name: str, data: DataSet, loss: str, seeds: int, start: float, path: Path, console: Console) -> None:
    """Trains one data set's cases and writes their rows."""
    source = cases.DATA[name]
    part = PARTS[source.part]
    where = experiment_folder("mtaf") / part.data
    train = functools.partial(train_cases, data=data, folder=where, report=console.print)
    plain = list(cases.plain_runs(data.run, seeds, part.group))
    results = train([run.case for run in plain])
    gaps = cases.plain_gaps(plain, results)
    targets = list(cases.target_runs(data.run, gaps, loss, seeds, part.group, start, source.epochs))
    results |= train([run.case for run in targets])
    merge_rows(path, rows(name, loss, [*plain, *targets], results, data), list(cases.DATA), ("dataset", "loss"))


@click.command()
@command.experiment_options(SEEDS, HERE, list(cases.DATA), HERE / "README.md")
@click.option("--loss", type=click.Choice(LOSSES), default="correlation", show_default=True, help="training follows it")
@click.option("--start", type=float, default=cases.START, show_default=True, help="the first λ")
def main(size: int, names: tuple[str, ...], loss: str, start: float, folder: Path, table: Path, redraw: bool) -> None:
    """Trains, measures and shows."""
    if start != cases.START and folder == HERE:
        raise click.UsageError(
            f"rows of another start than {cases.START:g} should lie elsewhere: give --folder and --table. "
            f"Received: --start {start:g}"
        )
    path = folder / "targets.csv"

    def run(name: str, console: Console) -> None:
        data = running.prepared(PARTS[cases.DATA[name].part], console)
        run_data(name, data, loss, size, start, path, console)

    def write(found: pd.DataFrame, readme: Path) -> None:
        numbers = {column: found[column].replace("", "nan").astype(float) for column in _NUMBERS}
        report.write(found.assign(**numbers), readme, HERE.parent / "mtaf" / "results")

    command.run_all(() if redraw else names or tuple(cases.DATA), run)
    command.show([path], table, report.held, write)


if __name__ == "__main__":
    main()
