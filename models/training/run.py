"""One training from files to files: what the child process of the Trainer runs."""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from typing import Any, Optional

import tensorflow as tf
import tensorflow_transform as tft
import tf_keras as keras

from models.config.combinations import check_combination
from models.config.fairness import strengths_of, targets_of
from models.config.settings import TrainerSettings
from models.data.counting import OutcomeCounts, count_outcomes
from models.data.input_pipeline import ExampleSource
from models.data.preprocessing import group_values, vocabulary_sizes
from models.fairness.streams import write_streams
from models.fairness.target_gap import outcome
from models.fairness.terms import FairnessTerms
from models.formats import strict_json
from models.formats.listing import listed, quoted
from models.metrics.decision import Decision, decide
from models.networks.base import NetworkSpec
from models.training.checkpointing import sweep_stale
from models.training.fitting import Report
from models.training.job import TrainingJob
from models.training.plans import Trained, train
from models.training.progress import EpochLog
from models.training.serving import save_model
from models.training.stages import StageRunner, TrainingData

TRAINING_FILE = "training.json"


def prepare_process(seed: int, precision: str, threads: Optional[int] = None) -> None:
    """Settings of TensorFlow that hold for a whole process and have to come first: threads, seeds, precision.

    Args:
      seed: Of whatever draws without a seed of its own.
      precision: Keras' policy.
      threads: To compute with; None = as many as this process has cores.
    """
    threads = threads or len(os.sched_getaffinity(0))
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
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
    check_combination(settings)
    transform = tft.TFTransformOutput(job.transform_dir)
    train_source, validation = (
        _source(job, transform, split, files)
        for split, files in (("train", job.train_files), ("validation", job.validation_files))
    )
    for source in (train_source, validation):
        source.check_complete()
    data = training_data(settings, transform, train_source, validation, report)
    counts = data.counts
    prepared = time.monotonic()
    report(
        f"{settings.model.network}: {counts.rows:,} train rows, fairness {settings.fairness.mode}; "
        f"ready after {prepared - started:.1f} s"
    )
    runner, trained = _train(job, transform, data, report)
    fitted = time.monotonic()
    base_rate = {task: counts.base_rate(task) for task in tasks}
    decision = decide(settings.tasks, base_rate, {task: trained.scores[task].probabilities for task in tasks})
    save_model(job.model_dir, trained.network, transform, settings.features)
    decision.save(job.model_dir)
    ended = time.monotonic()
    seconds = {"prepare": prepared - started, "fit": fitted - prepared, "export": ended - fitted}
    summary = _summary(settings, data, runner, trained, decision, seconds)
    for folder in (job.log_dir, os.path.join(job.model_dir, "assets.extra")):
        with tf.io.gfile.GFile(os.path.join(folder, TRAINING_FILE), "w") as file:
            file.write(strict_json.dumps(summary, indent=2))
    for target in summary.get("target_gap", {}).values():
        report(("" if target["held"] else "WARNING: ") + target["sentence"])
    report(
        f"{summary['parameters']:,} parameters; kept epoch {summary['kept_epoch']}; "
        + ", ".join(f"threshold {task} {value:.4f}" for task, value in decision.thresholds.items())
        + f"; prepared in {seconds['prepare']:.1f} s, fitted in {seconds['fit']:.1f} s, saved in {seconds['export']:.1f} s"
    )


def training_data(
    settings: TrainerSettings,
    transform: tft.TFTransformOutput,
    train: ExampleSource,
    validation: ExampleSource,
    report: Report,
) -> TrainingData:
    """Counts the splits and says what the fairness terms see.

    Raises:
      ValueError: A split lacks labels, or train the groups that the fairness terms compare.
    """
    groups = {name: group_values(transform, name) for name in settings.groups}
    counts = _count(settings, train, groups)
    held_out = count_outcomes(validation, {name: len(values) for name, values in groups.items()}).require_labels()
    _check_gaps(settings, held_out, groups)
    fairness = _fairness(settings, counts, groups, report)
    return TrainingData(train, validation, counts, groups, fairness, validation_rows=held_out.rows)


def _check_gaps(settings: TrainerSettings, validation: OutcomeCounts, groups: Mapping[str, list[str]]) -> None:
    """Refuses targets for gaps that validation cannot show."""
    for task in targets_of(settings.fairness, [task.name for task in settings.tasks]):
        group = settings.fairness.group or settings.groups[0]
        negatives = dict(zip(groups[group], validation.label_counts(task, group)[:, 0].tolist(), strict=True))
        if sum(count > 0 for count in negatives.values()) < 2:
            raise ValueError(
                f"`fairness.target_gap` of task `{task}` needs negatives of two values of group `{group}` or more in split "
                f"`validation`. Received: {_by_value(negatives)}"
            )


def _by_value(rows: Mapping[str, int]) -> str:
    """Groups with their rows, those with the fewest first."""
    return listed(f"`{value}` {count:,}" for value, count in sorted(rows.items(), key=lambda entry: entry[1]))


def _source(job: TrainingJob, transform: tft.TFTransformOutput, split: str, files: tuple[str, ...]) -> ExampleSource:
    return ExampleSource(
        patterns=files,
        feature_spec=transform.transformed_feature_spec(),
        features=job.settings.features,
        tasks=tuple(task.name for task in job.settings.tasks),
        groups=job.settings.groups,
        split=split,
        noise=job.settings.training.label_noise if split == "train" else {},
        seed=job.settings.training.seed,
    )


