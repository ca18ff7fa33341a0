"""The command on the tiny sample: refused while another works, killed, resumed; a point's YAML file through the pipeline."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from models.formats.features import label_key
from models.training.sweep import SweepData, Trained, read_outcomes
from pipeline import local_runner
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.figures import measure
from pipeline.running.places import RUNS_VARIABLE
from pipeline.running.run_record import latest
from pipeline.settings.config import load
from tests.pipeline.conftest import SmallRun, make_small_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
TASKS = ["click", "long_view", "like"]
GROUPS = ["gender", "age_band", "gender_x_age"]


class Story(NamedTuple):
    """What was seen of the command, in the order of the fields."""

    small: SmallRun
    refused: subprocess.CompletedProcess[str]
    killed_with: dict[str, float]
    left_running: list[int]
    resumed: subprocess.CompletedProcess[str]

    @property
    def frontier(self) -> Path:
        return self.small.folder / "frontier"

    @property
    def table(self) -> pd.DataFrame:
        return pd.read_parquet(self.frontier / "results" / "table.parquet")


def start(small: SmallRun) -> subprocess.Popen[str]:
    environment = dict(os.environ, FAIR_RUNS_DIR=str(small.runs))
    # What a person's terminal does not set either.
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "frontier", str(small.config), "--workers", "1"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def results(small: SmallRun) -> dict[str, float]:
    """Name of each stored training → when it was stored."""
    found = (small.folder / "frontier" / "cases" / "cases").glob("*.json")
    return {path.stem: path.stat().st_mtime for path in found}


def working_on(folder: Path) -> list[int]:
    """Processes whose command line names the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def wait_for(seen: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 400
    while not seen():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    small = make_small_run(tmp_path_factory.mktemp("small"), rows=8_000)
    block = {"modes": ["none", "mtaf"], "losses": ["correlation"], "strengths": [0.3, 1e38], "seeds": [1]}
    small.change(frontier=block, training={"epochs": 2})
    first = start(small)
    wait_for(lambda: (small.folder / "frontier" / "lock").exists(), first)
    refused = finish(start(small))
    wait_for(lambda: bool(results(small)), first)
    stored = results(small)
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(2)
    return Story(small, refused, stored, working_on(small.folder), finish(start(small)))


def test_a_second_call_refuses_and_names_who_works(story: Story) -> None:
    assert story.refused.returncode == 2
    assert f"works on {story.frontier}" in story.refused.stdout


def test_a_kill_leaves_nothing_running_and_loses_nothing_that_ended(story: Story) -> None:
    assert story.left_running == []
    assert story.resumed.returncode == 0, story.resumed.stdout + story.resumed.stderr
    assert story.killed_with
    now = results(story.small)
    assert {name: now[name] for name in story.killed_with} == story.killed_with
    assert len(now) == 4 > len(story.killed_with)
    # What TensorFlow has to say is for the logs.
    assert story.resumed.stderr == "" and "are done" in story.resumed.stdout


def test_a_diverged_training_is_recorded_and_stops_nothing(story: Story) -> None:
    frame = story.table.set_index("case")
    failed = frame[frame["status"] == "failed"]
    assert list(failed["strength"]) == [1e38] and "FloatingPointError" in failed["failure"].iloc[0]
    assert (frame["status"] == "trained").sum() == 3
    assert "mtaf, correlation, λ 1e+38, r 1, shared_bottom, seed 1: FloatingPointError" in story.resumed.stdout
    baseline = frame[frame["mode"] == "single-task"].iloc[0]
    assert baseline["are"] == 1 and baseline["arfg"] == 1


@pytest.fixture(scope="module")
def summary(story: Story) -> dict[str, Any]:
    """Of `make run` on the file of the point that MTA-F's frontier has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RUNS_VARIABLE, str(story.small.runs))
        local_runner.run_config(story.frontier / "results" / "yaml" / "mtaf-1.yaml")
    return story.small.summary()


def test_a_run_of_the_points_file_gives_the_tables_figures(story: Story, summary: dict[str, Any]) -> None:
    row = story.table[(story.table["mode"] == "mtaf") & (story.table["status"] == "trained")].iloc[0]
    # Sums in another order, on more threads, may move a row over a threshold.
    for figure in ("are", "arfg"):
        assert summary[figure]["value"] == pytest.approx(row[figure], abs=0.02)
        assert summary[figure]["interval"] == pytest.approx([row[f"{figure}/lower"], row[f"{figure}/upper"]], abs=0.04)
    assert summary["settings"]["report"]["frontier"] == str(story.frontier / "results" / "frontier.csv")


def exported(model: Path, settings: Any, test: str) -> CaseResult:
    """An exported model as a result, scored on the raw test examples through its signature."""
    files = sorted(tf.io.gfile.glob(test))
    serialized = tf.constant(list(tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()))
    predicted = tf.saved_model.load(str(model)).signatures["serving_default"](examples=serialized)
    scores = np.stack([predicted[task].numpy().reshape(-1) for task in TASKS], axis=1)
    decision = json.loads((model / "assets.extra" / "decision.json").read_text(encoding="utf-8"))
    return CaseResult("exported", settings, trained=Trained(scores, decision["thresholds"], {}, {}, [], 1, 1, 1.0))


def test_figures_are_the_evaluators_on_the_same_models(story: Story, summary: dict[str, Any]) -> None:
    run = load(story.frontier / "results" / "yaml" / "mtaf-1.yaml")
    record = latest(story.small.folder / "metadata.sqlite", "small")
    transform = record.output("Transform", "transform_graph").uri
    test = str(record.output("NegativeSplitter", "examples").uri / "Split-test" / "*")
    data = SweepData(str(transform), "", "", test)
    models = [record.output(name, "model").uri / "Format-Serving" for name in ("Candidate", "Baseline")]
    outcomes = read_outcomes(data, TASKS, GROUPS, run.evaluation.cluster)
    assert outcomes.labels.shape[1] == len(TASKS) and label_key(TASKS[0]) == "label/click"
    candidate, baseline = (exported(model, run.candidate(), test) for model in models)
    found = measure(candidate, baseline, outcomes, TASKS, GROUPS, confidence=run.evaluation.confidence)

    def same(name: str, estimate: dict[str, Any]) -> None:
        assert found[name]["value"] == pytest.approx(estimate["value"], abs=1e-6), name
        if estimate["interval"]:
            assert [found[name][end] for end in ("lower", "upper")] == pytest.approx(estimate["interval"], abs=1e-6), (
                name
            )

    same("arfg", summary["arfg"])
    same("are", summary["are"])
    for task in TASKS:
        figures = summary["tasks"][task]
        for metric in ("worst_group_auc", "worst_cell_auc"):
            same(f"{metric}/{task}", figures[metric]["model"])
            same(f"{metric}_baseline/{task}", figures[metric]["baseline"])
        for metric in ("error", "fpr_gap"):
            same(f"{metric}/{task}", figures[metric]["model"])
            same(f"{metric}_baseline/{task}", figures[metric]["baseline"])
            same(f"{metric}_ratio/{task}", figures[metric]["ratio"])
