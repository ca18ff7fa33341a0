"""From trainings to a table, and from the table to frontiers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.tradeoff_metrics.names import all_keys
from pipeline.frontier import table, words
from pipeline.frontier.grid import Point
from pipeline.frontier.settings import ReferencePoint
from pipeline.frontier.tradeoff import Tradeoff, as_json, name_of, tradeoff
from tests.pipeline.frontier.made import GROUPS, NAMES, TASKS, curve, made_table, run_settings

REFERENCE = ReferencePoint(are=1.2, arfg=1.5)


def compared(outcome: Any, **block: Any) -> tuple[pd.DataFrame, Tradeoff]:
    run = run_settings({"losses": ["mmd"], "strengths": [0.5, 1, 2], "seeds": [1, 2], **block})
    _, frame = made_table(run, outcome)
    return frame, tradeoff(frame, run.frontier.seeds, REFERENCE)


def test_columns_are_the_evaluators_keys() -> None:
    assert {str(name) for name in NAMES} <= set(all_keys(TASKS, GROUPS))
    names = [str(name) for name in NAMES]
    assert names[:2] == ["arfg", "are"] and "fpr_gap/buy@age" in names and "error/buy" in names
    # Errors are over all rows: there is no error of a group key.
    assert not [name for name in names if name.startswith("error") and "@" in name]


def test_the_table_is_tidy_and_reads_back(tmp_path: Path) -> None:
    def outcome(point: Point) -> Any:
        if point.setting.mode == "mtaf" and point.seed == 2:
            return "FloatingPointError: NaN"
        return (math.nan, math.nan, "the baseline's FPR gap is 0") if point.setting.mode == "none" else curve(point)

    frame, _ = compared(outcome)
    assert len(frame) == 2 * (1 + 1 + 3 + 3) and frame["case"].is_unique
    table.write(frame, tmp_path)
    for read in (pd.read_parquet(tmp_path / "table.parquet"), pd.read_csv(tmp_path / "table.csv")):
        assert list(read.columns) == list(frame.columns)
        row = read[(read["mode"] == "vanilla") & (read["strength"] == 2) & (read["seed"] == 2)].iloc[0]
        assert row["arfg"] == pytest.approx(1 / 3 + 0.02) and row["arfg/upper"] == pytest.approx(1 / 3 + 0.07)
        assert (row["status"], row["seconds"], row["parameters"], row["kept_epoch"]) == ("trained", 1.5, 10, 2)
        failed = read[read["status"] == "failed"]
        assert set(failed["failure"]) == {"FloatingPointError: NaN"} and set(failed["seed"]) == {2}
        assert failed["arfg"].isna().all() and failed["parameters"].isna().all()
        assert set(read[read["mode"] == "none"]["arfg/reason"]) == {"the baseline's FPR gap is 0"}
    typed = pd.read_parquet(tmp_path / "table.parquet")
    assert str(typed["seed"].dtype) == "Int64" and typed["strength"].dtype == float
    assert set(typed["head_ratio"]) == {"", "1"}


def test_means_and_ranges_over_seeds() -> None:
    frame, found = compared(curve)
    row = found.means[(found.means["mode"] == "mtaf") & (found.means["strength"] == 1)].iloc[0]
    assert row["are"] == pytest.approx(1.0115) and row["arfg"] == pytest.approx(0.515)
    assert (row["are/lowest"], row["are/highest"]) == pytest.approx((1.011, 1.012))
    own = frame[frame["settings"] == row["settings"]]
    for column in ("error/click", "fpr_gap/buy", "fpr_gap/buy@age"):
        assert row[column] == pytest.approx(own[column].mean())


def test_the_cheaper_mode_dominates() -> None:
    _, found = compared(curve)
    assert {mode: len(found.frontier(mode)) for mode in found.hypervolumes} == {"none": 1, "vanilla": 3, "mtaf": 3}
    (verdict,) = found.dominance
    assert verdict.holds and verdict.of_other == (3, 3) and verdict.of_one == (0, 3)
    assert verdict.difference.value == pytest.approx(
        found.hypervolumes["mtaf"].value - found.hypervolumes["vanilla"].value
    )
    assert words.dominance(verdict).startswith("mtaf dominates vanilla: 3 of 3 frontier points of vanilla")
    assert words.dominance(verdict).endswith("larger; the interval over seeds leaves out 0")
    # The frontier of all modes together has none of vanilla's.
    assert set(found.means[found.means["overall"]]["mode"]) == {"none", "mtaf"}


def test_the_dearer_mode_does_not() -> None:
    def outcome(point: Point) -> tuple[float, float]:
        are, arfg = curve(point)
        return (are + (0.1 if point.setting.mode == "mtaf" else 0), arfg)

    _, found = compared(outcome)
    (verdict,) = found.dominance
    assert not verdict.holds and verdict.of_other == (0, 3) and verdict.difference.value < 0
    assert words.dominance(verdict).startswith("mtaf does not dominate vanilla")


def test_a_setting_that_failed_with_one_seed_is_on_no_frontier() -> None:
    def outcome(point: Point) -> Any:
        # The best setting of all, with one seed.
        if (point.setting.mode, point.setting.strength) == ("mtaf", 2):
            return (0.1, 0.1) if point.seed == 1 else "FloatingPointError: the loss is NaN"
        return curve(point)

    _, found = compared(outcome)
    assert len(found.means) == 1 + 3 + 2
    (left,) = found.left_out
    assert left.reasons == {"FloatingPointError: the loss is NaN": [2]}
    assert words.left_out(left) == ["mtaf, mmd, λ 2, r 1, shared_bottom, seed 2: FloatingPointError: the loss is NaN"]


def test_an_undefined_arfg_is_said_in_words() -> None:
    reason = "the baseline's FPR gap of task `click` is 0"
    _, found = compared(lambda point: (1.0, math.nan, reason))
    assert found.means.empty and found.hypervolumes == {} and found.dominance == []
    assert len(found.left_out) == 7
    assert found.left_out[0].reasons == {f"ARFG is undefined: {reason}": [1, 2]}
    assert json.loads(json.dumps(as_json(found)))["frontier"] == []


def test_one_seed() -> None:
    _, found = compared(curve, seeds=[4])
    assert all(area.interval is None for area in found.hypervolumes.values())
    assert words.dominance(found.dominance[0]).endswith("larger, by one seed")
    assert found.means["are/lowest"].equals(found.means["are"])


def test_points_beyond_the_reference_are_counted() -> None:
    _, found = compared(lambda point: (1.3, 0.5) if point.setting.strength == 2 else curve(point))
    assert found.outside == {"none": 0, "vanilla": 1, "mtaf": 1}
    assert (words.outside(found) or "").endswith("1 of vanilla, 1 of mtaf")
    _, found = compared(curve)
    assert words.outside(found) is None


@pytest.mark.parametrize(
    ("dearer", "strength"),
    # Below (1.2, 1.5): 0.15 · 0.6, 0.1 · 1 and nothing; then nothing for any, and the first costs least.
    [(0.0, 1.0), (0.2, 0.5)],
)
def test_the_proposed_point_dominates_most(dearer: float, strength: float) -> None:
    points = {0.5: (1.05, 0.9), 1.0: (1.1, 0.5), 2.0: (1.3, 0.1)}

    def outcome(point: Point) -> tuple[float, float]:
        if point.setting.mode == "none":
            return 1.9, 1.9
        are, arfg = points[point.setting.strength or 0.0]
        return are + dearer + (0.01 if point.setting.mode == "mtaf" else 0.0), arfg

    _, found = compared(outcome)
    row = found.means.set_index("settings").loc[found.proposed()]
    assert (row["mode"], row["strength"]) == ("vanilla", strength)


def test_equal_areas_are_no_difference() -> None:
    _, found = compared(lambda point: (1.01, 0.5))
    (verdict,) = found.dominance
    assert not verdict.holds and words.dominance(verdict).endswith("no difference")


def test_json_holds_numbers_and_no_nan() -> None:
    _, found = compared(curve)
    text = json.dumps(as_json(found), allow_nan=False)
    read = json.loads(text)
    assert read["dominance"][0]["dominates"] is True
    assert read["hypervolume"]["mtaf"]["value"] == found.hypervolumes["mtaf"].value
    none = next(point for point in read["frontier"] if point["mode"] == "none")
    assert none["strength"] is None
    assert np.isfinite(none["are"])


def test_names_in_words() -> None:
    frame, _ = compared(curve, weightings=["dwa"])
    named = [name_of(row) for _, row in frame.drop_duplicates("settings").iterrows()]
    assert named[0] == "single-task, single_task"
    assert named[1] == "none, shared_bottom, dwa"
    assert named[2] == "vanilla, mmd, λ 0.5, shared_bottom, dwa"
