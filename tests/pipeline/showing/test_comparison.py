"""Two runs side by side: what moved, with both intervals, and what is said about it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.showing import history
from pipeline.showing.comparison import Cell, CellKey, Comparison, changes, compare
from pipeline.showing.history import HistoryError, Run
from tests.pipeline.recorded import NODES, RecordedRuns, estimate, rate, sample_settings, summary


def pair(folder: Path, a: dict[str, Any], b: dict[str, Any], **of_b: Any) -> tuple[Run, Run]:
    recorded = RecordedRuns(folder)
    states = dict.fromkeys([*NODES, "FairnessReport"], "finished")
    recorded.add("a", states, report=a)
    recorded.add("b", states, report=b, **of_b)
    newest, oldest = history.runs(folder, ["mini"])
    return oldest, newest


def base() -> dict[str, Any]:
    return copy.deepcopy(summary(sample_settings()))


def cell(found: Comparison, *key: Any) -> Cell:
    (only,) = [cell for cell in found.cells if cell.key == CellKey(*key)]
    return only


def test_a_figure_that_moved_is_told_with_both_intervals(tmp_path: Path) -> None:
    a, b = base(), base()
    a["tasks"]["click"]["fpr_gap"]["model"] = {"value": 0.10, "interval": [0.08, 0.12], "reason": ""}
    b["tasks"]["click"]["fpr_gap"]["model"] = {"value": 0.15, "interval": [0.13, 0.17], "reason": ""}
    found = compare(*pair(tmp_path, a, b))
    moved = cell(found, "fpr_gap", "model", "click")
    assert moved.difference == pytest.approx(0.05)
    assert (moved.a["interval"], moved.b["interval"], moved.intervals) == ([0.08, 0.12], [0.13, 0.17], "apart")
    assert [c.key for c in found.cells if c.intervals == "apart"] == [moved.key]


@pytest.mark.parametrize(
    ("b", "expected"),
    [
        ([0.12, 0.16], "overlap"),  # touching ends have a value in common
        ([0.1201, 0.16], "apart"),
        ([0.01, 0.0799], "apart"),
        ([0.09, 0.11], "overlap"),
        ([0.0, 1.0], "overlap"),
        (None, "unknown"),
    ],
)
def test_intervals_overlap_where_they_share_a_value(tmp_path: Path, b: list[float] | None, expected: str) -> None:
    left, right = base(), base()
    left["arfg"] = {"value": 0.1, "interval": [0.08, 0.12], "reason": ""}
    right["arfg"] = {"value": 0.11, "interval": b, "reason": ""}
    assert cell(compare(*pair(tmp_path, left, right)), "arfg", "ratio").intervals == expected


def test_an_undefined_value_has_no_difference(tmp_path: Path) -> None:
    left, right = base(), base()
    right["arfg"] = {"value": None, "interval": None, "reason": "the baseline's gap of task `click` is 0"}
    found = cell(compare(*pair(tmp_path, left, right)), "arfg", "ratio")
    assert (found.difference, found.intervals) == (None, "unknown")
    assert found.b["reason"].startswith("the baseline's gap")


def test_groups_are_compared_with_their_counts(tmp_path: Path) -> None:
    left, right = base(), base()
    right["tasks"]["like"]["groups"]["gender"]["male"]["model"]["fpr"] = rate(300, 600)
    found = cell(compare(*pair(tmp_path, left, right)), "fpr", "model", "like", "gender", "male")
    # 60 + 120 * 0.5 of 600 before.
    assert (found.a["count"], found.a["of"], found.b["count"]) == (120, 600, 300)
    assert found.difference == pytest.approx(0.5 - 0.2) and found.intervals == "apart"


def test_a_metric_that_is_new_needs_no_code_here(tmp_path: Path) -> None:
    left, right = base(), base()
    for side, value in ((left, 0.8), (right, 0.9)):
        side["tasks"]["click"]["auc"] = {"model": estimate(value, 0.01)}
        side["tasks"]["click"]["groups"]["gender"]["male"]["model"]["auc"] = estimate(value, 0.2)
    found = compare(*pair(tmp_path, left, right))
    assert cell(found, "auc", "model", "click").intervals == "apart"
    assert cell(found, "auc", "model", "click", "gender", "male").intervals == "overlap"


def test_a_threshold_is_a_figure_without_an_interval(tmp_path: Path) -> None:
    left, right = base(), base()
    right["tasks"]["click"]["threshold"]["model"] = 0.45
    moved = cell(compare(*pair(tmp_path, left, right)), "threshold", "model", "click")
    assert moved.a == {"value": 0.4} and moved.difference == pytest.approx(0.05) and moved.intervals == "unknown"


def test_cells_of_one_run_alone_are_named(tmp_path: Path) -> None:
    left, right = base(), base()
    del right["tasks"]["like"]
    right["tasks"]["click"]["groups"]["gender"]["other"] = {"rows": 3, "model": {"fpr": rate(1, 3)}}
    found = compare(*pair(tmp_path, left, right))
    assert found.only_in["b"] == [CellKey("fpr", "model", "click", "gender", "other")]
    assert {key.task for key in found.only_in["a"]} == {"like"}
    # threshold 2, error and FPR gap 3 each, FPR of baseline and model in two groups.
    assert len(found.only_in["a"]) == 2 + 3 + 3 + 4
    assert {c.key.task for c in found.cells} == {None, "click"}


def test_settings_code_and_files_that_differ(tmp_path: Path) -> None:
    changed = sample_settings(fairness={"strength": 1.0})
    of_b = {"settings": changed, "code": "other", "fingerprint": "files:2"}
    found = compare(*pair(tmp_path, base(), summary(changed), **of_b))
    assert [tuple(d) for d in found.changes.settings] == [("fairness.strength", 0.2, 1.0)]
    assert found.changes.data and "Candidate" in found.changes.code
    assert not found.same_test_rows


def test_where_a_run_left_no_whole_settings_both_are_read_from_their_nodes(tmp_path: Path) -> None:
    recorded = RecordedRuns(tmp_path)
    recorded.finished("a")
    settings = sample_settings(training={"seed": 7}, gate={"arfg_max": 0.1})
    recorded.add("b", dict.fromkeys(NODES, "finished"), settings=settings)
    recorded.add("c", {"InteractionLogGen": "cached", "NegativeSplitter": "running"}, settings=settings)
    c, b, a = history.runs(tmp_path, ["mini"])
    found = changes(a, b)
    assert [tuple(d) for d in found.settings] == [
        ("training.seed", 1, 7),
        ("gate.arfg", "at most 0.8", "at most 0.1"),
    ]
    assert found.not_compared == []
    found = changes(b, c)
    assert found.settings == [] and {"training", "gate", "tasks"} <= set(found.not_compared)


def test_the_same_rows_are_known_from_files_and_splits(tmp_path: Path) -> None:
    assert compare(*pair(tmp_path / "1", base(), base())).same_test_rows
    # Other columns of the same rows are the same rows.
    fewer = sample_settings(features={"inputs": sample_settings().model_dump(mode="json")["features"]["inputs"][:-1]})
    assert compare(*pair(tmp_path / "2", base(), base(), settings=fewer)).same_test_rows
    capped = sample_settings(log={"max_rows": {"test": 10}})
    assert not compare(*pair(tmp_path / "3", base(), base(), settings=capped)).same_test_rows
    assert not compare(*pair(tmp_path / "4", base(), base(), fingerprint="files:9")).same_test_rows


def test_the_notes_do_not_claim_more_than_intervals_say(tmp_path: Path) -> None:
    left, right = base(), base()
    right["arfg"], right["are"] = estimate(0.9, 0.01), estimate(1.02)
    text = " ".join(compare(*pair(tmp_path / "1", left, right)).notes)
    assert "Intervals at 95%." in text and "here 1 of the 2 that differ" in text
    assert "do not prove that two figures are equal" in text
    assert "another seed alone moves figures" in text
    assert "judged on the same test rows" in text and "may still be real" in text
    right["settings"]["evaluation"]["confidence"] = 0.9
    text = " ".join(compare(*pair(tmp_path / "2", left, right, fingerprint="files:9")).notes)
    assert "95% (a) and 90% (b)" in text and "not known to have been judged on the same test rows" in text


def test_a_run_without_figures_is_refused_with_the_reason(tmp_path: Path) -> None:
    recorded = RecordedRuns(tmp_path)
    recorded.finished("a")
    recorded.add("b", {"InteractionLogGen": "cached", "Candidate": "running"})
    b, a = history.runs(tmp_path, ["mini"])
    with pytest.raises(HistoryError, match=r"run mini/2 \(killed at Candidate\) left no figures to compare"):
        compare(a, b)


def test_a_run_compared_with_itself_moves_nowhere(tmp_path: Path) -> None:
    a, _ = pair(tmp_path, base(), base())
    found = compare(a, a)
    assert {c.intervals for c in found.cells} == {"same"}
    assert {c.difference for c in found.cells} == {0}
    assert found.changes.settings == [] and found.only_in == {"a": [], "b": []}
    assert json.dumps([c.key._asdict() for c in found.cells])
