"""TFX's Trainer: ``run_fn`` starts a child process that trains, so that no other component ever holds a GPU."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
from typing import Any, Optional

from absl import logging
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.io import fileio

from models.config.hyperparameters import with_values
from models.config.settings import TrainerSettings
from models.training import child as train_child
from models.training.failure import failure_path
from models.training.job import TrainingJob

# Where the runner hides GPUs from its own process, it says here which ones the training may use.
GPUS_VARIABLE = "TRAINING_CUDA_VISIBLE_DEVICES"


def run_fn(fn_args: FnArgs) -> None:
    """Trains a model and writes it to ``fn_args.serving_model_dir``.

    ``custom_config``: ``settings``, the JSON of ``TrainerSettings``; ``code``, a hash of the code that runs;
    ``checkpoint_root``, a folder for checkpoints (absent: an interrupted training starts anew).

    The values that a Tuner found, where there is one, take the place of the settings'.

    TensorBoard's events and ``training.json`` go to ``fn_args.model_run_dir``. The SavedModel is written aside and
    renamed; the checkpoints are removed after that.

    Raises:
      ValueError: ``custom_config`` lacks a key, or there is no Transform output.
      RuntimeError: The training failed; the message says of what. Its traceback is in the log.
    """
    config = fn_args.custom_config or {}
    for key in ("settings", "code"):
        if key not in config:
            raise ValueError(f"`custom_config` of the Trainer needs `{key}`. Received: {sorted(config)}")
    if not fn_args.transform_graph_path:
        raise ValueError("the Trainer needs `transform_graph`: the model reads transformed features")
    aside = f"{fn_args.serving_model_dir.rstrip('/')}.partial"
    if fileio.exists(aside):
        fileio.rmtree(aside)
    settings = TrainerSettings.model_validate_json(config["settings"])
    if fn_args.hyperparameters:
        settings = with_values(settings, fn_args.hyperparameters["values"])
    job = TrainingJob(
        settings=settings,
        code=config["code"],
        train_files=tuple(fn_args.train_files),
        validation_files=tuple(fn_args.eval_files),
        transform_dir=fn_args.transform_graph_path,
        model_dir=aside,
        log_dir=fn_args.model_run_dir,
        checkpoint_root=config.get("checkpoint_root"),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "job.json")
        pathlib.Path(path).write_text(job.model_dump_json(), encoding="utf-8")
        # Imported and not just named: the hash of the code that runs follows imports.
        run_child([sys.executable, "-m", train_child.__name__, path], failure_path(path))
    if fileio.exists(fn_args.serving_model_dir):
        fileio.rmtree(fn_args.serving_model_dir)
    fileio.rename(aside, fn_args.serving_model_dir)
    checkpoints = job.checkpoint_dir()
    if checkpoints is not None and fileio.exists(checkpoints):
        fileio.rmtree(checkpoints)


def run_child(command: list[str], told: Optional[pathlib.Path] = None) -> None:
    """Runs ``command``, hands its lines to the log as they come, and ends it when this process ends.

    Args:
      command: To run.
      told: File into which it writes what ended it, where it knows.

    Raises:
      RuntimeError: It failed, in the words that it left in ``told``; without them, with its last line.
    """
    last = "it said nothing"
    # The child reads nothing: an end of its input tells it that this process is gone.
    with subprocess.Popen(
        command,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        bufsize=1,
        encoding="utf-8",
    ) as child:
        try:
            for line in child.stdout or ():
                last = line.rstrip() or last
                logging.info("training: %s", line.rstrip())
            code = child.wait()
        finally:
            child.kill()
    if code:
        if told is not None and told.is_file():
            raise RuntimeError(told.read_text(encoding="utf-8"))
        raise RuntimeError(f"the training {_reason(code)}. Its last line: {last}")


def _reason(code: int) -> str:
    if code >= 0:
        return f"failed with exit code {code}"
    name = signal.Signals(-code).name
    # SIGKILL is what the system's guard of memory sends, SIGABRT what a library ends with that gets none.
    cause = "; a lack of memory is the usual cause: give it more, or make `training.batch_size` smaller"
    return f"was killed by signal {-code} ({name})" + (cause if name in ("SIGKILL", "SIGABRT") else "")


def _environment() -> dict[str, Any]:
    environment = dict(os.environ)
    root = str(pathlib.Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
    environment["PYTHONUNBUFFERED"] = "1"
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if GPUS_VARIABLE in environment:
        environment["CUDA_VISIBLE_DEVICES"] = environment[GPUS_VARIABLE]
    return environment
