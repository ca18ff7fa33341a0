"""The pool of workers: whose turn it is, what is stored, and what outlives a kill."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from models.training.sweep import Sweep, SweepData
from pipeline.experiments import pool
from pipeline.experiments.cases import CaseResult, CaseStore
from pipeline.experiments.pool import ExperimentInProgressError, Progress, Schedule, exclusive, run_cases

ROOT = Path(__file__).resolve().parents[3]


def test_cases_of_a_family_go_to_one_worker_in_a_row(make_case):
    bottoms = [make_case(f"bottom-{seed}", training={"seed": seed}) for seed in range(4)]
    experts = [make_case(f"mmoe-{seed}", model={"network": "mmoe"}, training={"seed": seed}) for seed in range(2)]
    schedule = Schedule([bottoms[0], experts[0], bottoms[1], experts[1], *bottoms[2:]])
    first = [schedule.next(0), schedule.next(1), schedule.next(0), schedule.next(1)]
    assert [case.name for case in first] == ["bottom-0", "mmoe-0", "bottom-1", "mmoe-1"]
    # Its own family is done: it helps with the other.
    assert [schedule.next(1).name, schedule.next(0).name] == ["bottom-2", "bottom-3"]
    assert schedule.next(0) is None and schedule.next(1) is None


def test_progress_tells_how_many_are_done_and_the_time_left(make_settings, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(pool.time, "monotonic", lambda: now[0])
    lines = []
    progress = Progress(4, 6, 2, lines.append)
    assert lines == ["4 cases to train with 2 workers; 6 are done"]
    now[0] += 120
    progress.add(CaseResult("a", make_settings(), error="ValueError: no"))
    assert lines[1] == "7/10, 1 failed, about 6 min left: a FAILED: ValueError: no"
    now[0] += 40
    progress.add(CaseResult("b", make_settings(), error="ValueError: no"))
    assert lines[2].startswith("8/10, 2 failed, about 3 min left")


def test_a_second_experiment_is_refused_with_the_holder(tmp_path):
    with exclusive(tmp_path):
        with pytest.raises(ExperimentInProgressError, match=f"process {os.getpid()} works on {tmp_path}"):
            with exclusive(tmp_path):
                pass
    with exclusive(tmp_path):
        assert (tmp_path / "lock").read_text(encoding="utf-8") == str(os.getpid())


def test_two_cases_of_one_name_are_refused(make_case, tmp_path):
    cases = [make_case("a"), make_case("a", training={"seed": 2})]
    with pytest.raises(ValueError, match="`a` stands 2 times"):
        list(run_cases(cases, SweepData("", "", "", ""), tmp_path, code="1"))


def test_time_that_is_up_ends_the_processes_and_what_is_stored_still_comes(make_case, tmp_path, monkeypatch):
    cases, ended = [make_case(name, training={"seed": seed}) for seed, name in enumerate("abc")], []

    class Pool:
        def __init__(self, waiting, *_):
            self.waiting = waiting

        def results(self):
            try:
                for case in self.waiting:
                    yield CaseResult(case.name, case.settings, error="none")
            finally:
                ended.append(True)

    monkeypatch.setattr(pool, "_Pool", Pool)
    monkeypatch.setattr(pool, "data_digest", lambda data: "d")
    CaseStore(tmp_path / "cases", "d", "1").save(CaseResult("a", cases[0].settings, error="stored"))

    def found(until):
        data = SweepData("", "", "", "")
        return [result.error for result in run_cases(cases, data, tmp_path, code="1", until=until)]

    assert found(time.monotonic() + 100) == ["stored", "none", "none"] and ended == [True]
    assert found(time.monotonic() - 1) == ["stored"] and ended == [True]
    clock = iter([1.0, 5.0])
    monkeypatch.setattr(pool.time, "monotonic", lambda: next(clock))
    assert found(4.0) == ["stored", "none"] and ended == [True, True]


ENDLESS = {"epochs": 10**6, "early_stopping": None}


def kill_worker(log: Path, case: str) -> None:
    """Kills the process that works on ``case``, as a machine short of memory would."""
    while f"case {case}" not in (text := log.read_text(encoding="utf-8") if log.exists() else ""):
        time.sleep(0.05)
    os.kill(int(re.findall(r"^worker (\d+)$", text, re.MULTILINE)[-1]), signal.SIGKILL)


def test_what_fails_or_dies_is_told_and_the_rest_goes_on(make_case, data, tmp_path):
    good = {"fairness": {"mode": "vanilla"}, "training": {"epochs": 1}}
    diverging = {"training": {"epochs": 1, "optimizer": "sgd", "learning_rate": 1e20}}
    cases = [
        make_case("good", **good),
        make_case("endless", **{**good, "training": ENDLESS}),
        make_case("after", **{**good, "fairness": {"mode": "vanilla", "strength": 3.0}}),
        make_case("diverges", **diverging),
    ]
    killer = threading.Thread(target=kill_worker, args=(tmp_path / "worker-0.log", "endless"), daemon=True)
    killer.start()
    lines = []
    results = {r.name: r for r in run_cases(cases, data, tmp_path, workers=1, code="1", report=lines.append)}
    killer.join()
    assert re.match(
        r"its process was killed by SIGKILL \(out of memory\?\); see .*worker-0.log", results["endless"].error
    )
    assert results["endless"].died and results["endless"].trained is None
    assert results["diverges"].error.startswith("FloatingPointError: epoch 1") and not results["diverges"].died
    assert len(lines) == 5 and lines[-1].startswith("4/4, 2 failed, about 0 s left")

    # What a worker trained is what this process would.
    sweep = Sweep(data, report=lambda line: None)
    for name in ("good", "after"):
        found, expected = results[name].trained, sweep.train(results[name].settings)
        np.testing.assert_allclose(found.test_scores, expected.test_scores, rtol=1e-4, atol=1e-6)
        assert found.thresholds == pytest.approx(expected.thresholds, rel=1e-4)

    # A second call trains nothing of what is stored, the error among it.
    again = [case for case in cases if case.name != "endless"]
    stored = list(run_cases(again, data, tmp_path, workers=1, code="1", report=lines.append))
    assert all(result.stored for result in stored) and len(lines) == 5
    np.testing.assert_array_equal(stored[0].trained.test_scores, results["good"].trained.test_scores)


EXPERIMENT = """
import json, sys
from pathlib import Path
from models.config.settings import TrainerSettings
from models.training.sweep import SweepData
from pipeline.experiments.cases import Case
from pipeline.experiments.pool import run_cases

