"""Jobs from files to a SavedModel, in this process and, killed in the middle, in one of their own."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from models.metrics.decision import Decision
from models.training.job import TrainingJob
from models.training.run import run_job

ROOT = pathlib.Path(__file__).parents[3]


def make_job(settings, data, folder, **paths):
    options = {
        "settings": settings,
        "code": "1",
        "train_files": data.patterns("train"),
        "validation_files": data.patterns("validation"),
        "transform_dir": data.transform_dir,
        "model_dir": str(folder / "model"),
        "log_dir": str(folder / "log"),
    }
    return TrainingJob(**{**options, **paths})


@pytest.mark.parametrize(
    "blocks",
    [
        {"model": {"network": "single_task"}},
        {"fairness": {"mode": "mtaf", "loss": "fpr_gap", "sharpness": 10.0, "group": "region"}},
        {"fairness": {"mode": "mtaf", "batches": "balanced", "balanced_batch_size": 16}},
        {"training": {"distribution": "mirrored"}},
    ],
    ids=["baseline", "mtaf", "balanced", "mirrored"],
)
def test_a_job_leaves_a_model_with_its_thresholds_and_history(make_settings, data, tmp_path, blocks):
    tasks = [{"name": "like"}, {"name": "click", "threshold": 0.5}, {"name": "buy", "weight": 2.0}]
    settings = make_settings(tasks=tasks, **blocks)
    lines = []
    run_job(make_job(settings, data, tmp_path), report=lines.append)

    loaded = tf.saved_model.load(str(tmp_path / "model"))
    assert set(loaded.signatures["serving_default"].structured_outputs) == {"like", "click", "buy"}
    decision = Decision.load(str(tmp_path / "model"))
    assert decision.rule == {"like": "base_rate", "click": "number", "buy": "base_rate"}
    assert decision.thresholds["click"] == 0.5 and 0 < decision.thresholds["like"] < 1

    training = json.loads((tmp_path / "log" / "training.json").read_text(encoding="utf-8"))
    assert training == json.loads((tmp_path / "model" / "assets.extra" / "training.json").read_text(encoding="utf-8"))
    assert training["tasks"] == ["like", "click", "buy"] and len(training["history"]) == 2
    assert training["train"]["rows"] == 1000 and training["rows_per_second"] > 0
    assert training["groups"]["gender"] == ["men", "women"]
    variables = tf.train.list_variables(str(tmp_path / "model" / "variables" / "variables"))
    weights = [shape for name, shape in variables if name.startswith("weights/")]
    assert training["parameters"] == sum(int(np.prod(shape)) for shape in weights)
    assert sum("epoch " in line and "buy: loss" in line for line in lines) == 2
    assert not (tmp_path / "model" / "keras_metadata.pb").exists()


def test_a_head_without_enough_specific_rows_is_told_loudly(make_settings, data, tmp_path):
    settings = make_settings(fairness={"mode": "mtaf"}, min_specific=40, training={"epochs": 1})
    lines = []
    run_job(make_job(settings, data, tmp_path), report=lines.append)
    warnings = [line for line in lines if line.startswith("WARNING")]
    training = json.loads((tmp_path / "log" / "training.json").read_text(encoding="utf-8"))
    short = [task for task, enough in training["has_specific"].items() if not enough]
    assert short and len(warnings) == len(short)
    for line, task in zip(warnings, short, strict=True):
        rows = training["train"]["tasks"][task]["groups"]["gender"]["specific_negatives"]
        assert f"task `{task}` has too few" in line and f"`women` {rows[1]}" in line and "NO fairness term" in line
        assert set(training["history"][0]["tasks"][task]["train"]["fairness"]) == {"shared"}


@pytest.mark.parametrize(
    ("blocks", "paths", "error", "message"),
    [
        ({"model": {"network": "single_task"}, "fairness": {"mode": "mtaf"}}, {}, ValueError, "single_task` has none"),
        ({}, {"train_files": ("/nowhere/*",)}, FileNotFoundError, "split `train`.*/nowhere"),
        ({}, {"validation_files": ("/nowhere/*",)}, FileNotFoundError, "split `validation`.*/nowhere"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_training(
    make_settings, data, tmp_path, blocks, paths, error, message
):
    with pytest.raises(error, match=message):
        run_job(make_job(make_settings(**blocks), data, tmp_path, **paths), report=lambda line: None)
    assert not (tmp_path / "model").exists()


def test_the_checkpoints_folder_depends_on_inputs_settings_and_code(make_settings, data, tmp_path):
    base = make_job(make_settings(), data, tmp_path, checkpoint_root="/c")
    others = [
        base.model_copy(update={"code": "2"}),
        base.model_copy(update={"transform_dir": "/other"}),
        base.model_copy(update={"train_files": ("/other",)}),
        base.model_copy(update={"settings": make_settings(training={"seed": 9})}),
    ]
    folders = {job.checkpoint_dir() for job in (base, *others)}
    assert len(folders) == 5 and all(folder.startswith("/c/") for folder in folders)
    # Where results go to does not matter: a new execution goes on with the checkpoints of a killed one.
    moved = base.model_copy(update={"model_dir": "/elsewhere", "log_dir": "/elsewhere"})
    assert moved.checkpoint_dir() == base.checkpoint_dir()
    assert base.model_copy(update={"checkpoint_root": None}).checkpoint_dir() is None


CHILD = textwrap.dedent(
    """
    import functools, os, signal, sys
    import models
    import tensorflow as tf
    import tf_keras as keras
    from models.training import stages
    from models.training import run as training_run
    from models.training.job import TrainingJob

    # Two replicas where the job asks for replicas, as on a machine with two GPUs.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    tf.distribute.MirroredStrategy = functools.partial(tf.distribute.MirroredStrategy, ["CPU:0", "CPU:1"])
    job = TrainingJob.model_validate_json(open(sys.argv[1]).read())
    training_run.prepare_process(job.settings.training.seed, job.settings.training.precision)
    steps = [int(sys.argv[2])]

    class Kill(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps[0] -= 1
            if not steps[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    stages.Trainer = functools.partial(stages.Trainer, callbacks=[Kill()])
    training_run.run_job(job)
    """
)


def run_child(job, folder, kill_at=10**9):
    folder.mkdir(exist_ok=True)
    (folder / "job.json").write_text(job.model_dump_json(), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(folder / "job.json"), str(kill_at)],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
        timeout=280,
        encoding="utf-8",
    )


def saved_weights(folder):
    reader = tf.train.load_checkpoint(str(folder / "model" / "variables" / "variables"))
    names = sorted(name for name in reader.get_variable_to_shape_map() if name.startswith("weights/"))
    return [reader.get_tensor(name) for name in names]


BALANCED = {"mode": "mtaf", "batches": "balanced", "balanced_batch_size": 16}
IN_BATCH = {"mode": "mtaf", "loss": "mmd"}


@pytest.mark.parametrize(
    ("fairness", "training"),
    [
        pytest.param(BALANCED, {}, id="balanced"),
        pytest.param(
            IN_BATCH,
            {"distribution": "mirrored", "weighting": {"method": "excess_risk"}},
            id="two replicas, weights from gradients",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"mode": "none"},
            {"robustness": {"method": "regularised", "pretrain_epochs": 1}, "weighting": {"method": "dwa"}},
            id="in the second stage",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_after_kill_9_the_same_command_ends_with_the_same_weights(make_settings, data, tmp_path, fairness, training):
    settings = make_settings(
        fairness=fairness, model={"dropout": 0.2}, training={"epochs": 3, "checkpoint_steps": 4, **training}
    )
    whole = run_child(make_job(settings, data, tmp_path / "whole"), tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr[-3000:]

    job = make_job(settings, data, tmp_path / "cut", checkpoint_root=str(tmp_path / "checkpoints"))
    killed = run_child(job, tmp_path / "cut", kill_at=22)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "cut" / "model").exists()
    resumed = run_child(job, tmp_path / "cut")
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    where = "1 of stage tasks" if "robustness" in training else "2"
    assert f"resumed at epoch {where}, step 4 of 16" in resumed.stdout

    expected, found = saved_weights(tmp_path / "whole"), saved_weights(tmp_path / "cut")
    assert len(expected) == len(found) > 5
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
