"""Settings of evaluation and gate."""

import pytest
from pydantic import ValidationError

from components.tradeoff_metrics.settings import EvaluationSettings, GateBounds, GateSettings


@pytest.mark.parametrize("gate", [{}, {"on": "interval"}, {"per_group": {"age": {}}}, {"fpr_gap_max": {}}])
def test_a_gate_without_a_bound_is_refused(gate):
    with pytest.raises(ValidationError, match="the gate needs a bound or more of .*are_max.*arfg_max"):
        GateSettings.model_validate(gate)


@pytest.mark.parametrize(
    "gate",
    [{"are_max": 1}, {"fpr_gap_max": 0}, {"min_negatives": {"click": 5}}, {"per_group": {"age": {"arfg_max": 1}}}],
)
def test_one_bound_is_enough(gate):
    assert GateSettings.model_validate(gate).on == "value"


def test_zero_is_a_bound_and_absence_is_none():
    assert GateSettings(fpr_gap_max=0).given() == {"fpr_gap_max": 0.0}
    assert GateBounds(min_negatives=3, fpr_gap_max={}).given() == {"min_negatives": 3.0}


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ({"fpr_gap_max": -0.1}, "`fpr_gap_max`  should be at least 0"),
        ({"tpr_gap_max": {"click": float("nan")}}, "`tpr_gap_max` click should be at least 0. Received: nan"),
        ({"arfg_max": 0}, "greater than 0"),
        ({"arfg": 1}, "Extra inputs"),
        ({"on": "mean", "are_max": 1}, "'value' or 'interval'"),
    ],
)
def test_bad_bounds_are_refused(gate, message):
    with pytest.raises(ValidationError, match=message):
        GateSettings.model_validate(gate)


def test_names_of_the_gate_are_checked():
    gate = GateSettings(are_max=1, per_group={"age": GateBounds(fpr_gap_max={"klick": 0.1})})
    with pytest.raises(ValueError, match=r"gate.per_group: `age` is not a group; groups are \['gender'\]"):
        gate.check(["click"], ["gender"])
    with pytest.raises(
        ValueError, match=r"gate.per_group.age.fpr_gap_max: `klick` is not a task; tasks are \['click'\]"
    ):
        gate.check(["click"], ["gender", "age"])
    GateSettings(fpr_gap_max={"click": 0.1}).check(["click"], ["gender"])


@pytest.mark.parametrize("threshold", [0, 1, -0.5, 1e-5, float("nan")])
def test_thresholds_that_fairness_indicators_cannot_name_are_refused(threshold):
    with pytest.raises(ValidationError, match="a fairness threshold should be in"):
        EvaluationSettings(fairness_thresholds=(0.5, threshold))


def test_evaluation_checks_names_and_slices():
    with pytest.raises(ValueError, match="without `/`"):
        EvaluationSettings().check(["a/b"], ["gender"])
    with pytest.raises(ValidationError, match="a slice needs a column"):
        EvaluationSettings(slices=((),))
