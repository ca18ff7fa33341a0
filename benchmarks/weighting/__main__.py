"""Wrong labels in one task: which weighting keeps the other tasks' quality?

``python -m benchmarks.weighting --size minimum --table benchmarks/weighting/README.md`` trains what has no result yet
under ``runs/benchmarks/weighting`` (a second call goes on where a killed one stopped), and rewrites the README's tables,
the plots and the two CSV files beside it. ``--redraw`` makes tables and plots of those files alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

import click
import pandas as pd
from rich.console import Console

from benchmarks.experiment import DataSet, experiment_folder, open_data, train_cases
from benchmarks.tables import merge_rows, read_rows
from benchmarks.weighting import cases, report, rows
from pipeline.experiments.cases import CaseResult
from pipeline.showing import terminal


class Size(NamedTuple):
    """Seeds, and whether every data set has every share of wrong labels or those of `cases.Choice.minimum`."""

    seeds: int
    whole: bool


SIZES = {"minimum": Size(5, False), "full": Size(10, True)}
_WRITE_EVERY = 20


def run_data(name: str, data: DataSet, size: Size, folder: Path, console: Console) -> None:
    """Trains one data set's cases and writes their rows, again after each so many trainings."""
    choice = cases.DATA_SETS[name]
    settings, where = cases.base(data.run, choice), experiment_folder("weighting") / name
    report_line = console.print
    tuning = list(cases.tuning(settings, choice))
    chosen: dict[str, Mapping[str, Any]] = {method: candidates[0] for method, candidates in cases.METHODS.items()}
    chosen |= rows.choose(tuning, train_cases([run.case for run in tuning], data, where, report_line))
    shares = cases.NOISE if size.whole else choice.minimum
    final = list(cases.final(settings, choice, chosen, size.seeds, shares))

    def write(results: Mapping[str, CaseResult]) -> None:
        found = rows.model_rows(name, choice.noisy, final, results, data.outcomes), rows.path_rows(name, final, results)
        for path, frame in zip(paths(folder), found, strict=True):
            merge_rows(path, frame, list(cases.DATA_SETS))

    def after(results: Mapping[str, CaseResult]) -> None:
        if len(results) % _WRITE_EVERY == 0:
            write(results)

    write(train_cases([run.case for run in final], data, where, report_line, after=after))


def paths(folder: Path) -> tuple[Path, Path]:
    """The files of rows by training and task, and by epoch."""
    return folder / "models.csv", folder / "weights.csv"


def stated(models: pd.DataFrame) -> list[str]:
    """What was run, in a sentence for each data set."""
    lines = []
    for dataset, own in models.groupby("dataset", sort=False):
        trainings = own.drop_duplicates(["method", "noise", "seed"])
        choice = cases.DATA_SETS[str(dataset)]
        seeds = sorted(set(trainings["seed"]))
        lines.append(
            f"- {dataset}: seeds {', '.join(map(str, seeds))}; {len(trainings)} trainings of {choice.epochs} epochs, "
            f"{trainings['seconds'].sum() / 60:.0f} minutes of one core; wrong labels of `{choice.noisy}`."
        )
    return lines


@click.command()
@click.option("--size", type=click.Choice(sorted(SIZES)), default="minimum", show_default=True)
@click.option("--data", "names", multiple=True, type=click.Choice(list(cases.DATA_SETS)), help="all where absent")
@click.option("--folder", type=click.Path(path_type=Path), default=Path(__file__).parent, help="of the CSV files")
@click.option("--table", type=click.Path(path_type=Path, exists=True), help="Markdown file whose tables are replaced")
@click.option("--redraw", is_flag=True, help="train nothing; tables and plots of the CSV files")
def main(size: str, names: tuple[str, ...], folder: Path, table: Optional[Path], redraw: bool) -> None:
    """Trains, measures and shows."""
    console, started = terminal.console(), time.monotonic()
    for name in () if redraw else names or tuple(cases.DATA_SETS):
        config = cases.DATA_SETS[name].config
        run_data(name, open_data(config, console), SIZES[size], folder, console)
        console.print(f"{name}: {time.monotonic() - started:.0f} s so far")
    models, weights = (read_rows(path) for path in paths(folder))
    if table is None:
        click.echo("\n".join(report.tables(models)))
    else:
        report.write(models, weights, table, stated(models))


if __name__ == "__main__":
    main()
