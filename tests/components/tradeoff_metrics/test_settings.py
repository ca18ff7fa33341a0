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
    [
        {"are_max": 1},
        {"delta_p_min": -1},
        {"error_difference_max": 0},
        {"negative_transfer_count_max": 0},
        {"worst_group_auc_min": 0.7},
        {"worst_cell_error_max": 0.4},
        {"worst_cell_auc_min": 0.6},
        {"fpr_gap_max": 0},
        {"min_negatives": {"click": 5}},
        {"per_group": {"age": {"arfg_max": 1}}},
    ],
)
def test_one_bound_is_enough(gate):
    assert GateSettings.model_validate(gate).on == "value"


def test_zero_is_a_bound_and_absence_is_none():
    assert GateSettings(fpr_gap_max=0).given() == {"fpr_gap_max": 0.0}
    assert GateBounds(min_negatives=3, fpr_gap_max={}).given() == {"min_negatives": 3.0}
    gate = GateSettings(delta_p_min=0, worst_cell_error_max={"click": 0.4}, negative_transfer_count_max=0)
    assert gate.overall() == {"delta_p_min": 0.0, "negative_transfer_count_max": 0.0}
    assert gate.given() == {"worst_cell_error_max": {"click": 0.4}}


def test_changes_against_single_task_models_may_be_bounded_below_zero():
    gate = GateSettings(delta_p_min=-2, error_difference_max={"click": -0.01})
    assert gate.overall() == {"delta_p_min": -2.0, "error_difference_max": {"click": -0.01}}


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        ({"fpr_gap_max": -0.1}, "`fpr_gap_max` should be at least 0"),
        ({"tpr_gap_max": {"click": float("nan")}}, "should be a finite number"),
        ({"arfg_max": 0}, "greater than 0"),
        ({"delta_p_min": float("nan")}, "should be a finite number"),
        ({"error_difference_max": {"click": float("inf")}}, "should be a finite number"),
        ({"negative_transfer_count_max": -1}, "`negative_transfer_count_max` should be at least 0"),
        ({"worst_group_auc_min": 70}, "`worst_group_auc_min` should be at most 1. Received: 70"),
        ({"worst_cell_error_max": {"click": -0.1}}, "`worst_cell_error_max` of task `click` should be at least 0"),
        ({"per_group": {"age": {"delta_p_min": 1}}}, "Extra inputs"),
        ({"arfg": 1}, "Extra inputs"),
        ({"on": "mean", "are_max": 1}, "'value' or 'interval'"),
    ],
)
def test_bad_bounds_are_refused(gate, message):
    with pytest.raises(ValidationError, match=message):
        GateSettings.model_validate(gate)


def test_names_of_the_gate_are_checked():
    gate = GateSettings(are_max=1, per_group={"age": GateBounds(fpr_gap_max={"klick": 0.1})})
    with pytest.raises(ValueError, match=r"gate.per_group: `age` is not a group; groups are `gender`"):
        gate.check(["click"], ["gender"])
    with pytest.raises(ValueError, match=r"gate.per_group.age.fpr_gap_max: `klick` is not a task; tasks are `click`"):
        gate.check(["click"], ["gender", "age"])
    with pytest.raises(ValueError, match="gate.error_difference_max: `klick` is not a task"):
        GateSettings(error_difference_max={"klick": 0.1}).check(["click"], ["gender"])
    GateSettings(fpr_gap_max={"click": 0.1}).check(["click"], ["gender"])


@pytest.mark.parametrize("threshold", [0, 1, -0.5, 1e-5, float("nan")])
def test_thresholds_that_fairness_indicators_cannot_name_are_refused(threshold):
    with pytest.raises(ValidationError, match="each of `fairness_thresholds` should be in|should be a finite number"):
        EvaluationSettings(fairness_thresholds=(0.5, threshold))


def test_evaluation_checks_names_and_slices():
    with pytest.raises(ValueError, match="without `/`"):
        EvaluationSettings().check(["a/b"], ["gender"])
    with pytest.raises(ValidationError, match="each of `slices` should be a column or more"):
        EvaluationSettings(slices=((),))
