"""The whole command on made-up trainings: what is measured when, what is written, what a person reads."""

from __future__ import annotations

import fcntl
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import pandas as pd
import pytest

from components.fairness_report.sections.earlier_runs import frontier_points
from models.training.sweep import Trained
from pipeline.experiments import preparation, runner
from pipeline.experiments.cases import Case, CaseResult
from pipeline.frontier import command, run, words
from pipeline.frontier.grid import Point, points
from pipeline.running.places import RUNS_VARIABLE
from pipeline.settings.config import RunSettings, load
from pipeline.showing.console import new_console
from tests.pipeline.frontier.made import NAMES, curve, figures, run_settings

Outcome = Callable[[Point], Any]
BLOCK = {"losses": ["mmd"], "strengths": [0.5, 2], "seeds": [1, 2]}


def result(case: Case, error: Optional[str] = None) -> CaseResult:
    if error is not None:
        return CaseResult(case.name, case.settings, error=error)
    trained = Trained(np.zeros((1, 2), np.float32), {}, {}, {}, [], kept_epoch=3, parameters=42, seconds=2.0)
    return CaseResult(case.name, case.settings, trained=trained)


class World:
    """Runs the command with trainings that are made up and come in the reverse order."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder, self.patch = folder, patch
        patch.setenv(RUNS_VARIABLE, str(folder))
        patch.setattr(runner, "read_outcomes", lambda *_: None)
        patch.setattr(
            preparation, "prepare", lambda *_: dict.fromkeys(("transform_dir", "train", "validation", "test"), "")
        )

    def __call__(self, settings: RunSettings, outcome: Outcome) -> tuple[int, str]:
        found = {point.name: point for point in points(settings)}

        def trained(cases: Sequence[Case], *_: Any, report: Any, **__: Any) -> Iterator[CaseResult]:
            for case in reversed(cases):
                report(f"trained {case.name}")
                told = outcome(found[case.name])
                yield result(case, told if isinstance(told, str) else None)

        def measure(candidate: CaseResult, baseline: CaseResult) -> Any:
            assert found[baseline.name].is_baseline and found[baseline.name].seed == found[candidate.name].seed
            return figures(*(outcome(found[candidate.name]) or (1.0, 1.0)))

        self.patch.setattr(runner, "run_cases", trained)
        self.patch.setattr(run, "measuring", lambda *_, **__: measure)
        out = io.StringIO()
        code = command.run(settings, Path("mini.yaml"), None, new_console(file=out, width=300))
        return code, out.getvalue()

    @property
    def results(self) -> Path:
        return self.folder / "mini" / "frontier" / "results"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    return World(monkeypatch, tmp_path / "runs")


def some(point: Point) -> Any:
    return (1.0, 1.0) if point.is_baseline else curve(point)


def test_everything_is_written_and_shown(world: World) -> None:
    code, out = world(run_settings(BLOCK), some)
    assert code == 0
    left = {str(path.relative_to(world.results)) for path in world.results.rglob("*") if path.is_file()}
    assert left == {
        "table.parquet", "table.csv", "means.csv", "frontier.csv", "summary.json",
        *(f"plots/{name}.{form}" for name in ("arfg_are", "gap_error") for form in ("png", "svg")),
        *(f"yaml/{name}.yaml" for name in ("none-1", "vanilla-1", "vanilla-2", "mtaf-1", "mtaf-2")),
    }  # fmt: skip
    assert "12 trainings, 2 of them baselines" in out and "trained mtaf-mmd-2-" in out
    # The table shows the ranges in brackets, which rich could take for markup.
    assert "mean [lowest, highest] over seeds 1, 2" in out
    assert re.search(r"mtaf +│ mmd +│ +2 │ 1 │ shared_bottom │ fixed +│ 1\.0215 \[1\.0210, 1\.0220\]", out)
    assert "hypervolume below the reference point ARE 1.1, ARFG 1.1" in out
    assert "mtaf dominates vanilla: 2 of 2 frontier points" in out
    assert f"make run CONFIG={world.results / 'yaml' / 'mtaf-2.yaml'}" in out
    load(world.results / "yaml" / "mtaf-2.yaml")
    summary = json.loads((world.results / "summary.json").read_text(encoding="utf-8"))
    assert summary["sentences"][0].startswith("mtaf dominates vanilla") and summary["thresholds"] == "validation"


def test_the_report_draws_the_frontier_of_all_modes(world: World) -> None:
    world(run_settings(BLOCK), some)
    path = world.results / "frontier.csv"
    drawn = frontier_points(path.read_text(encoding="utf-8"), str(path))
    ares, arfgs = [point["are"] for point in drawn], [point["arfg"] for point in drawn]
    assert ares == sorted(ares) and arfgs == sorted(arfgs, reverse=True) and len(drawn) == 3
    assert {point["settings"]["mode"] for point in drawn} == {"none", "mtaf"}
    for point in drawn:
        read = load(world.results / point["settings"]["yaml"])
        assert read.fairness.mode == point["settings"]["mode"] and read.report.frontier == str(path)


def test_a_diverged_training_stops_nothing_and_is_told(world: World) -> None:
    def outcome(point: Point) -> Any:
        bad = point.setting.mode == "vanilla" and point.setting.strength == 2 and point.seed == 2
        return "FloatingPointError: epoch 1: the train loss is nan [sic]" if bad else some(point)

    code, out = world(run_settings(BLOCK), outcome)
    assert code == 0
    assert "1 settings are on no frontier" not in out and "1 setting is on no frontier" in out
    assert "vanilla, mmd, λ 2, shared_bottom, seed 2: FloatingPointError: epoch 1: the train loss is nan [sic]" in out
    frame = pd.read_csv(world.results / "table.csv")
    assert (frame["status"] == "failed").sum() == 1 and frame["are"].isna().sum() == 1


def test_a_failed_baseline_leaves_its_seed_without_figures(world: World) -> None:
    code, out = world(run_settings(BLOCK), lambda p: "killed by SIGKILL" if p.is_baseline and p.seed == 2 else some(p))
    assert code == 1 and words.EMPTY in out
    assert "seed 2: its baseline failed: killed by SIGKILL" in out
    frame = pd.read_parquet(world.results / "table.parquet")
    assert set(frame[frame["seed"] == 2]["status"]) == {"failed"} and set(frame[frame["seed"] == 1]["status"]) == {
        "trained"
    }
    assert not (world.results / "yaml").exists() and not (world.results / "plots").exists()
    assert json.loads((world.results / "summary.json").read_text(encoding="utf-8"))["sentences"][0] == words.EMPTY


def test_a_baseline_gap_of_zero_is_said_in_words(world: World) -> None:
    reason = "the baseline's FPR gap of task `click` is 0"
    code, out = world(run_settings(BLOCK), lambda p: (1.0, float("nan"), reason))
    assert code == 1 and f"seeds 1, 2: ARFG is undefined: {reason}" in out and words.EMPTY in out


def test_few_seeds_are_said(world: World) -> None:
    _, out = world(run_settings({**BLOCK, "seeds": [1, 2]}), some)
    note = "2 seeds: a bootstrap over so few is too narrow; read its intervals as whether the seeds agree"
    assert note in " ".join(out.split())
    assert note in json.loads((world.results / "summary.json").read_text(encoding="utf-8"))["sentences"]
    assert words.seeds_note(8) is None


def test_one_seed_is_said(world: World) -> None:
    _, out = world(run_settings({**BLOCK, "seeds": [9]}), some)
    assert words.ONE_SEED in out and "test split, one seed" in out
    assert words.ONE_SEED in json.loads((world.results / "summary.json").read_text(encoding="utf-8"))["sentences"]


def test_settings_that_contradict_each_other_are_in_the_table(world: World) -> None:
    _, out = world(run_settings({**BLOCK, "networks": ["shared_bottom", "single_task"]}), some)
    assert "4 are refused, since their settings contradict each other" in out
    frame = pd.read_csv(world.results / "table.csv")
    refused = frame[frame["status"] == "refused"]
    assert len(refused) == 4 and set(refused["network"]) == {"single_task"} and set(refused["mode"]) == {"mtaf"}
    assert refused["failure"].str.contains("has none").all()


def test_a_further_call_replaces_what_lies_there_as_a_whole(world: World) -> None:
    world(run_settings(BLOCK), some)
    aside = world.results.with_name("results.partial")
    aside.mkdir()
    (aside / "left by a kill").touch()
    world(run_settings({**BLOCK, "strengths": [2]}), some)
    assert sorted(path.name for path in (world.results / "yaml").iterdir()) == [
        "mtaf-1.yaml",
        "none-1.yaml",
        "vanilla-1.yaml",
    ]
    assert not aside.exists() and not (world.results / "left by a kill").exists()


def test_a_second_frontier_at_once_refuses(world: World) -> None:
    root = world.results.parent
    root.mkdir(parents=True)
    with (root / "lock").open("w", encoding="utf-8") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, out = world(run_settings(BLOCK), some)
    assert code == 2 and f"process 4711 works on {root}" in out
    assert world(run_settings(BLOCK), some)[0] == 0


def test_data_that_cannot_be_prepared(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise preparation.PreparationError("Transform: [no] such column")

    monkeypatch.setattr(preparation, "prepare", fail)
    code, out = world(run_settings(BLOCK), some)
    assert code == 1 and "the data could not be prepared: Transform: [no] such column" in out


def test_a_training_that_never_came_is_an_error() -> None:
    found = points(run_settings(BLOCK))
    rows = run.Rows(found, NAMES, lambda *_: figures(1, 1))
    for point in found[1:]:
        rows.add(result(Case(point.name, point.trainer)))
    with pytest.raises(RuntimeError, match=f"Received none of: {found[0].name}"):
        rows.table()
    # Whatever the order in which they come, the table has that of the grid.
    rows.add(result(Case(found[0].name, found[0].trainer)))
    assert list(rows.table()["case"]) == [point.name for point in found]
    assert set(rows.table()["parameters"]) == {42}
