import math
import typing

import pytest
from pydantic import TypeAdapter, ValidationError

from models.config.networks import network_settings
from models.config.robustness import (
    JTT,
    GroupDROSettings,
    NoRobustness,
    RegularisedMTL,
    RobustnessSettings,
    check_robustness,
)

ADAPTER: typing.Any = TypeAdapter(RobustnessSettings)


@pytest.mark.parametrize(
    "block, expected",
    [
        ({"method": "none"}, NoRobustness()),
        ({"method": "regularised"}, RegularisedMTL(method="regularised", reconstruction=1.0, l1=math.exp(-1))),
        ({"method": "jtt", "first_epochs": 10, "upweight": 20}, JTT(method="jtt", first_epochs=10, upweight=20.0)),
        ({"method": "group_dro"}, GroupDROSettings(method="group_dro", step=0.1, group=None)),
    ],
)
def test_the_method_says_which_keys_there_are(block, expected):
    parsed = ADAPTER.validate_python(block)
    assert parsed == expected
    assert ADAPTER.validate_json(parsed.model_dump_json()) == parsed


@pytest.mark.parametrize(
    "block, message",
    [
        ({"method": "dro"}, "'none', 'regularised', 'jtt', 'group_dro'"),
        ({"method": "none", "upweight": 2}, "Extra inputs are not permitted"),
        ({"method": "jtt", "upweight": 0.5}, "greater than or equal to 1"),
        ({"method": "group_dro", "step": 0}, "greater than 0"),
        ({"method": "regularised", "share": 1.0}, "less than 1"),
        ({"method": "regularised", "corruption": "noise"}, "'mask' or 'swap'"),
        (
            {"method": "regularised", "reconstruction": 0, "l1": 0},
            "both 0, so nothing is regularised; use `method: none`",
        ),
        (
            {"method": "regularised", "reconstruction": 0, "pretrain_epochs": 3},
            "`pretrain_epochs` trains on reconstruction alone, and `reconstruction` is 0. Received: 3 epochs",
        ),
    ],
)
def test_what_cannot_work_is_refused(block, message):
    with pytest.raises(ValidationError) as error:
        ADAPTER.validate_python(block)
    assert message in str(error.value)


def test_either_part_may_be_off():
    assert RegularisedMTL(method="regularised", l1=0).l1 == 0
    assert RegularisedMTL(method="regularised", reconstruction=0).reconstruction == 0


def test_against_the_rest_of_a_run():
    regularised = RegularisedMTL(method="regularised")
    check_robustness(regularised, network_settings("mmoe"), ["gender"])
    with pytest.raises(ValueError, match="the network `single_task` shares nothing"):
        check_robustness(regularised, network_settings("single_task"), ["gender"])
    check_robustness(NoRobustness(), network_settings("single_task"), ["gender"])
    check_robustness(
        GroupDROSettings(method="group_dro", group="gender"), network_settings("single_task"), ["age", "gender"]
    )
    with pytest.raises(ValueError, match=r"should be one of the groups `gender`. Received: `race`"):
        check_robustness(GroupDROSettings(method="group_dro", group="race"), network_settings("mmoe"), ["gender"])
