"""Wrong labels in one task: which weighting keeps the other tasks' quality?

``python -m benchmarks.weighting --size minimum --table benchmarks/weighting/README.md`` trains what has no result yet
under ``runs/benchmarks/weighting`` (a second call goes on where a killed one stopped), and rewrites the README's tables,
the plots and the two CSV files beside it. ``--redraw`` makes tables and plots of those files alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

import click
from rich.console import Console

from benchmarks import command
from benchmarks.tables import merge_rows
from benchmarks.weighting import cases, report, rows
from pipeline.experiments.runner import DataSet, Results, experiment_folder, open_data, train_cases


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

    def write(results: Results) -> None:
        found = rows.model_rows(name, choice.noisy, final, results, data.outcomes), rows.path_rows(name, final, results)
        for path, frame in zip(paths(folder), found, strict=True):
            merge_rows(path, frame, list(cases.DATA_SETS))

    def after(results: Results) -> None:
        if len(results) % _WRITE_EVERY == 0:
            write(results)

    write(train_cases([run.case for run in final], data, where, report_line, after=after))


def paths(folder: Path) -> tuple[Path, Path]:
    """The files of rows by training and task, and by epoch."""
    return folder / "models.csv", folder / "weights.csv"


@click.command()
@command.experiment_options(SIZES, Path(__file__).parent, list(cases.DATA_SETS))
def main(size: Size, names: tuple[str, ...], folder: Path, table: Optional[Path], redraw: bool) -> None:
    """Trains, measures and shows."""

    def run(name: str, console: Console) -> None:
        run_data(name, open_data(cases.DATA_SETS[name].config, console), size, folder, console)

    command.run_all(() if redraw else names or tuple(cases.DATA_SETS), run)
    command.show(paths(folder), table, report.tables, report.write)


if __name__ == "__main__":
    main()
