"""Sentences in a reviewer's words: who, in which task, by how much, from how many rows."""

from __future__ import annotations

import math
from typing import Any

import pytest

from components.fairness_report.sentences import (
    bound_sentence,
    gap_evidence,
    gap_sentence,
    percent,
    plain,
    points,
)


def details() -> dict[str, Any]:
    def model(women: float, men: float) -> dict[str, Any]:
        high, low = ("women", "men") if women >= men else ("men", "women")
        rates = {"women": {"value": women, "of": 1203}, "men": {"value": men, "of": 988}}
        gap = {"value": abs(women - men), "highest": high, "lowest": low}
        return {
            "rates": {"fpr": rates, "tpr": rates, "error": rates},
            "gaps": {"fpr": gap, "tpr": gap},
            "worst_group": {"group": high},
        }

    tasks = {"click": {"candidate": model(0.241, 0.2), "baseline": model(0.3, 0.2)}}
    values = {
        "fpr_gap/click": {"reason": "a gap needs two groups"},
        "arfg": {"reason": "the baseline's FPR gap of task `click` is 0"},
        "fpr_gap_ratio/click": {"value": 0.41},
    }
    return {"tasks": tasks, "values": values}


def result(setting: str, metric: str, value: float, limit: float, task: str | None = "click", **changes: Any) -> Any:
    from components.tradeoff_metrics.gate import Bound, BoundResult
    from components.tradeoff_metrics.names import MetricName

    group = None if metric == "are" else "gender"
    bound = Bound(setting, MetricName(metric, task), group, limit, changes.pop("on_interval", False))
    return BoundResult(bound, value, changes.get("lower", 0.0), changes.get("upper", 1.0), False, "")


@pytest.mark.parametrize(
    ("setting", "metric", "value", "limit", "expected"),
    [
        ("fpr_gap_max", "fpr_gap", 0.041, 0.02,
         "women in *click*: 4.1 points more false positives than men, limit 2.0, from 1,203 negatives"),
        ("fpr_gap_max", "fpr_gap", 0.041, 0.0125,
         "women in *click*: 4.1 points more false positives than men, limit 1.25, from 1,203 negatives"),
        ("tpr_gap_max", "tpr_gap", 0.041, 0.02,
         "men in *click*: 4.1 points fewer of their positives found than women, limit 2.0, from 988 positives"),
        ("fpr_gap_ratio_max", "fpr_gap_ratio", 0.41, 0.3,
         "women in *click*: 4.1 points more false positives than men, 0.410 times the gap of the single-task model "
         "(10.0 points), limit 0.3, from 1,203 negatives"),
        ("worst_group_error_max", "worst_group_error", 0.241, 0.2,
         "women in *click*: 24.1 % wrong predictions, limit 20.0 %, from 1,203 rows"),
        ("min_negatives", "min_negatives", 988, 1000, "men in *click*: 988 known negatives, at least 1,000"),
    ],
)  # fmt: skip
def test_a_bound_of_a_task(setting: str, metric: str, value: float, limit: float, expected: str) -> None:
    assert plain(bound_sentence(result(setting, metric, value, limit), details())) == expected


def test_a_bound_over_tasks() -> None:
    sentence = plain(bound_sentence(result("arfg_max", "arfg", 0.9, 0.8, task=None), details()))
    assert sentence == "Gaps between the groups of gender (ARFG): 0.900 times those of single-task models, limit 0.8"


def test_an_undefined_value_says_why() -> None:
    sentence = plain(bound_sentence(result("arfg_max", "arfg", math.nan, 0.8, task=None), details()))
    assert "undefined" in sentence and sentence.endswith("The baseline's FPR gap of task `click` is 0.")


def test_a_gate_on_the_interval_names_its_end() -> None:
    found = result("fpr_gap_max", "fpr_gap", 0.041, 0.05, on_interval=True, upper=0.062)
    assert plain(bound_sentence(found, details())).endswith("from 1,203 negatives; upper end 6.2 points")
    found = result("fpr_gap_max", "fpr_gap", 0.041, 0.05, on_interval=True, upper=math.nan)
    assert plain(bound_sentence(found, details())).endswith("; upper end unbounded")


def test_names_are_parts_of_their_own() -> None:
    kinds = [kind for kind, _ in gap_sentence("click", "fpr", details()) or []]
    assert kinds == ["group", "text", "task", "text", "figure", "text", "group"]
    assert gap_evidence("click", "tpr", details())[1] == ("figure", "988")


def test_no_gap_no_sentence() -> None:
    without = details()
    without["tasks"]["click"]["candidate"]["gaps"]["fpr"]["value"] = None
    assert gap_sentence("click", "fpr", without) is None


def test_units() -> None:
    assert (points(0.0412), percent(0.2503)) == ("4.1 points", "25.0 %")


def test_every_bound_of_a_run_has_its_sentence(refused: Any) -> None:
    for found in refused.judged.bounds:
        about = refused.details[found.bound.group or "gender"]
        sentence = plain(bound_sentence(found, about))
        assert ("limit" in sentence or "at least" in sentence) and "undefined" not in sentence
        if found.bound.name.task:
            assert f"*{found.bound.name.task}*" in sentence
