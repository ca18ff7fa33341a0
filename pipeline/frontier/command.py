"""The command behind `make frontier`: errors that a person can do something about become messages and exit codes."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from rich.console import Console

from pipeline.experiments.pool import ExperimentInProgressError
from pipeline.experiments.preparation import PreparationError
from pipeline.frontier.run import run_frontier
from pipeline.settings.config import RunSettings
from pipeline.showing.commands import UNUSABLE
from pipeline.showing.console import fail

# Exit code: the data could not be prepared, or no setting has a place on a frontier.
FAILED = 1


def run(settings: RunSettings, config: Path, workers: Optional[int], console: Console) -> int:
    """Runs it and returns the exit code."""
    try:
        found = run_frontier(settings, config, workers=workers, console=console)
    except ExperimentInProgressError as error:
        fail(console, "cannot run:", str(error))
        return UNUSABLE
    except PreparationError as error:
        fail(console, "the data could not be prepared:", str(error))
        return FAILED
    return FAILED if found.means.empty else 0
