"""The time of a training, by how it is run.

``python -m benchmarks.sweep.speed`` trains the settings of MTA-F's authors on Adult (benchmarks/settings/mtaf_adult.yaml)
and writes the tables of benchmarks/sweep/README.md. Each measurement has a process of its own, which may compute with one
thread; CPU seconds are those of the process, so that other work on the machine moves them little.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks.experiment import open_data
from benchmarks.tables import markdown, replace_between_marks
from models.settings import TrainerSettings
from models.sweep import SweepData

ROOT = Path(__file__).resolve().parents[2]
README = Path(__file__).with_name("README.md")
CONFIG = ROOT / "benchmarks" / "settings" / "mtaf_adult.yaml"

# Trainings of one family after the first, and networks in one step.
_REPEATS = 3
_STACKS = (1, 2, 4, 8)
_EPOCHS = 5


def with_seed(settings: TrainerSettings, seed: int, epochs: int | None = None) -> TrainerSettings:
    """The same with another seed (and λ), and as many epochs without early stopping."""
    training = settings.training.model_copy(
        update={"seed": seed, "epochs": epochs or settings.training.epochs, "early_stopping": None}
    )
    fairness = settings.fairness.model_copy(update={"mode": "mtaf", "loss": "mmd", "strength": 0.5 * seed})
    return settings.model_copy(update={"training": training, "fairness": fairness})


@dataclasses.dataclass(frozen=True)
class Seconds:
    """Of something that ran."""

    wall: float
    cpu: float


def timed(work: Callable[[], Any]) -> Seconds:
    """Runs ``work``; CPU seconds of this process and of the children that it waited for."""
    wall, before = time.monotonic(), os.times()
    work()
    after = os.times()
    # User and system time, of the process and of its children.
    return Seconds(time.monotonic() - wall, sum(after[:4]) - sum(before[:4]))


def job(data: SweepData, settings: TrainerSettings) -> list[Seconds]:
    """The Trainer's child process: reads, trains, saves the model."""
    from models.training_job import TrainingJob

    found = []
    for seed in range(1, 1 + _REPEATS):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "job.json"
            path.write_text(
                TrainingJob(
                    settings=with_seed(settings, seed),
                    code="",
                    train_files=(data.train,),
                    validation_files=(data.validation,),
                    transform_dir=data.transform_dir,
                    model_dir=f"{folder}/model",
                    log_dir=f"{folder}/log",
                ).model_dump_json()
            )
            found.append(timed(functools.partial(_train_child, path)))
    return found


def _train_child(path: Path) -> None:
    read, write = os.pipe()
    try:
        command = [
            "taskset",
            "-c",
            str(min(os.sched_getaffinity(0))),
            sys.executable,
            "-m",
            "models.train_child",
            str(path),
        ]
        # The training ends when its input does: the open pipe says that this process is still there.
        subprocess.run(command, stdin=read, check=True, capture_output=True, cwd=ROOT)
    finally:
        os.close(read)
        os.close(write)


def sweep(data: SweepData, settings: TrainerSettings) -> list[Seconds]:
    """A sweep: the first training reads and compiles, the second of another family compiles, the rest do neither."""
    from models.sweep import Sweep

    found: list[Seconds] = []

    def train(one: TrainerSettings) -> None:
        found.append(timed(lambda: swept.train(one)))

    swept = Sweep(data, report=lambda line: None)
    smaller = settings.model_copy(update={"model": settings.model.model_copy(update={"tower_units": (16,)})})
    train(with_seed(smaller, 1))
    for seed in range(1, 2 + _REPEATS):
        train(with_seed(settings, seed))
    return found


