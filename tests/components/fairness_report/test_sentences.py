"""Sentences in a reviewer's words: who, in which task, by how much, from how many rows."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from components.tradeoff_metrics.families.gaps import gap_evidence, gap_sentence
from components.tradeoff_metrics.families.worst import worst_parts
from components.tradeoff_metrics.registry import metric as row
from components.tradeoff_metrics.telling.parts import plain
from components.tradeoff_metrics.telling.sentences import bound_sentence
from components.tradeoff_metrics.telling.units import percent, points, with_unit


def details() -> dict[str, Any]:
    def model(women: float, men: float) -> dict[str, Any]:
        high, low = ("women", "men") if women >= men else ("men", "women")
        rates = {"women": {"value": women, "of": 1203}, "men": {"value": men, "of": 988}}
        gap = {"value": abs(women - men), "highest": high, "lowest": low}
        of_auc = {"negatives": 1203, "positives": 77, "lower": 0.5, "reason": ""}
        return {
            "rates": {"fpr": rates, "tpr": rates, "error": rates},
            "gaps": {"fpr": gap, "tpr": gap},
            "worst": {
                "worst_group_error": {"group": high, "side": "", "value": 0.241, "count": 290, "of": 1203},
                "worst_cell_error": {"group": low, "side": "positives", "value": 0.3, "count": 3, "of": 1000},
                "worst_group_auc": {"group": low, "side": "", "value": 0.7, **of_auc},
                "worst_cell_auc": {"group": low, "side": "bpsn", "value": 0.6, **of_auc},
            },
        }

    tasks = {"click": {"candidate": model(0.241, 0.2), "baseline": model(0.3, 0.2)}}
    values = {
        "fpr_gap/click": {"reason": "a gap needs two groups"},
        "arfg": {"reason": "the baseline's FPR gap of task `click` is 0"},
        "fpr_gap_ratio/click": {"value": 0.41},
        "error_difference/click": {"value": 0.012, "lower": 0.001, "upper": 0.02},
        "error_ratio/click": {"value": 1.02},
    }
    return {"tasks": tasks, "values": values}


def result(setting: str, metric: str, value: float, limit: float, task: str | None = "click", **changes: Any) -> Any:
    from components.tradeoff_metrics.judging.bounds import Bound, BoundResult
    from components.tradeoff_metrics.names import MetricName

    group = None if metric in ("are", "delta_p", "negative_transfer_count", "error_difference") else "gender"
    bound = Bound(setting, MetricName(metric, task), group, limit, changes.pop("on_interval", False))
    return BoundResult(bound, value, changes.get("lower", 0.0), changes.get("upper", 1.0), False, "")


@pytest.mark.parametrize(
    ("setting", "metric", "value", "limit", "expected"),
    [
        ("fpr_gap_max", "fpr_gap", 0.041, 0.02,
         "women in *click*: 4.1 points more false positives than men, limit 2.0, from 1,203 negatives against 988"),
        ("fpr_gap_max", "fpr_gap", 0.041, 0.0125,
         "women in *click*: 4.1 points more false positives than men, limit 1.25, from 1,203 negatives against 988"),
        ("tpr_gap_max", "tpr_gap", 0.041, 0.02,
         "men in *click*: 4.1 points fewer of their positives found than women, limit 2.0, from 988 positives "
         "against 1,203"),
        ("fpr_gap_ratio_max", "fpr_gap_ratio", 0.41, 0.3,
         "women in *click*: 4.1 points more false positives than men, 0.410 times the gap of the single-task model "
         "(10.0 points), limit 0.3, from 1,203 negatives against 988"),
        ("worst_group_error_max", "worst_group_error", 0.241, 0.2,
         "women in *click*: 24.1 % wrong predictions, limit 20.0 %, from 1,203 rows"),
        ("worst_cell_error_max", "worst_cell_error", 0.3, 0.2,
         "men in *click*: 30.0 % wrong predictions, limit 20.0 %, from 1,000 positives"),
        ("worst_group_auc_min", "worst_group_auc", 0.7, 0.75,
         "men in *click*: AUC 0.700, at least 0.75, from 1,203 negatives and 77 positives"),
        ("worst_cell_auc_min", "worst_cell_auc", 0.6, 0.75,
         "men in *click*: AUC 0.600, its negatives against the positives of the others, at least 0.75, from 1,203 negatives "
         "and 77 positives"),
        ("error_difference_max", "error_difference", 0.012, 0.005,
         "*click*: 1.2 points more wrong predictions than the single-task model, limit 0.5"),
        ("error_difference_max", "error_difference", -0.012, -0.02,
         "*click*: 1.2 points fewer wrong predictions than the single-task model, limit −2.0"),
        ("min_negatives", "min_negatives", 988, 1000, "men in *click*: 988 known negatives, at least 1,000"),
    ],
)  # fmt: skip
def test_a_bound_of_a_task(setting: str, metric: str, value: float, limit: float, expected: str) -> None:
    assert plain(bound_sentence(result(setting, metric, value, limit), details())) == expected


def test_a_bound_over_tasks() -> None:
    sentence = plain(bound_sentence(result("arfg_max", "arfg", 0.9, 0.8, task=None), details()))
    assert sentence == "Gaps between the groups of gender (ARFG): 0.900 times those of single-task models, limit 0.8"


def test_changes_against_single_task_models() -> None:
    sentence = plain(bound_sentence(result("delta_p_min", "delta_p", -2.04, -1, task=None), details()))
    assert sentence == (
        "Mean relative change of the error (Δp, higher is better): −2.0 % against single-task models, at least −1 %"
    )
    sentence = plain(
        bound_sentence(result("negative_transfer_count_max", "negative_transfer_count", 1, 0, None), details())
    )
    assert sentence == "Tasks that are surely worse than their single-task model: 1, limit 0 (surely *click*)"


@pytest.mark.parametrize(
    ("setting", "metric", "value", "limit", "expected"),
    [
        ("are_max", "are", 1.05021, 1.05, "1.0502 times"),
        ("are_max", "are", 1.0500004, 1.05, "1.0500004 times"),
        ("delta_p_min", "delta_p", -5.02, -5, "−5.02 % against"),
        ("error_difference_max", "error_difference", 0.00504, 0.005, "0.504 points more"),
        ("error_difference_max", "error_difference", -0.01996, -0.02, "1.996 points fewer"),
    ],
)
def test_a_figure_beyond_its_limit_has_as_many_digits_as_show_it(
    setting: str, metric: str, value: float, limit: float, expected: str
) -> None:
    task = "click" if metric == "error_difference" else None
    found = result(setting, metric, value, limit, task)
    assert expected in plain(bound_sentence(found, details()))
    held = plain(bound_sentence(dataclasses.replace(found, ok=True), details()))
    assert expected not in held and with_unit(value, row(metric).unit).split()[0].removeprefix("−") in held


def test_the_end_beyond_its_limit_has_as_many_digits_as_show_it() -> None:
    found = result("are_max", "are", 1.05001, 1.05, None, on_interval=True, upper=1.05002)
    sentence = plain(bound_sentence(found, details()))
    assert "1.050 times" in sentence and sentence.endswith("; upper end 1.05002")


def test_the_lower_end_of_a_minimum_is_named() -> None:
    found = result("delta_p_min", "delta_p", 1.0, 0, task=None, on_interval=True, lower=-0.5)
    assert plain(bound_sentence(found, details())).endswith("; lower end −0.5 %")
    found = result("worst_group_auc_min", "worst_group_auc", 0.7, 0.6, on_interval=True, lower=math.nan)
    assert plain(bound_sentence(found, details())).endswith("; lower end unbounded")


def test_each_metric_has_its_unit() -> None:
    units = {
        "delta_p": "change",
        "worst_cell_error": "percent",
        "error_difference": "points",
        "worst_cell_auc": "ratio",
    }
    assert {metric: row(metric).unit for metric in units} == units
    assert row("negative_transfer_count").unit == row("min_positives").unit == "count"
    assert with_unit(-0.004, "points") == "−0.4 points" and with_unit(0.71, "ratio") == "0.710"


def test_the_worst_is_told_with_its_rows() -> None:
    worst = details()["tasks"]["click"]["candidate"]["worst"]["worst_cell_error"]
    assert plain(worst_parts("worst_cell_error", worst)) == "30.0 % wrong predictions, from 1,000 positives"


def test_what_bins_leave_open_of_an_auc_is_said_where_it_has_an_interval() -> None:
    worst = {"side": "", "value": 0.7, "negatives": 12, "positives": 7, "lower": 0.5, "reason": "scores share bins"}
    assert plain(worst_parts("worst_group_auc", worst)).endswith("from 12 negatives and 7 positives; scores share bins")
    assert plain(worst_parts("worst_group_auc", {**worst, "lower": None})).endswith("7 positives")


def test_an_undefined_value_says_why() -> None:
    sentence = plain(bound_sentence(result("arfg_max", "arfg", math.nan, 0.8, task=None), details()))
    assert "undefined" in sentence and sentence.endswith("The baseline's FPR gap of task `click` is 0.")


def test_a_gate_on_the_interval_names_its_end() -> None:
    found = result("fpr_gap_max", "fpr_gap", 0.041, 0.05, on_interval=True, upper=0.062)
    assert plain(bound_sentence(found, details())).endswith("from 1,203 negatives against 988; upper end 6.2 points")
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
