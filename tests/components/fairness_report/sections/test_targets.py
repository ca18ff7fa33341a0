"""What the page and the model card say of `fairness.target_gap`."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from components.fairness_report.model_card import model_card
from components.fairness_report.sections.targets import targets_data
from components.fairness_report.summary import compose
from components.tradeoff_metrics.telling.parts import plain

SURE = {"asked": 0.5, "achieved": 0.41, "upper": 0.45, "held": True, "sure": True, "sentence": "like was held"}
UNSURE = {**SURE, "asked": 0.0125, "achieved": 0.012, "upper": 0.0707, "sure": False}
MISSED = {
    **SURE,
    "asked": 0.06,
    "achieved": 0.0601,
    "upper": 0.09,
    "held": False,
    "sure": False,
    "sentence": "NOT held",
}


def of(test: dict[str, Any], **targets: dict[str, Any]) -> dict[str, Any]:
    return {"group": "gender", "target_gap": targets, "tasks": {task: {"fpr_gap": {"model": test}} for task in targets}}


TEST = {"value": 0.0569, "interval": [0.031, 0.0818], "reason": None}


@pytest.mark.parametrize(
    ("target", "test", "text"),
    [
        (
            SURE,
            TEST,
            "on validation: *like*, 41.0 points between the groups of gender, at most 50.0 points asked for; on test 5.7 "
            "points (3.1 to 8.2 points)",
        ),
        (
            UNSURE,
            {**TEST, "interval": None},
            "on validation: *like*, 1.2 points between the groups of gender, at most 1.25 points asked for, but validation "
            "is too small to be sure: it may be as large as 7.1 points; on test 5.7 points",
        ),
        (
            MISSED,
            {**TEST, "value": 0.06002},
            "on validation: *like*, 6.01 points between the groups of gender, at most 6.0 points asked for; on test 6.002 "
            "points (3.1 to 8.2 points)",
        ),
        (
            MISSED,
            {"value": None, "interval": None, "reason": "a gap needs two groups"},
            "on validation: *like*, 6.01 points between the groups of gender, at most 6.0 points asked for; undefined on "
            "test: a gap needs two groups",
        ),
    ],
)
def test_a_target_is_told_with_validation_and_test(target: dict[str, Any], test: dict[str, Any], text: str) -> None:
    (found,) = targets_data(of(test, like=target))
    assert plain(found["parts"]) == text and found["held"] == target["held"]


def test_what_was_not_held_comes_first() -> None:
    assert [entry["task"] for entry in targets_data(of(TEST, like=SURE, click=MISSED))] == ["click", "like"]
    assert targets_data({"target_gap": {}}) == []


@pytest.fixture
def with_targets(run: Any) -> Any:
    training = {model: dict(content) for model, content in run.training.items()}
    training["candidate"]["target_gap"] = {"like": SURE, "click": MISSED}
    return dataclasses.replace(run, training=training)


def test_the_page_says_it_without_any_script(report: Any, run: Any, with_targets: Any) -> None:
    markup = report(with_targets).read_text(encoding="utf-8").split('<script type="application/json"')[0]
    block = markup.split('id="targets"')[1].split("</ul>")[0]
    assert block.index("<li>Not held on validation") < block.index("<li>Held on validation")
    assert 'id="targets"' not in report(run).read_text(encoding="utf-8")


def test_the_model_card_says_it(with_targets: Any) -> None:
    card = model_card(with_targets, compose(with_targets), {})
    told = [entry["description"] for entry in card["considerations"]["tradeoffs"]]
    assert {"like was held", "NOT held"} <= set(told)
