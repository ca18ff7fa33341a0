"""``python -m benchmarks.mtaf --size minimum``: trains what is missing, then writes tables and plots.

``--part`` names some of the parts; ``--draw`` trains nothing and writes tables and plots from the committed results.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import cast

import click

from benchmarks.mtaf.grid import Size
from benchmarks.mtaf.parts import PARTS
from pipeline.showing.console import new_console

HERE = Path(__file__).resolve().parent


@click.command()
@click.option("--size", type=click.Choice(["minimum", "full"]), default="minimum", show_default=True)
@click.option("--part", "names", multiple=True, type=click.Choice([*PARTS, "noise"]), help="all where none is named")
@click.option("--minutes", type=float, help="stop training after so many; tables then hold what is trained")
@click.option("--draw", is_flag=True, help="train nothing: tables and plots from the results that are there")
@click.option(
    "--results",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="for tables of trainings; those of the minimum are committed, those of the full size go to runs/",
)
@click.option(
    "--table",
    "readme",
    type=click.Path(path_type=Path, dir_okay=False),
    help="file whose tables are rewritten: README.md with the minimum, one beside the results with the full size",
)
def main(
    size: str, names: tuple[str, ...], minutes: float | None, draw: bool, folder: Path | None, readme: Path | None
) -> None:
    """Reproduces MTA-F."""
    from benchmarks.mtaf import noise, report, running
    from pipeline.experiments.runner import experiment_folder

    console = new_console()
    if folder is None:
        folder = HERE / "results" if size == "minimum" else experiment_folder("mtaf") / "full"
    chosen = list(names or [*PARTS, "noise"])
    until = math.inf if minutes is None else time.monotonic() + 60 * minutes
    if not draw:
        for name in chosen:
            if name == "noise":
                noise.run(cast(Size, size), console, click.echo, folder)
            else:
                running.run_parts([PARTS[name]], cast(Size, size), console, click.echo, folder, until)
    if readme is None:
        readme = HERE / "README.md" if size == "minimum" else folder / "README.md"
        readme.parent.mkdir(parents=True, exist_ok=True)
        if not readme.exists():
            readme.write_text(report.tables_alone((HERE / "README.md").read_text(encoding="utf-8")), encoding="utf-8")
    plots = readme.parent / "plots" if size == "minimum" else folder / "plots"
    report.write(folder, readme, plots, cast(Size, size))


if __name__ == "__main__":
    main()
