"""The time of a training, by how it is run.

``python -m benchmarks.sweep.speed`` trains the settings of MTA-F's authors on Adult (benchmarks/settings/mtaf_adult.yaml)
and writes the tables of benchmarks/sweep/README.md. Each measurement has a process of its own, which may compute with one
thread; CPU seconds are those of the process, so that other work on the machine moves them little.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks.sweep.measures import MEASURES, ROOT, Seconds, epoch_steps
from benchmarks.tables import markdown, replace_between_marks
from models.config.settings import TrainerSettings
from models.training.sweep import SweepData
from pipeline.experiments.runner import open_data
from pipeline.showing.console import new_console

README = Path(__file__).with_name("README.md")
CONFIG = ROOT / "benchmarks" / "settings" / "mtaf_adult.yaml"

# Networks in one step.
_STACKS = (2, 4, 8)


def measure(data: SweepData, settings: TrainerSettings, *what: Any) -> list[Seconds]:
    """Measures in a process of its own.

    Raises:
      RuntimeError: It failed; its last lines follow.
    """
    request = json.dumps([dataclasses.asdict(data), settings.model_dump(mode="json"), *what])
    command = [sys.executable, "-m", "benchmarks.sweep.speed", "--one", request]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"{what} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return [Seconds(**seconds) for seconds in json.loads(done.stdout.splitlines()[-1])]


def child(request: str) -> None:
    """One measurement; prints JSON."""
    from models.training.run import prepare_process

    data, settings, kind, *options = json.loads(request)
    prepare_process(1, "float32", threads=1)
    found = MEASURES[kind](SweepData(**data), TrainerSettings.model_validate(settings), *options)
    click.echo(json.dumps([dataclasses.asdict(seconds) for seconds in found]))


def _median(found: list[Seconds]) -> Seconds:
    return Seconds(statistics.median(each.wall for each in found), statistics.median(each.cpu for each in found))


def _rows(names: list[str], found: list[Seconds], digits: int, scale: float = 1.0) -> list[list[str]]:
    """Name, wall and CPU time (times ``scale``), and how often the CPU time goes into the first's."""
    return [
        [name, f"{each.wall * scale:.{digits}f}", f"{each.cpu * scale:.{digits}f}", f"{found[0].cpu / each.cpu:.1f}"]
        for name, each in zip(names, found, strict=True)
    ]


def trainings(data: SweepData, settings: TrainerSettings) -> list[str]:
    """The table of whole trainings."""
    jobs, swept = measure(data, settings, "job"), measure(data, settings, "sweep")
    names = [
        "a process of its own (`make run`'s Trainer)",
        "the first of a worker: reads, compiles",
        "another step: compiles",
        "the same step, another λ and seed",
    ]
    found = [_median(jobs), swept[0], swept[1], _median(swept[2:])]
    return markdown(["training", "seconds", "CPU seconds", "times as fast"], _rows(names, found, 1))


def steps(data: SweepData, settings: TrainerSettings) -> list[str]:
    """The table of single steps."""
    number = epoch_steps(settings)
    kinds = {"fit": "Keras' `fit`", "step": "a call for each step", "loop": "a call for an epoch"}
    found = [_median(measure(data, settings, "loop", kind)[1:]) for kind in kinds]
    names = list(kinds.values())
    losses = {"none": "no fairness loss", "fpr_gap": "FPR gap", "mmd": "MMD, Gaussian kernel"}
    for loss, name in losses.items():
        found.append(_median(measure(data, settings, "loop", "loop", loss)[1:]))
        names.append(f"the same with {name}")
    for count in _STACKS:
        first, *epochs = measure(data, settings, "stacked", count)
        epoch = _median(epochs)
        found.append(Seconds(epoch.wall / count, epoch.cpu / count))
        names.append(f"{count} networks in one step, each (compiled in {first.cpu:.0f} CPU s)")
    return markdown(["step", "ms", "CPU ms", "times as fast"], _rows(names, found, 2, 1000 / number))


@click.command()
@click.option("--one", hidden=True, help="a measurement, as JSON")
@click.option("--no-table", is_flag=True, help="print only")
def main(one: str | None, no_table: bool) -> None:
    """Measures, and writes the README's tables."""
    if one is not None:
        child(one)
        return
    data = open_data(CONFIG, new_console())
    settings = data.run.candidate()
    for name, table in (("steps", steps), ("trainings", trainings)):
        lines = table(data.data, settings)
        click.echo("\n".join(lines) + "\n")
        if not no_table:
            replace_between_marks(README, name, lines)


if __name__ == "__main__":
    main()
