"""Runs the pipeline on this machine: the file that ``tfx pipeline create`` and ``tfx run create --engine=local`` run.

The TFX command line starts it without arguments, so the settings file comes from ``FAIR_RUN_CONFIG`` (the shipped sample
where that is not set).
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Started as a script, Python looks beside this file first, where `pipeline.py` would hide the package.
sys.path[:] = [str(ROOT)] + [
    entry for entry in sys.path if Path(entry or ".").resolve() not in (ROOT, ROOT / "pipeline")
]
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT)]
    + [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry not in ("", str(ROOT))]
)
# The training body has a process of its own, the only one that may see a GPU. Where nothing was chosen it sees all: CUDA
# ends its list at the first number that is no device.
os.environ.setdefault(
    "TRAINING_CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(16)))
)
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import pipeline  # noqa: E402, F401  chooses the Keras 2 API before TFX imports TensorFlow
from pipeline.running import stopping  # noqa: E402
from pipeline.running.lifeline import die_with_parent  # noqa: E402

if __name__ == "__main__":
    # Before the imports, which take long. A killed command must not leave a run behind that holds the folder.
    stopping.end_at_once()
    die_with_parent()

# isort: split
from absl import logging  # noqa: E402
from tfx import v1 as tfx  # noqa: E402

from pipeline import preflight, summary  # noqa: E402
from pipeline.pipeline import Places, create_pipeline  # noqa: E402
from pipeline.running import failures, lost_workers, recovery, relocation, run_record  # noqa: E402
from pipeline.running.events import EventWriter, StageHandler  # noqa: E402
from pipeline.running.places import CONFIG_VARIABLE, EVENTS_VARIABLE, RunFolder, is_held, run_folder  # noqa: E402
from pipeline.running.scratch import OWNER_VARIABLE  # noqa: E402
from pipeline.sample import short_videos as sample_data  # noqa: E402
from pipeline.settings.beam import beam_args, log_bytes  # noqa: E402
from pipeline.settings.config import ConfigError, RunSettings, load  # noqa: E402


class RunInProgressError(RuntimeError):
    """Another run works on the same folder."""


@contextmanager
def exclusive(folder: RunFolder) -> Iterator[None]:
    """Holds the run folder's lock; the system frees it whatever ends the process."""
    folder.root.mkdir(parents=True, exist_ok=True)
    with folder.lock.open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunInProgressError(
                f"another run works on {folder.root}; wait for it, or set FAIR_RUNS_DIR"
            ) from error
        yield


def build(settings: RunSettings) -> tfx.dsl.Pipeline:
    """The pipeline with this machine's places bound."""
    folder = run_folder(settings)
    places = Places(
        pipeline_root=str(folder.artifacts),
        serving=str(folder.serving),
        checkpoints=str(folder.checkpoints),
        metadata=str(folder.metadata),
    )
    return create_pipeline(settings, places, beam_args(settings.beam, log_bytes(settings.log)))


def prepare(config: Path) -> RunSettings:
    """Reads the settings, refuses what this machine cannot do, and makes the sample where it is asked for and missing."""
    settings = load(config)
    preflight.refuse(preflight.before_the_log(settings, run_folder(settings)), config)
    if settings.sample is not None:
        sample_data.ensure(Path(settings.log.root), settings.sample)
    return settings


def run_config(config: Path) -> None:
    """Runs the pipeline of a YAML file in this process."""
    settings = prepare(config)
    execute(tfx.orchestration.LocalDagRunner(), build(settings), settings, run_folder(settings), _event_writer())


def run() -> None:
    """What the TFX command line starts: `pipeline create` to read the pipeline's name, `run create` to run it."""
    owner = os.environ.get(OWNER_VARIABLE)
    if owner and not is_held(Path(owner)):
        # Killed before this process had asked to die with its parent.
        sys.exit("the command that this run belongs to has ended")
    try:
        settings = prepare(Path(os.environ.get(CONFIG_VARIABLE) or ROOT / "data_schemas" / "sample" / "dataset.yaml"))
    except ConfigError as error:
        sys.exit(f"cannot run: {error}")
    runner = tfx.orchestration.LocalDagRunner()
    if getattr(type(runner).run, "__wrapped__", None) is not None:
        # `tfx pipeline create` replaces run(): nothing is to be executed.
        runner.run(build(settings))
        return
    events = _event_writer()

    def say(text: str) -> None:
        events.write("error", stage=events.stage, text=text)

    stopping.end_at_once(say)
    lost_workers.end_with_them(say)
    execute(runner, build(settings), settings, run_folder(settings), events)


def _event_writer() -> EventWriter:
    path = os.environ.get(EVENTS_VARIABLE)
    return EventWriter(Path(path) if path else None)


def execute(
    runner: tfx.orchestration.LocalDagRunner,
    built: tfx.dsl.Pipeline,
    settings: RunSettings,
    folder: RunFolder,
    events: EventWriter,
) -> None:
    """Runs the nodes under the folder's lock, after sweeping what a killed run left, and writes the summary."""
    logging.set_verbosity(logging.INFO)
    handler = StageHandler(events)
    logging.get_absl_logger().addHandler(handler)
    try:
        with exclusive(folder):
            if relocation.relocate(folder.metadata):
                events.write(
                    "note", stage=None, text="the folder was moved: earlier runs are taken from where they lie now"
                )
            swept = recovery.sweep(folder)
            if swept:
                events.write("note", stage=None, text=f"removed what a killed run left unfinished: {', '.join(swept)}")
            folder.summary.unlink(missing_ok=True)
            runner.run(built)
            record = run_record.latest(folder.metadata, settings.dataset)
            pushed = run_record.ensure_newest(record, folder)
            summary.write(settings, folder, record, pushed)
    except Exception as error:
        events.write("error", stage=events.stage, text=failures.sentence(error))
        raise
    finally:
        logging.get_absl_logger().removeHandler(handler)


if __name__ == "__main__":
    run()
