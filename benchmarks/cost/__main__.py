"""What does a training step of each method cost against a shared bottom with uniform weights?

``python -m benchmarks.cost --size minimum --table benchmarks/cost/README.md`` measures each method in a process of its own,
in turns with the baseline, and rewrites the README's tables, the plot and ``steps.csv`` beside it. What was measured by the
same code lies under ``runs/benchmarks/cost``, and is not measured again. ``--redraw`` shows ``steps.csv`` alone.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple, Optional

import click
import pandas as pd
from rich.console import Console

from benchmarks import command
from benchmarks.cost import processes, report
from benchmarks.cost.entries import Entry, entries
from pipeline.experiments.pool import exclusive
from pipeline.experiments.runner import experiment_folder
from pipeline.running.provenance import ROOT, source_hash
from pipeline.showing.console import new_console


class Size(NamedTuple):
    """How much is measured; the expected time is of a machine that does nothing else."""

    repeats: int
    steps: int
    task_counts: tuple[int, ...]
    expected: str


SIZES = {"minimum": Size(15, 20, (2, 3, 6), "10 minutes"), "full": Size(40, 50, (2, 3, 6, 12), "35 minutes")}


def _code() -> str:
    """Hash of the models' code, which the steps run, and of this experiment's."""
    own = "".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("entries.py", "steps.py"))
    return source_hash("models.training.sweep", "models.training.run") + f"-{_short(own)}"


def _short(text: str) -> str:
    """Short and stable."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def collect(size: Size, folder: Path, workers: int, path: Path, console: Console) -> None:
    """Writes the entries' rows to ``path`` as they come.

    Those that failed are said and left out; those that are stored under ``folder`` are not measured again.
    """
    wanted, code = list(entries(size.task_counts)), _code()

    def row(index: int) -> Optional[dict[str, Any]]:
        entry = wanted[index]
        try:
            found = _stored(entry, size, folder / f"{entry.key}.json", code)
        except RuntimeError as error:
            console.print(f"failed: {error}")
            return None
        console.print(f"{index + 1}/{len(wanted)} {entry.key}: {found['ratio']:.2f} × baseline")
        return {"part": entry.part, "name": entry.name, "tasks": entry.tasks, **found}

    with exclusive(folder), concurrent.futures.ThreadPoolExecutor(workers) as pool:
        rows = []
        for found in pool.map(row, range(len(wanted))):
            if found is not None:
                rows.append(found)
                pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6g")


def _stored(entry: Entry, size: Size, path: Path, code: str) -> dict[str, Any]:
    """The entry's measurement by this code: the one that lies there, or a new one."""
    key = {"code": code, "repeats": size.repeats, "steps": size.steps}
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if stored.get("key") != key:
        stored = {"key": key, "found": processes.measure(entry, size.repeats, size.steps)}
        aside = path.with_suffix(".partial")
        aside.write_text(json.dumps(stored), encoding="utf-8")
        os.replace(aside, path)
    return stored["found"]


@click.command()
@command.experiment_options(SIZES, Path(__file__).parent)
@click.option("--workers", default=1, show_default=True, help="entries at a time; more disturb each other")
def main(size: Size, folder: Path, table: Optional[Path], workers: int, redraw: bool) -> None:
    """Measures and shows."""
    path = folder / "steps.csv"
    if not redraw:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        collect(size, experiment_folder("cost"), workers, path, new_console())
    command.show([path], table, report.tables, lambda found, readme: report.write(found, readme, stated(found)))


def stated(table: pd.DataFrame) -> str:
    """What was measured, and what of the minimum was not."""
    counts = ", ".join(str(count) for count in sorted(set(table["tasks"])))
    there = set(zip(table["part"], table["name"], table["tasks"], strict=True))
    wanted = list(entries(SIZES["minimum"].task_counts))
    missing = [entry for entry in wanted if (entry.part, entry.name, entry.tasks) not in there]
    text = f"{len(table)} entries, {counts} tasks; time of one core; medians and quartiles over turns."
    if missing:
        names = ", ".join(f"{entry.name} ({entry.tasks} tasks)" for entry in missing)
        text += f" **Partial**: {len(missing)} of the minimum's {len(wanted)} entries were not measured: {names}."
    return text


if __name__ == "__main__":
    main()
