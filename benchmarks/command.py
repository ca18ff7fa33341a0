"""The command of an experiment on several data sets: trains what is missing, and writes tables and plots of all rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

import click
from rich.console import Console

from benchmarks.tables import read_rows
from pipeline.showing.console import new_console

_PATH = click.Path(path_type=Path)
_FILE = click.Path(path_type=Path, exists=True)


def experiment_options(
    sizes: Mapping[str, Any], folder: Path, data: Sequence[str] = (), table: Optional[Path] = None
) -> Callable:
    """Adds the options that all experiments have to a function: ``size``, ``names``, ``folder``, ``table``, ``redraw``.

    Args:
      sizes: Name → size; the first is the default, and the function is given the size itself.
      folder: Where the CSV files lie unless another folder is named.
      data: Names that ``--data`` takes; there is no such option where absent.
      table: The README whose tables are rewritten where none is named; None prints the tables.
    """

    def size_of(context: click.Context, option: click.Parameter, name: str) -> Any:
        return sizes[name]

    options = [
        click.option(
            "--size", type=click.Choice(sorted(sizes)), default=next(iter(sizes)), show_default=True, callback=size_of
        ),
        click.option("--folder", type=_PATH, default=folder, help="of the CSV files"),
        click.option("--table", type=_FILE, default=table, help="Markdown file whose tables are replaced"),
        click.option("--redraw", is_flag=True, help="train nothing; tables and plots of the CSV files"),
    ]
    if data:
        choice = click.Choice(list(data))
        options.append(click.option("--data", "names", multiple=True, type=choice, help="all where absent"))

    def decorate(function: Callable) -> Callable:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def run_all(names: Sequence[str], run: Callable[[str, Console], None]) -> None:
    """Runs the data sets one after another, and says how long it took so far."""
    console, started = new_console(), time.monotonic()
    for name in names:
        run(name, console)
        console.print(f"{name}: {time.monotonic() - started:.0f} s so far")


def show(
    paths: Sequence[Path],
    table: Optional[Path],
    tables: Callable[..., Sequence[str]],
    write: Callable[..., None],
) -> None:
    """Prints the tables of the rows in ``paths`` or, where a README is named, has ``write`` rewrite it and the plots.

    Args:
      paths: The CSV files.
      table: The README; None prints.
      tables: Makes lines of one frame for each file.
      write: Takes the frames, and then the README.
    """
    frames = [read_rows(path) for path in paths]
    if table is None:
        click.echo("\n".join(tables(*frames)))
    else:
        write(*frames, table)
