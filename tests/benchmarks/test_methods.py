"""The table of modes and losses, from made-up results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.methods import case_name, cases, measure_all, table
from models.training.sweep import Outcomes, SweepData, Trained
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.runner import DataSet
from pipeline.settings.config import load

ROOT = Path(__file__).resolve().parents[2]
STRENGTHS = {"fpr_gap": (0.5,), "correlation": (1.0, 2.0), "mmd": ()}
TASKS = ("income", "capital_gain")


@pytest.fixture(scope="module")
def run():
    return load(ROOT / "data_schemas" / "adult" / "dataset.yaml")


def test_the_grid_has_each_case_once_and_its_baseline(run):
    found = {case.name: case.settings for case in cases(run, STRENGTHS, [1, 2])}
    assert len(found) == 2 * (1 + 1 + 2 * 3)
    assert found["stl-2"].model.network == "single_task" and found["stl-2"].training.seed == 2
    assert found["none-1"].fairness.mode == "none" and found["none-1"].model == run.candidate().model
    vanilla = found["vanilla-correlation-2-1"]
    assert (vanilla.fairness.mode, vanilla.fairness.loss, vanilla.fairness.strength) == ("vanilla", "correlation", 2.0)
    assert vanilla.training.seed == 1 and vanilla.training.epochs == run.candidate().training.epochs


def test_the_table_has_means_over_seeds_against_the_same_seeds_baseline(run):
    """Eight rows, one of them wrong in the baseline: errors are eighths."""
    labels = np.zeros([8, 2], np.int64)
    groups = {"sex": np.array(["female", "male"] * 4)}
    data = DataSet(run, SweepData("", "", "", ""), Outcomes(TASKS, labels, np.ones([8, 2], np.float32), groups, None))

    def result(case, wrong):
        scores = np.zeros([8, 2], np.float32)
        scores[: 2 * wrong : 2] = 1.0
        trained = Trained(scores, dict.fromkeys(TASKS, 0.5), dict.fromkeys(TASKS, 0.5), {}, [], 1, 1, 1.0)
        return CaseResult(case.name, case.settings, trained=trained)

    wrong = {"stl": 1, "none": 2, "vanilla": 3, "mtaf": 4}
    results = {c.name: result(c, wrong[c.name.split("-")[0]]) for c in cases(run, STRENGTHS, [1, 2])}
    rows = measure_all(data, STRENGTHS, [1, 2], results)
    lines = table(rows, list(TASKS))
    assert len(lines) == 2 + 1 + 7
    # A false positive among four women: the gap is a quarter.
    assert lines[2].startswith("| single-task |  |  | 0.125 ± 0.000 | 0.125 ± 0.000 | 0.250 ± 0.000 |")
    assert lines[3].startswith("| none |  |  | 0.250 ± 0.000") and lines[3].endswith(
        "| 2.000 ± 0.000 | 2.000 ± 0.000 |"
    )
    assert lines[4].startswith("| vanilla | fpr_gap | 0.5 | 0.375") and "| 3.000 ± 0.000 |" in lines[4]
    assert case_name("mtaf", "correlation", 2.0, 1) in results and case_name("none", "", 0.0, 2) == "none-2"
