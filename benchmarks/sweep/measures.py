"""The measurements: trainings and epochs, each by the seconds that it takes."""

from __future__ import annotations

import dataclasses
import functools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.config.settings import TrainerSettings
from models.training.sweep import SweepData

ROOT = Path(__file__).resolve().parents[2]

# Trainings of one family after the first.
_REPEATS = 3
_EPOCHS = 5


def with_seed(settings: TrainerSettings, seed: int, loss: str = "correlation") -> TrainerSettings:
    """The same with another seed, λ and loss (`none` = no fairness loss), without early stopping."""
    training = settings.training.model_copy(update={"seed": seed, "early_stopping": None})
    changes = {"mode": "none"} if loss == "none" else {"mode": "mtaf", "loss": loss, "strength": 0.5 * seed}
    fairness = settings.fairness.model_copy(update=changes)
    return settings.model_copy(update={"training": training, "fairness": fairness})


@dataclasses.dataclass(frozen=True)
class Seconds:
    """Of something that ran."""

    wall: float
    cpu: float


def timed(work: Callable[[], Any]) -> Seconds:
    """Runs ``work``; CPU seconds of this process and of the children that it waited for."""
    wall, cpu = time.monotonic(), _cpu_seconds()
    work()
    return Seconds(time.monotonic() - wall, _cpu_seconds() - cpu)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def job(data: SweepData, settings: TrainerSettings) -> list[Seconds]:
    """The Trainer's child process: reads, trains, saves the model."""
    from models.training.job import TrainingJob

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
                ).model_dump_json(),
                encoding="utf-8",
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
            "models.training.child",
            str(path),
        ]
        # The training ends when its input does: the open pipe says that this process is still there.
        subprocess.run(command, stdin=read, check=True, capture_output=True, cwd=ROOT)
    finally:
        os.close(read)
        os.close(write)


def sweep(data: SweepData, settings: TrainerSettings) -> list[Seconds]:
    """A sweep: the first training reads and compiles, the second of another family compiles, the rest do neither."""
    from models.training.sweep import Sweep

    found: list[Seconds] = []

    def train(one: TrainerSettings) -> None:
        found.append(timed(lambda: swept.train(one)))

    swept = Sweep(data, report=lambda line: None)
    smaller = settings.model_copy(update={"model": settings.model.model_copy(update={"tower_units": (16,)})})
    train(with_seed(smaller, 1))
    for seed in range(1, 2 + _REPEATS):
        train(with_seed(settings, seed))
    return found


def _models(data: SweepData, settings: TrainerSettings, count: int, loss: str) -> tuple[list[Any], Any]:
    """Compiled models of different seeds and λ, and a dataset of the batches of many epochs."""
    import tensorflow_transform as tft

    from models.data.cached_source import CachedSource
    from models.data.input_pipeline import train_batches
    from models.data.preprocessing import vocabulary_sizes
    from models.networks.registry import build_network
    from models.training.optimizers import make_optimizer
    from models.training.run import training_data
    from models.training.step import MultiTaskModel
    from models.training.sweep import Sweep

    transform = tft.TFTransformOutput(data.transform_dir)
    swept = Sweep(data)
    models = []
    for seed in range(1, 1 + count):
        own = with_seed(settings, seed, loss)
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


def epoch_steps(settings: TrainerSettings) -> int:
    # Adult's train split has 29,000 rows and a few.
    return 29_000 // settings.training.batch_size


def stacked(data: SweepData, settings: TrainerSettings, count: int) -> list[Seconds]:
    """``count`` networks in one compiled loop, sharing each batch: its first call, and that of an epoch."""
    import tensorflow as tf

    models, dataset = _models(data, settings, count, "correlation")

    @tf.function(autograph=False)
    def steps(batches: Any, number: tf.Tensor) -> None:
        def step(done: tf.Tensor) -> tuple[tf.Tensor]:
            batch = next(batches)
            for model in models:
                model.train_step(batch)
            return (done + 1,)

        tf.while_loop(lambda done: done < number, step, (0,), parallel_iterations=1)

    batches, number = iter(dataset), epoch_steps(settings)
    first = timed(lambda: steps(batches, tf.constant(1)))
    return [first, *(timed(lambda: steps(batches, tf.constant(number))) for _ in range(_EPOCHS))]


def loop(data: SweepData, settings: TrainerSettings, kind: str, loss: str = "correlation") -> list[Seconds]:
    """Epochs by Keras' ``fit``, by a call for each step, or by a call for all of them; the first compiles."""
    (model,), dataset = _models(data, settings, 1, loss)
    batches, number = iter(dataset), epoch_steps(settings)

    def epoch() -> None:
        if kind == "fit":
            model.fit(dataset, steps_per_epoch=number, verbose=0)
        for _ in range(number if kind == "step" else 0):
            model.train_steps(batches, 1)
        if kind == "loop":
            model.train_steps(batches, number)

    return [timed(epoch) for _ in range(1 + _EPOCHS)]


MEASURES: dict[str, Callable[..., list[Seconds]]] = {"job": job, "sweep": sweep, "stacked": stacked, "loop": loop}