data, cases = json.loads(Path(sys.argv[1]).read_text())
cases = [Case(name, TrainerSettings.model_validate(settings)) for name, settings in cases.items()]
for result in run_cases(cases, SweepData(**data), Path(sys.argv[2]), workers=1, code="1", report=lambda line: None):
    print(result.name, result.stored, flush=True)
"""


def test_a_killed_experiment_goes_on_and_leaves_no_worker(make_case, data, tmp_path):
    cases = [make_case("first", training={"epochs": 1}), make_case("endless", training=ENDLESS)]
    (tmp_path / "work.json").write_text(
        json.dumps([vars(data), {case.name: case.settings.model_dump(mode="json") for case in cases}]), encoding="utf-8"
    )
    folder = tmp_path / "experiment"
    command = [sys.executable, "-c", EXPERIMENT, str(tmp_path / "work.json"), str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout.readline() == "first False\n"
        # It works on the other; a second experiment on the folder is refused with its number.
        with pytest.raises(ExperimentInProgressError, match=f"process {process.pid} works on {folder}"):
            list(run_cases(cases, data, folder, code="1"))
        process.kill()
    worker = int(re.findall(r"^worker (\d+)$", (folder / "worker-0.log").read_text(encoding="utf-8"), re.MULTILINE)[-1])
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and "zombie" not in Path(f"/proc/{worker}/status").read_text(
        encoding="utf-8"
    ):
        assert time.monotonic() < deadline, "the worker outlived the experiment"
        time.sleep(0.1)
    (result,) = run_cases(cases[:1], data, folder, code="1")
    assert result.stored and result.trained.test_scores.shape == (150, 3)