def _models(data: SweepData, settings: TrainerSettings, count: int) -> tuple[list[Any], Any]:
    """Compiled models of different seeds and λ, and a dataset of the batches of many epochs."""
    import tensorflow_transform as tft

    from models.cached_source import CachedSource
    from models.input_pipeline import train_batches
    from models.networks.registry import build_network
    from models.preprocessing import vocabulary_sizes
    from models.sweep import Sweep
    from models.training import MultiTaskModel, make_optimizer
    from models.training_run import training_data

    transform = tft.TFTransformOutput(data.transform_dir)
    swept = Sweep(data)
    models = []
    for seed in range(1, 1 + count):
        own = with_seed(settings, seed)
        source, validation = (
            CachedSource.of(table, own, split)
            for table, split in ((swept._train, "train"), (swept._validation, "validation"))
        )
        terms = training_data(own, transform, source, validation, lambda line: None).fairness
        sizes = vocabulary_sizes(transform, own.features.inputs)
        network = build_network(own.model, own.features, sizes, [task.name for task in own.tasks], seed)
        model = MultiTaskModel(network, own.tasks, terms, seed)
        model.compile(optimizer=make_optimizer(own.training))
        model.optimizer.build(model.trained_variables)
        models.append(model)
    training = settings.training
    options = {"batch_size": training.batch_size, "shuffle_rows": training.shuffle_rows, "seed": 1}
    return models, train_batches(source, range(100), **options)


def _epoch_steps(settings: TrainerSettings) -> int:
    # Adult's train split has 29,000 rows and a few.
    return 29_000 // settings.training.batch_size


def stacked(data: SweepData, settings: TrainerSettings, count: int) -> list[Seconds]:
    """``count`` networks in one compiled loop, sharing each batch: its first call, and that of an epoch."""
    import tensorflow as tf

    models, dataset = _models(data, settings, count)

    @tf.function(autograph=False)
    def steps(batches: Any, number: tf.Tensor) -> None:
        def step(done: tf.Tensor) -> tuple[tf.Tensor]:
            batch = next(batches)
            for model in models:
                model.train_step(batch)
            return (done + 1,)

        tf.while_loop(lambda done: done < number, step, (0,), parallel_iterations=1)

    batches, number = iter(dataset), _epoch_steps(settings)
    first = timed(lambda: steps(batches, tf.constant(1)))
    return [first, *(timed(lambda: steps(batches, tf.constant(number))) for _ in range(_EPOCHS))]


def loop(data: SweepData, settings: TrainerSettings, kind: str) -> list[Seconds]:
    """Epochs by Keras' ``fit``, by a call for each step, or by a call for all of them; the first compiles."""
    (model,), dataset = _models(data, settings, 1)
    batches, number = iter(dataset), _epoch_steps(settings)

    def epoch() -> None:
        if kind == "fit":
            model.fit(dataset, steps_per_epoch=number, verbose=0)
        for _ in range(number if kind == "step" else 0):
            model.train_steps(batches, 1)
        if kind == "loop":
            model.train_steps(batches, number)

    return [timed(epoch) for _ in range(1 + _EPOCHS)]


MEASURES: dict[str, Callable[..., list[Seconds]]] = {"job": job, "sweep": sweep, "stacked": stacked, "loop": loop}


def measure(data: SweepData, settings: TrainerSettings, *what: Any) -> list[Seconds]:
    """Measures in a process of its own.

    Raises:
      RuntimeError: It failed; its last lines follow.
    """
    request = json.dumps([dataclasses.asdict(data), settings.model_dump(mode="json"), *what])
    command = [sys.executable, "-m", "benchmarks.sweep.speed", "--one", request]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{what} failed:\n{done.stderr[-3000:]}")
    return [Seconds(**seconds) for seconds in json.loads(done.stdout.splitlines()[-1])]


def child(request: str) -> None:
    """One measurement; prints JSON."""
    from models.training_run import prepare_process

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
    number = _epoch_steps(settings)
    kinds = {"fit": "Keras' `fit`", "step": "a call for each step", "loop": "a call for an epoch"}
    found = [_median(measure(data, settings, "loop", kind)[1:]) for kind in kinds]
    names = list(kinds.values())
    for count in _STACKS[1:]:
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
    data = open_data(CONFIG, Console(highlight=False))
    settings = data.run.candidate()
    for name, table in (("steps", steps), ("trainings", trainings)):
        lines = table(data.data, settings)
        click.echo("\n".join(lines) + "\n")
        if not no_table:
            replace_between_marks(README, name, lines)


if __name__ == "__main__":
    main()
