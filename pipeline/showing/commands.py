"""The commands that look at runs and start none: ``runs``, ``compare`` and ``review``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

import click
from rich.console import Console

from pipeline.running.places import runs_root
from pipeline.settings.config import ConfigError, load
from pipeline.showing import comparison, comparison_table, history, review, run_table
from pipeline.showing.console import fail, new_console
from pipeline.showing.history import HistoryError, Run

# Exit code: the settings, the log or the run that is named cannot be used.
UNUSABLE = 2


def _of_dataset(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that narrow a command to the runs of one dataset."""
    command = click.option("--config", type=click.Path(path_type=Path), help="runs of this YAML file's dataset")(
        command
    )
    return click.option("--dataset", help="runs of this dataset")(command)


@click.command()
@_of_dataset
@click.option("--json", "as_json", is_flag=True, help="JSON for programs")
def runs(config: Optional[Path], dataset: Optional[str], as_json: bool) -> None:
    """Lists the runs on this machine, newest first: what changed, how each stage ended, ARFG, ARE and the verdict."""
    console = new_console()
    with _explained(console):
        found = _runs(config, dataset)
        if as_json:
            click.echo(json.dumps(run_table.runs_json(found), indent=2))
        else:
            run_table.show_runs(found, console)


@click.command()
@click.argument("a")
@click.argument("b")
@_of_dataset
@click.option("--all", "everything", is_flag=True, help="all figures in groups, not only those that moved")
@click.option("--json", "as_json", is_flag=True, help="JSON for programs")
def compare(a: str, b: str, config: Optional[Path], dataset: Optional[str], everything: bool, as_json: bool) -> None:
    """Shows the runs A and B, as `runs` calls them, side by side."""
    console = new_console()
    with _explained(console):
        found = _runs(config, dataset)
        both = comparison.compare(history.find(found, a), history.find(found, b))
        if as_json:
            click.echo(json.dumps(comparison_table.comparison_json(both), indent=2))
        else:
            comparison_table.show_comparison(both, console, everything=everything)


@click.command("review")
@click.argument("run", required=False)
@_of_dataset
@click.option("--port", type=click.IntRange(0, 65535), help="default: 8765, or a free one where that is taken")
def serve_review(run: Optional[str], config: Optional[Path], dataset: Optional[str], port: Optional[int]) -> None:
    """Serves the report of RUN, the newest one where none is named, on this machine alone."""
    console = new_console()
    with _explained(console):
        found = _runs(config, dataset)
        chosen = review.choose(found, history.find(found, run) if run else None)
        review.show(chosen, found[0] if run is None else chosen, port, console)


def _runs(config: Optional[Path], dataset: Optional[str]) -> list[Run]:
    """The runs of the dataset that is named, or of all."""
    root = runs_root()
    named = load(config).dataset if config else dataset
    found = history.runs(root, history.datasets(root) if named is None else [named])
    if not found:
        raise HistoryError(f"no run{f' of `{named}`' if named else ''} yet under {root}; `make run` makes one")
    return found


@contextmanager
def _explained(console: Console) -> Iterator[None]:
    """Ends the command with the message of an error that the user can do something about."""
    try:
        yield
    except (ConfigError, HistoryError, OSError) as error:
        fail(console, "cannot show:", str(error))
        sys.exit(UNUSABLE)
