"""SIGINT and SIGTERM end commands and what is below them, also where a shell without job control has SIGINT ignored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import make_small_run

ROOT = Path(__file__).resolve().parents[3]
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def as_in_the_background() -> None:
    """What a shell does to `command &` in a script."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def start(arguments: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=as_in_the_background,
        text=True,
        encoding="utf-8",
    )


def processes_with(text: str) -> list[int]:
    """Processes whose environment holds ``text``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if text.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def wait_until(condition: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


RAISES = """
import sys, time
from pipeline.running import stopping
stopping.raise_on_signals()
try:
    print("ready")
    time.sleep(60)
except stopping.Stopped as stopped:
    print("cleaning up after:", stopped)
    # The same request again, as `timeout` sends it.
    import os, signal
    os.kill(os.getpid(), signal.SIGTERM)
    sys.exit(stopped.exit_code)
"""


@BOTH
def test_a_command_cleans_up_once_whatever_it_was_started_by(number: signal.Signals) -> None:
    process = start(["-c", RAISES])
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(number)
    text, _ = process.communicate(timeout=20)
    assert (process.returncode, text) == (CODES[number], f"cleaning up after: stopped by {number.name}\n")


ENDS = """
import subprocess, sys, time
from pipeline.running import stopping
stopping.end_at_once(print)
# A shell between them, as Beam has it, with a child that ignores requests.
subprocess.Popen(["sh", "-c", "trap '' INT TERM; sleep 60 & wait"])
print("ready", flush=True)
time.sleep(60)
"""


@BOTH
def test_a_process_below_ends_with_its_children(number: signal.Signals, tmp_path: Path) -> None:
    mark = f"MARK={tmp_path}"
    process = start(["-c", ENDS], MARK=str(tmp_path))
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    assert wait_until(lambda: len(processes_with(mark)) >= 3, 10)
    process.send_signal(number)
    text, _ = process.communicate(timeout=20)
    assert process.returncode == CODES[number]
    assert text == f"stopped by {number.name}; run the same command again, and it goes on where it was\n"
    assert wait_until(lambda: not processes_with(mark), 10)


@BOTH
def test_the_training_ends_in_silence(number: signal.Signals, tmp_path: Path) -> None:
    """Its parent names the signal; see `models.training.trainer`."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-X", "importtime", "-m", "models.training.child", str(tmp_path / "job.json")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=as_in_the_background,
        text=True,
        encoding="utf-8",
    )
    assert process.stderr is not None
    # It imports TensorFlow, after it has settled how it ends.
    while "numpy" not in process.stderr.readline():
        pass
    process.send_signal(number)
    _, rest = process.communicate(timeout=20)
    assert process.returncode == -number and "Traceback" not in rest


@BOTH
def test_a_run_that_is_stopped_leaves_nothing_and_says_what_to_do(number: signal.Signals, tmp_path: Path) -> None:
    """While `tfx pipeline create` imports; `test_cli.py` stops one that trains."""
    small = make_small_run(tmp_path, rows=500)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    mark = f"FAIR_RUNS_DIR={small.runs}"
    process = start(
        ["-m", "pipeline.cli", "run", str(small.config)], FAIR_RUNS_DIR=str(small.runs), TMPDIR=str(temporary)
    )
    # What the command starts knows the folder of temporary files.
    assert wait_until(lambda: processes_with(f"TMPDIR={temporary}/fairness-run-"), 60)
    assert len(list(temporary.iterdir())) == 1
    process.send_signal(number)
    text, _ = process.communicate(timeout=30)
    assert process.returncode == CODES[number], text
    assert f"stopped by {number.name} after" in text and "run the same command again" in text
    assert "Traceback" not in text
    assert not list(temporary.iterdir())
    assert wait_until(lambda: not processes_with(mark), 5)