def _count(settings: TrainerSettings, train: ExampleSource, groups: Mapping[str, list[str]]) -> OutcomeCounts:
    sizes = {name: len(values) for name, values in groups.items()}
    if settings.fairness.mode == "none":
        return count_outcomes(train, sizes).require_labels()
    group = settings.fairness.group or settings.groups[0]
    if sizes[group] < 2:
        raise ValueError(
            f"`fairness.mode: {settings.fairness.mode}` compares the values of group `{group}`, and split `train` has "
            f"{quoted(groups[group])}. Two or more are needed"
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
    has_specific = {task: bool(rows.min() >= settings.min_specific) for task, rows in counts.specific.items()}
    for task, enough in has_specific.items():
        if enough or fairness.mode == "vanilla":
            continue
        rows = _by_value(dict(zip(groups[group], counts.specific[task].min(axis=0).tolist(), strict=True)))
        instead = "sees all its negatives" if fairness.empty_specific == "all_negatives" else "gets NO fairness term"
        report(
            f"WARNING: task `{task}` has too few task-specific rows in train to learn from, by `{group}`: {rows}, of which "
            f"{settings.min_specific} each are needed (`negatives.min_specific`). Its head {instead}. The rule "
            "`any_other_positive` finds more, where it is not set yet; `fairness.empty_specific` says what a head gets "
            "without"
        )
    return FairnessTerms(fairness, group, len(groups[group]), has_specific)


def _train(
    job: TrainingJob, transform: tft.TFTransformOutput, data: TrainingData, report: Report
) -> tuple[StageRunner, Trained]:
    settings = job.settings
    tf.io.gfile.makedirs(job.log_dir)
    log = EpochLog(job.log_dir)
    log.write_counts(data.counts)
    if job.checkpoint_root is not None:
        sweep_stale(job.checkpoint_root)
    mirrored = settings.training.distribution == "mirrored"
    strategy = tf.distribute.MirroredStrategy() if mirrored else tf.distribute.get_strategy()
    checkpoints = job.checkpoint_dir()
    return train_on(settings, transform, data, report, checkpoint_dir=checkpoints, log=log, strategy=strategy)


def train_on(
    settings: TrainerSettings,
    transform: tft.TFTransformOutput,
    data: TrainingData,
    report: Report,
    **options: Any,
) -> tuple[StageRunner, Trained]:
    """Trains the network that ``settings`` name on ``data``.

    Args:
      settings: What to train.
      transform: Knows the sizes of vocabularies.
      data: Without streams; they are made here where the settings ask for balanced fairness batches.
      report: Takes lines of progress.
      **options: Further ones of ``StageRunner``.

    Raises:
      FloatingPointError: The loss became NaN or infinite.
    """
    sizes = vocabulary_sizes(transform, settings.features.inputs)
    tasks = tuple(task.name for task in settings.tasks)
    spec = NetworkSpec(settings.model, settings.features, sizes, tasks, settings.training.seed)
    scratch = tempfile.mkdtemp(prefix="fairness-streams-")
    try:
        if data.fairness is not None and settings.fairness.batches == "balanced":
            rows = settings.training.shuffle_rows
            streams = write_streams(data.train, data.fairness, scratch, shuffle_rows=rows)
            data = dataclasses.replace(data, streams=streams)
        runner = StageRunner(settings, data, report=report, **options)
        return runner, train(runner, spec)
    finally:
        shutil.rmtree(scratch)


def _summary(
    settings: TrainerSettings,
    data: TrainingData,
    runner: StageRunner,
    trained: Trained,
    decision: Decision,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """``training.json``: what was trained on, how it went and what came out."""
    history, fit = runner.history, runner.last
    later = history[1:] or history
    summary = {
        "network": settings.model.network,
        "fairness": settings.fairness.model_dump(mode="json"),
        "first_strength": strengths_of(settings.fairness, [task.name for task in settings.tasks]),
        "weighting": settings.training.weighting.model_dump(mode="json"),
        "robustness": settings.training.robustness.model_dump(mode="json"),
        "parameters": sum(int(tf.size(variable)) for variable in trained.network.trainable_variables),
        "tasks": [task.name for task in settings.tasks],
        "groups": dict(data.groups),
        "train": data.counts.to_json(),
        "has_specific": dict(data.fairness.has_specific) if data.fairness is not None else {},
        "thresholds": dict(decision.thresholds),
        "base_rate": dict(decision.base_rate),
        "kept_epoch": len(history) - fit.position.epoch + fit.kept_epoch + 1,
        "epochs": len(history),
        # The first epoch holds the compilation of the step.
        "rows_per_second": sum(record["rows_per_second"] for record in later) / len(later),
        "seconds": {**seconds, "training": runner.seconds},
        "history": history,
    }
    targets = {}
    if settings.fairness.target_gap is not None:
        group, kept = settings.fairness.group or settings.groups[0], summary["kept_epoch"] - 1
        targets = outcome(settings.fairness, history, kept, trained.scores, decision.thresholds, group)
    further = {"gate_names": trained.network.gate_names, "sharing": dict(trained.sharing), "target_gap": targets}
    return {**summary, **{key: value for key, value in further.items() if value}}
