"""Kill −9 at seeded moments: the same command goes on, and what comes of it is what an undisturbed run gives."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.small_log import ROOT, SmallLog

KILLS = 20
SEED = 1


def _start(log: SmallLog, runs: Path, scratch: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "run", str(log.config)],
        cwd=ROOT,
        env={**os.environ, "FAIR_RUNS_DIR": str(runs), "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _survivors(runs: Path) -> list[int]:
    """Processes that were started for these runs."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if str(runs).encode() in (place / "environ").read_bytes() and int(place.name) != os.getpid():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def _wait_for_none(runs: Path) -> None:
    deadline = time.monotonic() + 20
    while left := _survivors(runs):
        assert time.monotonic() < deadline, f"processes outlived the command that was killed: {left}"
        time.sleep(0.1)


def _figures(runs: Path) -> dict[str, Any]:
    """What the report says of the models, without what hangs on time and place."""
    summary = json.loads((runs / "mini" / "summary.json").read_text(encoding="utf-8"))
    return {key: summary[key] for key in ("tasks", "arfg", "are", "delta_p", "blessed", "reasons", "rows")}


def _running(runs: Path) -> int:
    with sqlite3.connect(runs / "mini" / "metadata.sqlite") as metadata:
        running = "select count(*) from Execution where last_known_state = 2"
        return int(metadata.execute(running).fetchone()[0])


@pytest.mark.slow
def test_twenty_kills_lose_nothing(tmp_path: Path) -> None:
    log = SmallLog(tmp_path / "log", number=2000)
    log.put("training.epochs", 4)
    log.write()
    disturbed, quiet, scratch = tmp_path / "disturbed", tmp_path / "quiet", tmp_path / "scratch"
    scratch.mkdir()
    moments = random.Random(SEED)
    kills = 0
    while kills < KILLS:
        process = _start(log, disturbed, scratch)
        try:
            process.communicate(timeout=moments.uniform(1, 35))
            # It came to its end before its moment: another seed gives the training and all behind it something to do.
            log.put("training.seed", log.content["training"].get("seed", 1) + 1)
            log.write()
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
        _wait_for_none(disturbed)
    for runs in (disturbed, quiet):
        process = _start(log, runs, scratch)
        printed, _ = process.communicate(timeout=900)
        assert process.returncode == 0, printed.decode()
    assert _figures(disturbed) == _figures(quiet)
    assert _running(disturbed) == 0
    for version in (disturbed / "mini" / "serving").iterdir():
        assert version.name.startswith(".") or (version / "saved_model.pb").is_file()
    assert not list(scratch.iterdir()), "a run left temporary files"
