import pytest

from models.config.fairness import check_settings, per_task
from models.config.networks import network_settings
from models.config.settings import FairnessSettings
from models.fairness.terms import FairnessTerms

TASKS = ("like", "click", "buy")


def test_per_task_values():
    assert per_task(2, TASKS, "strength") == {"like": 2.0, "click": 2.0, "buy": 2.0}
    assert list(per_task({"buy": 1, "like": 2, "click": 3}, TASKS, "strength").items()) == [
        ("like", 2.0),
        ("click", 3.0),
        ("buy", 1.0),
    ]
    with pytest.raises(ValueError, match="`fairness.strength` should have one number for each of the tasks.*'view'"):
        per_task({"like": 1, "click": 1, "view": 1}, TASKS, "fairness.strength")


@pytest.mark.parametrize(
    ("network", "fairness", "tasks", "groups", "message"),
    [
        ("single_task", {"mode": "mtaf"}, TASKS, ("g",), "`model.network: single_task` has none"),
        ("single_task", {"mode": "mtaf_difference"}, TASKS, ("g",), "`model.network: single_task` has none"),
        ("shared_bottom", {"mode": "mtaf"}, ("like",), ("g",), "needs two tasks or more"),
        ("shared_bottom", {"mode": "vanilla"}, TASKS, (), "needs a group"),
        ("shared_bottom", {"mode": "vanilla", "group": "h"}, TASKS, ("g",), "one of `g`. Received: `h`"),
        ("mmoe", {"mode": "mtaf_difference", "batches": "balanced"}, TASKS, ("g",), "Take `in_batch`"),
        ("mmoe", {"mode": "mtaf", "strength": {"like": 1}}, TASKS, ("g",), "`fairness.strength` should have one"),
        ("mmoe", {"mode": "mtaf", "head_ratio": {"like": 1}}, TASKS, ("g",), "`fairness.head_ratio` should have one"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(network, fairness, tasks, groups, message):
    with pytest.raises(ValueError, match=message):
        check_settings(network_settings(network), FairnessSettings(**fairness), tasks, groups)


def test_settings_that_fit_are_taken():
    check_settings(network_settings("single_task"), FairnessSettings(mode="none"), ["like"], [])
    check_settings(network_settings("single_task"), FairnessSettings(mode="vanilla"), ["like"], ["g"])
    check_settings(
        network_settings("mmoe"), FairnessSettings(mode="mtaf", batches="balanced", group="g"), TASKS, ["h", "g"]
    )


@pytest.mark.parametrize(
    ("settings", "has_specific", "parts"),
    [
        ({"mode": "none"}, True, ()),
        ({"mode": "vanilla"}, False, ("all",)),
        ({"mode": "mtaf"}, True, ("head", "shared")),
        ({"mode": "mtaf"}, False, ("shared",)),
        ({"mode": "mtaf_difference", "empty_specific": "all_negatives"}, False, ("head", "shared")),
    ],
)
def test_parts_are_those_of_the_mode(settings, has_specific, parts):
    terms = FairnessTerms(FairnessSettings(**settings), "g", 2, {"like": has_specific})
    assert terms.parts("like") == parts
