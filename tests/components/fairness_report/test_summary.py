"""The summary against the rows it was made of."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from components.fairness_report.summary import compose, left_out


@pytest.fixture(scope="module")
def summary(run: Any) -> dict[str, Any]:
    return compose(run)


def test_it_is_json(summary: dict[str, Any]) -> None:
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_rates_of_groups_are_those_of_the_rows(summary: dict[str, Any], rows: Any) -> None:
    for task in rows.tasks:
        for key, groups in summary["tasks"][task]["groups"].items():
            for group, cells in groups.items():
                assert cells["rows"] == (rows.groups[key] == group).sum()
                for who in ("model", "baseline"):
                    for kind in ("fpr", "tpr", "error"):
                        assert cells[who][kind]["value"] == pytest.approx(rows.rate(kind, who, task, key, group))
                    assert cells[who]["fpr"]["of"] == rows.count(0, task, key, group)
                    assert cells[who]["tpr"]["of"] == rows.count(1, task, key, group)


def test_auc_of_groups_and_over_all_rows(summary: dict[str, Any], rows: Any) -> None:
    for t, task in enumerate(rows.tasks):
        known = rows.known[:, t]
        overall = summary["tasks"][task]["auc"]["model"]
        expected = roc_auc_score(rows.labels[known, t], rows.scores[0, known, t])
        assert overall["value"] == pytest.approx(expected)
        assert overall["interval"][0] < expected < overall["interval"][1]
        assert overall["of"] == known.sum()
        inside = known & (rows.groups["age"] == "old")
        cell = summary["tasks"][task]["groups"]["age"]["old"]["baseline"]["auc"]
        assert cell["value"] == pytest.approx(roc_auc_score(rows.labels[inside, t], rows.scores[1, inside, t]))
        # Fewer rows, a wider interval.
        width = overall["interval"][1] - overall["interval"][0]
        assert cell["interval"][1] - cell["interval"][0] > width


def test_thresholds_are_the_models_own(summary: dict[str, Any]) -> None:
    assert summary["tasks"]["like"]["threshold"] == {"baseline": 0.5123, "model": 0.4815}


def test_bounds_have_their_margin(refused: Any) -> None:
    summary = compose(refused)
    assert not summary["blessed"] and summary["pushed"] is None
    by_name = {(b["metric"], b["task"], b["group"]): b for b in summary["bounds"]}
    assert len(by_name) == len(refused.judged.bounds) == 24
    failed = by_name["fpr_gap", "click", "gender"]
    assert not failed["ok"] and failed["margin"] == pytest.approx(0.02 - failed["value"]) and failed["margin"] < 0
    assert by_name["fpr_gap", "like", "gender"]["ok"]
    few = by_name["min_negatives", "click", "gender"]
    assert few["minimum"] and few["margin"] == few["value"] - 5000 and few["interval"] is None
    assert by_name["are", None, None]["margin"] == pytest.approx(0.5 - summary["are"]["value"])
    assert all(bound["ok"] == (bound["margin"] >= 0) for bound in summary["bounds"])
    assert summary["reasons"] == [b["sentence"] for b in summary["bounds"] if not b["ok"]]


def test_against_single_task_models(summary: dict[str, Any], rows: Any) -> None:
    wrong = (rows.scores > np.asarray(rows.thresholds)[:, None, :]) != rows.labels
    error = np.array([[wrong[m, rows.known[:, t], t].mean() for t in (0, 1)] for m in (0, 1)])
    assert summary["delta_p"]["value"] == pytest.approx(100 * np.mean((error[1] - error[0]) / error[1]))
    assert summary["delta_p"]["value"] == pytest.approx(-100 * (summary["are"]["value"] - 1))
    for t, task in enumerate(rows.tasks):
        found = summary["tasks"][task]["error_difference"]["model"]
        assert found["value"] == pytest.approx(error[0, t] - error[1, t])
        assert found["interval"][0] < found["value"] < found["interval"][1]
    # The candidate is the better one in both tasks.
    assert summary["negative_transfer_count"]["value"] == 0
    assert summary["negative_transfer"] == {"surely": [], "possibly": []}


def test_tasks_that_are_worse_are_named(swapped: Any) -> None:
    found = compose(swapped)
    assert found["negative_transfer_count"] == {"value": 2.0, "interval": [2.0, 2.0], "reason": ""}
    assert found["negative_transfer"] == {"surely": ["like", "click"], "possibly": []} and found["delta_p"]["value"] < 0


def test_worst_groups_and_cells(summary: dict[str, Any], rows: Any) -> None:
    for task in rows.tasks:
        for who in ("model", "baseline"):
            for key, found in (("gender", summary["tasks"][task]), ("age", summary["tasks"][task]["worst"]["age"])):
                groups = np.unique(rows.groups[key])
                errors = {g: rows.rate("error", who, task, key, g) for g in groups}
                worst = found["worst_group_error"][who]
                assert worst["group"] == max(errors, key=lambda g: errors[g])
                assert worst["value"] == pytest.approx(max(errors.values()))
                cells = {(g, "negatives"): rows.rate("fpr", who, task, key, g) for g in groups}
                cells |= {(g, "positives"): 1 - rows.rate("tpr", who, task, key, g) for g in groups}
                cell = found["worst_cell_error"][who]
                assert cell["value"] == pytest.approx(max(cells.values()))
                assert cells[cell["group"], cell["side"]] == pytest.approx(cell["value"])
                aucs = {g: cells[who]["auc"]["value"] for g, cells in summary["tasks"][task]["groups"][key].items()}
                auc = found["worst_group_auc"][who]
                assert auc["value"] == pytest.approx(min(aucs.values())) == aucs[auc["group"]]
                assert auc["interval"] == pytest.approx(
                    summary["tasks"][task]["groups"][key][auc["group"]][who]["auc"]["interval"]
                )
                assert found["worst_cell_auc"][who]["value"] <= auc["value"] + 1e-12
    assert set(summary["tasks"]["like"]["worst"]) == {"age"}


def test_a_gate_on_the_interval_takes_the_margin_from_its_end(made: Any, rows: Any) -> None:
    summary = compose(made.run_of(rows, gate={"arfg_max": 0.8, "on": "interval"}))
    (bound,) = summary["bounds"]
    assert bound["on"] == "interval" and bound["margin"] == pytest.approx(0.8 - bound["interval"][1])
    # The lower end of a minimum.
    summary = compose(made.run_of(rows, gate={"delta_p_min": -2, "on": "interval"}))
    (bound,) = summary["bounds"]
    assert bound["minimum"] and bound["margin"] == pytest.approx(bound["interval"][0] + 2)


def test_rows_without_a_cluster_are_among_the_warnings(run: Any, summary: dict[str, Any]) -> None:
    details = {key: {**found, "cluster": "user_id", "lone_rows": 1_204} for key, found in run.details.items()}
    found = compose(dataclasses.replace(run, details=details))
    rows = run.primary["rows"]
    assert found["warnings"] == [
        *summary["warnings"],
        f"1,204 of {rows:,} test rows have no `user_id` (`evaluation.cluster`): intervals take each of them as "
        "independent of all others.",
    ]


def test_an_auc_says_what_bins_leave_open(run: Any) -> None:
    found = run.primary["tasks"]["like"]["candidate"]["auc"]["all"]
    changed = json.loads(json.dumps(run.details))
    changed[run.settings.groups[0]]["tasks"]["like"]["candidate"]["auc"]["all"]["reason"] = "scores share bins"
    auc = compose(dataclasses.replace(run, details=changed))["tasks"]["like"]["auc"]["model"]
    assert auc["interval"] == [found["lower"], found["upper"]] and auc["reason"] == "scores share bins"


def counts(**changes: Any) -> dict[str, Any]:
    return {
        "rows": {"train": 100, "test": 1_000},
        "capped": {"train": 0, "test": 0},
        "dropped_missing": 0,
        "side_table_misses": {"users": 0},
        **changes,
    }


def test_nothing_left_out_says_nothing() -> None:
    assert left_out(counts()) == []


def test_a_capped_split_names_both_counts() -> None:
    assert left_out(counts(capped={"train": 0, "test": 11_204})) == [
        "`test` is a sample of 1,000 of 12,204 rows (`log.max_rows`)"
    ]


def test_dropped_rows_and_rows_without_a_match_are_counted() -> None:
    first, second = left_out(counts(dropped_missing=6, side_table_misses={"users": 7}))
    assert first.startswith("6 rows lack") and "`log.drop_missing`" in first
    assert second.startswith("7 rows found no match in side table `users`")


def test_what_became_of_the_targets_is_the_candidates(run: Any, summary: dict[str, Any]) -> None:
    assert summary["target_gap"] == {}
    block = {"like": {"asked": 0.1, "achieved": 0.08, "held": True, "strengths": [0.0, 0.3]}}
    training = {model: dict(content) for model, content in run.training.items()}
    training[next(iter(training))]["target_gap"] = block
    found = compose(dataclasses.replace(run, training=training))
    assert found["target_gap"] == block
