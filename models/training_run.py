"""One training from files to files: what the child process of the Trainer runs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from typing import Any, Optional

import tensorflow as tf
import tensorflow_transform as tft
import tf_keras as keras

from models.checkpointing import sweep_stale
from models.counting import OutcomeCounts, count_outcomes
from models.decision import Decision, decide
from models.fairness_streams import FairnessStreams, write_streams
from models.fairness_terms import FairnessTerms, check_settings
from models.fitting import Fit, Report, Trainer
from models.input_pipeline import ExampleSource
from models.networks.registry import build_network
from models.preprocessing import group_values, vocabulary_sizes
from models.progress import EpochLog
from models.serving import save_model
from models.settings import TrainerSettings
from models.training import MultiTaskModel, make_optimizer
from models.training_job import TrainingJob

TRAINING_FILE = "training.json"


def prepare_process(seed: int, precision: str) -> None:
    """Settings of TensorFlow that hold for a whole process and have to come first: threads, seeds, precision."""
    cores = len(os.sched_getaffinity(0))
    tf.config.threading.set_intra_op_parallelism_threads(cores)
    tf.config.threading.set_inter_op_parallelism_threads(cores)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    keras.utils.set_random_seed(seed)
    if not tf.config.list_physical_devices("GPU"):
        # On a GPU it would slow training down several times, and some operations refuse.
        tf.config.experimental.enable_op_determinism()
    keras.mixed_precision.set_global_policy(precision)


def run_job(job: TrainingJob, report: Report = print) -> None:
    """Trains, fixes the decision thresholds and writes the SavedModel.

    Checkpoints stay; who started the job removes them once the results are in place.

    Args:
      job: See there.
      report: Takes lines of progress.

    Raises:
      ValueError: Settings that contradict each other or the data.
      FileNotFoundError: A split has no files.
      FloatingPointError: The loss became NaN or infinite.
    """
    started = time.monotonic()
    settings = job.settings
    tasks = [task.name for task in settings.tasks]
    check_settings(settings.model.network, settings.fairness, tasks, settings.groups)
    transform = tft.TFTransformOutput(job.transform_dir)
    train, validation = (
        _source(job, transform, split, files)
        for split, files in (("train", job.train_files), ("validation", job.validation_files))
    )
    for source in (train, validation):
        source.check_complete()
    groups = {name: group_values(transform, name) for name in settings.groups}
    counts = _count(settings, train, groups)
    count_outcomes(validation, {name: len(values) for name, values in groups.items()}).require_labels()
    fairness = _fairness(settings, counts, groups, report)
    model = _build(settings, transform, fairness)
    parameters = sum(int(tf.size(variable)) for variable in model.network.trainable_variables)
    prepared = time.monotonic()
    report(
        f"{settings.model.network}: {parameters:,} parameters, {counts.rows:,} train rows, "
        f"fairness {settings.fairness.mode}; ready after {prepared - started:.1f} s"
    )
    fit = _fit(job, model, train, validation, counts, fairness, report)
    fitted = time.monotonic()
    base_rate = {task: counts.base_rate(task) for task in tasks}
    decision = decide(settings.tasks, base_rate, {task: fit.scores[task].probabilities for task in tasks})
    save_model(job.model_dir, model.network, transform, settings.features)
    decision.save(job.model_dir)
    ended = time.monotonic()
    seconds = {"prepare": prepared - started, "fit": fitted - prepared, "export": ended - fitted}
    summary = _summary(settings, counts, groups, fairness, fit, decision, parameters, seconds)
    for folder in (job.log_dir, os.path.join(job.model_dir, "assets.extra")):
        with tf.io.gfile.GFile(os.path.join(folder, TRAINING_FILE), "w") as file:
            file.write(json.dumps(summary, indent=2))
    report(
        f"kept epoch {fit.kept_epoch + 1}; "
        + ", ".join(f"threshold {task} {value:.4f}" for task, value in decision.thresholds.items())
        + f"; prepared in {seconds['prepare']:.1f} s, fitted in {seconds['fit']:.1f} s, saved in {seconds['export']:.1f} s"
    )


def _source(job: TrainingJob, transform: tft.TFTransformOutput, split: str, files: tuple[str, ...]) -> ExampleSource:
    return ExampleSource(
        patterns=files,
        feature_spec=transform.transformed_feature_spec(),
        features=job.settings.features,
        tasks=tuple(task.name for task in job.settings.tasks),
        groups=job.settings.groups,
        split=split,
    )


def _count(settings: TrainerSettings, train: ExampleSource, groups: Mapping[str, list[str]]) -> OutcomeCounts:
    sizes = {name: len(values) for name, values in groups.items()}
    if settings.fairness.mode == "none":
        return count_outcomes(train, sizes).require_labels()
    group = settings.fairness.group or settings.groups[0]
    if sizes[group] < 2:
        raise ValueError(
            f"`fairness.mode: {settings.fairness.mode}` compares the values of group `{group}`, and split `train` has "
            f"{groups[group]}. Two or more are needed"
        )
    return count_outcomes(train, sizes, settings.fairness.on, group).require_labels()


def _fairness(
    settings: TrainerSettings, counts: OutcomeCounts, groups: Mapping[str, list[str]], report: Report
) -> Optional[FairnessTerms]:
    """The fairness terms; says aloud where a head has too few rows of its own."""
    fairness = settings.fairness
    if fairness.mode == "none":
        return None
    group = fairness.group or settings.groups[0]
    has_specific = {task: bool(rows.min() >= fairness.min_specific) for task, rows in counts.specific.items()}
    for task, enough in has_specific.items():
        if enough or fairness.mode == "vanilla":
            continue
        rows = dict(zip(groups[group], counts.specific[task].min(axis=0).tolist(), strict=True))
        instead = "sees all its negatives" if fairness.empty_specific == "all_negatives" else "gets NO fairness term"
        report(
            f"WARNING: task `{task}` has too few task-specific rows in train to learn from, by `{group}`: {rows}, of which "
            f"{fairness.min_specific} each are needed (`fairness.min_specific`). Its head {instead}. The rule "
            "`any_other_positive` finds more, where it is not set yet; `fairness.empty_specific` says what a head gets "
            "without"
        )
    return FairnessTerms(fairness, group, len(groups[group]), has_specific)


def _build(
    settings: TrainerSettings, transform: tft.TFTransformOutput, fairness: Optional[FairnessTerms]
) -> MultiTaskModel:
    mirrored = settings.training.distribution == "mirrored"
    strategy = tf.distribute.MirroredStrategy() if mirrored else tf.distribute.get_strategy()
    with strategy.scope():
        network = build_network(
            settings.model,
            settings.features,
            vocabulary_sizes(transform, settings.features.inputs),
            [task.name for task in settings.tasks],
            settings.training.seed,
        )
        model = MultiTaskModel(network, settings.tasks, fairness, settings.training.seed)
        model.compile(optimizer=make_optimizer(settings.training))
    return model


def _fit(
    job: TrainingJob,
    model: MultiTaskModel,
    train: ExampleSource,
    validation: ExampleSource,
    counts: OutcomeCounts,
    fairness: Optional[FairnessTerms],
    report: Report,
) -> Fit:
    settings = job.settings
    tf.io.gfile.makedirs(job.log_dir)
    log = EpochLog(job.log_dir)
    log.write_counts(counts)
    if job.checkpoint_root is not None:
        sweep_stale(job.checkpoint_root)
    scratch = tempfile.mkdtemp(prefix="fairness-streams-")
    try:
        streams: Optional[FairnessStreams] = None
        if fairness is not None and settings.fairness.batches == "balanced":
            streams = write_streams(train, fairness, scratch, shuffle_rows=settings.training.shuffle_rows)
        trainer = Trainer(
            model,
            train,
            validation,
            settings.training,
            train_rows=counts.rows,
            base_rate={
                task.name: counts.base_rate(task.name) for task in settings.tasks if task.threshold == "base_rate"
            },
            group=settings.fairness.group or next(iter(settings.groups), None),
            streams=streams,
            checkpoint_dir=job.checkpoint_dir(),
            log=log,
            report=report,
        )
        return trainer.run()
    finally:
        shutil.rmtree(scratch)


def _summary(
    settings: TrainerSettings,
    counts: OutcomeCounts,
    groups: Mapping[str, list[str]],
    fairness: Optional[FairnessTerms],
    fit: Fit,
    decision: Decision,
    parameters: int,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """``training.json``: what was trained on, how it went and what came out."""
    history = fit.position.history
    later = history[1:] or history
    return {
        "network": settings.model.network,
        "fairness": settings.fairness.model_dump(mode="json"),
        "parameters": parameters,
        "tasks": [task.name for task in settings.tasks],
        "groups": dict(groups),
        "train": counts.to_json(),
        "has_specific": dict(fairness.has_specific) if fairness is not None else {},
        "thresholds": dict(decision.thresholds),
        "base_rate": dict(decision.base_rate),
        "kept_epoch": fit.kept_epoch + 1,
        "epochs": fit.position.epoch,
        # The first epoch holds the compilation of the step.
        "rows_per_second": sum(record["rows_per_second"] for record in later) / len(later),
        "seconds": {**seconds, "training": fit.position.seconds},
        "history": history,
    }
