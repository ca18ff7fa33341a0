"""The summary against the rows it was made of."""

from __future__ import annotations

import json
from typing import Any

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
    assert len(by_name) == len(refused.judged.bounds) == 16
    failed = by_name["fpr_gap", "click", "gender"]
    assert not failed["ok"] and failed["margin"] == pytest.approx(0.02 - failed["value"]) and failed["margin"] < 0
    assert by_name["fpr_gap", "like", "gender"]["ok"]
    few = by_name["min_negatives", "click", "gender"]
    assert few["minimum"] and few["margin"] == few["value"] - 5000 and few["interval"] is None
    assert by_name["are", None, None]["margin"] == pytest.approx(0.5 - summary["are"]["value"])
    assert all(bound["ok"] == (bound["margin"] >= 0) for bound in summary["bounds"])
    assert summary["reasons"] == [b["sentence"] for b in summary["bounds"] if not b["ok"]]


def test_a_gate_on_the_interval_takes_the_margin_from_its_end(made: Any, rows: Any) -> None:
    summary = compose(made.run_of(rows, gate={"arfg_max": 0.8, "on": "interval"}))
    (bound,) = summary["bounds"]
    assert bound["on"] == "interval" and bound["margin"] == pytest.approx(0.8 - bound["interval"][1])


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
