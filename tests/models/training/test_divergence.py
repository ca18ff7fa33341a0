"""A training that diverges, through the whole command: one sentence on the terminal, the traceback in the log alone."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import make_small_run

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.slow
def test_a_divergence_ends_in_one_sentence(tmp_path: Any) -> None:
    small = make_small_run(tmp_path, rows=4000)
    small.change(training={"learning_rate": 1e30})
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run", str(small.config)],
        cwd=ROOT,
        env={**os.environ, "FAIR_RUNS_DIR": str(small.runs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=900,
    )
    assert done.returncode == 1, done.stdout
    said = done.stdout[done.stdout.index("the run failed") :]
    assert re.search(r"Baseline: epoch 1, task `click`.*: expected a finite (train|validation) loss. Received: ", said)
    assert "lower `training.learning_rate` (now 1e+30) or `fairness.strength`" in said
    assert "Traceback" not in done.stdout and len(said.splitlines()) == 2
    (log,) = (small.folder / "logs").glob("*.log")
    assert "FloatingPointError" in log.read_text(encoding="utf-8")
