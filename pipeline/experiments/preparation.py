"""The data of all trainings, prepared by the pipeline's own components in a process of its own.

TFX takes long to import, much memory, and logs a lot; none of that is for the process that trains and draws.
``python -m pipeline.experiments.preparation CONFIG FOLDER RESULT`` is what it runs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from pathlib import Path

from rich.console import Console

from pipeline.running import stopping
from pipeline.running.events import EventWriter, StageHandler
from pipeline.running.places import EVENTS_VARIABLE, new_log
from pipeline.running.provenance import ROOT
from pipeline.running.shown_process import run_shown


class PreparationError(RuntimeError):
    """The data could not be prepared; the message says what failed."""


def prepare(config: Path, folder: Path, logs: Path, console: Console) -> dict[str, str]:
    """Prepares the data, or takes it from cache, showing the stages.

    Args:
      config: The YAML file.
      folder: Where artifacts and metadata lie.
      logs: Folder of the log.
      console: Where stages are shown.

    Returns:
      The fields of ``SweepData``.

    Raises:
      PreparationError: A component failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = new_log(logs, "prepare")
    events, result = log.with_suffix(".events.jsonl"), folder / "data.json"
    result.unlink(missing_ok=True)
    environment = dict(
        os.environ,
        PYTHONPATH=str(ROOT),
        TF_CPP_MIN_LOG_LEVEL="2",
        PYTHONWARNINGS="ignore",
        CUDA_VISIBLE_DEVICES="",
        **{EVENTS_VARIABLE: str(events)},
    )
    command = [sys.executable, "-m", "pipeline.experiments.preparation", str(config), str(folder), str(result)]
    failed = run_shown(command, environment, events, log, console)
    if failed is not None:
        raise PreparationError(f"{failed}\nTFX's whole log: {log}")
    return json.loads(result.read_text(encoding="utf-8"))


def main(config: str, folder: str, result: str) -> None:
    """Prepares the data of a YAML file and writes where it lies."""
    import pipeline  # noqa: F401  chooses the Keras 2 API before TFX imports TensorFlow

    # isort: split
    from absl import logging

    from pipeline.experiments.prepared import prepare as run_nodes
    from pipeline.running.failures import sentence
    from pipeline.settings.config import load

    path = os.environ.get(EVENTS_VARIABLE)
    events = EventWriter(Path(path) if path else None)
    stopping.end_at_once(lambda text: events.write("error", stage=events.stage, text=text))
    logging.set_verbosity(logging.INFO)
    logging.get_absl_logger().addHandler(StageHandler(events))
    try:
        data = run_nodes(load(config), Path(folder))
    except Exception as error:
        events.write("error", stage=events.stage, text=sentence(error))
        raise
    Path(result).write_text(json.dumps(dataclasses.asdict(data)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
