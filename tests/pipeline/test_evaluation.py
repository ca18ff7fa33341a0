"""What the EvalConfig asks TFMA for."""

import json

import pytest
import tensorflow_model_analysis as tfma
from fairness_indicators import fairness_indicators_metrics as indicators
from tensorflow_model_analysis.metrics import metric_specs

from components.tradeoff_metrics.names import all_keys
from components.tradeoff_metrics.settings import EvaluationSettings, GateBounds, GateSettings
from pipeline.evaluation import (
    build_eval_config,
    check_expected,
    expected_keys,
    fairness_indicator_key,
    fairness_thresholds,
)

TASKS = [("like", 0.6), ("click", "base_rate")]
GROUPS = ["gender", "age", "gender_age"]


def config(gate=None, evaluation=None, code="abc"):
    return build_eval_config(TASKS, GROUPS, evaluation or EvaluationSettings(), gate or GateSettings(are_max=1.1), code)


def tradeoff_spec(result):
    (spec,) = [spec for spec in result.metrics_specs if not spec.output_names]
    return spec


def test_models_read_labels_and_weights_of_each_task():
    result = config()
    assert [(spec.name, spec.is_baseline, spec.signature_name) for spec in result.model_specs] == [
        ("candidate", False, "serving_default"),
        ("baseline", True, "serving_default"),
    ]
    for spec in result.model_specs:
        assert dict(spec.label_keys) == {"like": "label/like", "click": "label/click"}
        assert dict(spec.example_weight_keys) == {"like": "weight/like", "click": "weight/click"}


def test_slices_are_overall_groups_kinds_of_negatives_and_those_asked_for():
    evaluation = EvaluationSettings(slices=(("group/gender", "country"), ("group/age",)))
    slices = [tuple(spec.feature_keys) for spec in config(evaluation=evaluation).slicing_specs]
    groups = [("group/gender",), ("group/age",), ("group/gender_age",)]
    assert slices == [(), *groups, ("negative/like",), ("negative/click",), ("group/gender", "country")]
    few = EvaluationSettings(slice_negative_kinds=False)
    assert [tuple(spec.feature_keys) for spec in config(evaluation=few).slicing_specs] == [(), *groups]


def test_each_task_has_its_own_metrics_at_its_own_threshold():
    specs = {spec.output_names[0]: spec for spec in config().metrics_specs if spec.output_names}
    assert list(specs) == ["like", "click"]
    for task, thresholds, accuracy in (
        ("like", [0.25, 0.5, 0.6, 0.75], {"name": "accuracy", "threshold": 0.6}),
        ("click", [0.25, 0.5, 0.75], {"name": "accuracy"}),
    ):
        configs = {metric.class_name.removeprefix("Batched"): metric.config for metric in specs[task].metrics}
        assert json.loads(configs["FairnessIndicators"]) == {"thresholds": thresholds}
        assert json.loads(configs["BinaryAccuracy"]) == accuracy
        assert {"RankAUC", "Calibration", "MeanLabel", "MeanPrediction", "ExampleCount", "WeightedExampleCount"} <= set(
            configs
        )
        # TFMA's own has buckets of equal width.
        assert "AUC" not in configs


def test_tradeoff_metric_knows_tasks_groups_and_code():
    (metric,) = tradeoff_spec(config(code="c0ffee", evaluation=EvaluationSettings(min_count=7))).metrics
    assert (metric.class_name, metric.module) == ("FairnessTradeoff", "components.tradeoff_metrics.metrics")
    settings = json.loads(metric.config)
    assert (settings["tasks"], settings["groups"]) == (["like", "click"], GROUPS)
    assert (settings["code"], settings["min_count"]) == ("c0ffee", 7)


def test_edited_code_changes_the_config():
    assert config(code="a").SerializeToString() != config(code="b").SerializeToString()


def test_gate_becomes_thresholds_on_the_overall_slice():
    gate = GateSettings(
        arfg_max=0.9, fpr_gap_max={"click": 0.1}, min_negatives=50, per_group={"age": GateBounds(arfg_max=2)}
    )
    thresholds = metric_specs.metric_thresholds_from_metrics_specs([tradeoff_spec(config(gate))])
    found = {}
    for key, entries in thresholds.items():
        assert key.example_weighted is None and key.output_name == ""
        ((slicing, threshold),) = entries
        assert slicing == tfma.SlicingSpec()
        found[key.name] = threshold
    assert {name: t.upper_bound.value for name, t in found.items() if t.HasField("upper_bound")} == {
        "arfg": 0.9,
        "fpr_gap/click": 0.1,
        "arfg@age": 2,
    }
    assert {name: t.lower_bound.value for name, t in found.items() if t.HasField("lower_bound")} == {
        "min_negatives/like": 50,
        "min_negatives/click": 50,
    }


def test_gate_on_interval_bounds_the_upper_end_and_counts_themselves():
    gate = GateSettings(on="interval", are_max=1.1, min_positives=5)
    assert set(tradeoff_spec(config(gate)).per_slice_thresholds) == {
        "are/upper",
        "min_positives/like",
        "min_positives/click",
    }


def test_minima_become_lower_bounds_on_the_lower_end():
    gate = GateSettings(
        on="interval",
        delta_p_min=-1,
        negative_transfer_count_max=0,
        worst_cell_error_max={"click": 0.4},
        per_group={"age": GateBounds(worst_group_auc_min={"like": 0.6})},
    )
    found = tradeoff_spec(config(gate)).per_slice_thresholds
    limits = {}
    for key, thresholds in found.items():
        (threshold,) = [each.threshold.value_threshold for each in thresholds.thresholds]
        limits[key] = (
            ("lower", threshold.lower_bound.value)
            if threshold.HasField("lower_bound")
            else ("upper", threshold.upper_bound.value)
        )
    assert limits == {
        "delta_p/lower": ("lower", -1),
        "negative_transfer_count/upper": ("upper", 0),
        "worst_cell_error/click/upper": ("upper", 0.4),
        "worst_group_auc/like@age/lower": ("lower", 0.6),
    }


def test_tfma_accepts_the_config():
    gate = GateSettings(arfg_max=0.9, are_max=1.1, per_group={"age": GateBounds(fpr_gap_max=0.2)})
    updated = tfma.utils.update_eval_config_with_defaults(config(gate), has_baseline=True, rubber_stamp=True)
    tfma.utils.verify_eval_config(updated)
    names = set()
    for computation in metric_specs.to_computations(updated.metrics_specs, updated):
        names |= {(key.model_name, key.output_name, key.name) for key in computation.keys}
    # Everything that a run must find afterwards has a computation that yields it.
    assert {tuple(key) for key in expected_keys(TASKS, GROUPS, EvaluationSettings())} <= names


def test_names_of_bounds_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="`share` is not a task"):
        config(GateSettings(fpr_gap_max={"share": 0.1}))


@pytest.mark.parametrize("thresholds", [[0.5], [0.25, 0.5], [0.1, 0.125, 0.9]])
def test_names_of_fairness_indicators_equal_the_librarys(thresholds):
    metric = indicators.FairnessIndicators(thresholds=thresholds)
    computations = metric.computations(tfma.EvalConfig(), model_names=[""], output_names=[""])
    expected = {key.name for key in computations[-1].keys if "/false_positive_rate@" in key.name}
    assert {fairness_indicator_key("false_positive_rate", t, thresholds) for t in thresholds} == expected


def test_a_tasks_number_joins_the_fairness_thresholds():
    settings = EvaluationSettings(fairness_thresholds=(0.75, 0.5))
    assert fairness_thresholds(0.5, settings) == [0.5, 0.75]
    assert fairness_thresholds(0.123, settings) == [0.123, 0.5, 0.75]
    assert fairness_thresholds("base_rate", settings) == [0.5, 0.75]
    with pytest.raises(ValueError, match="fairness_thresholds`"):
        fairness_thresholds(1.0, settings)


def test_expected_keys_hold_all_of_ours():
    expected = expected_keys(TASKS, GROUPS, EvaluationSettings())
    assert {key.name for key in expected if key.output == ""} == set(all_keys(["like", "click"], GROUPS))
    assert {key.model for key in expected if key.output == "click"} == {"candidate", "baseline"}


def test_an_evaluation_without_rows_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(tfma, "load_metrics", lambda path: iter(()))
    with pytest.raises(ValueError, match="has no overall slice: the evaluated split had no rows"):
        check_expected(str(tmp_path), expected_keys(TASKS, GROUPS, EvaluationSettings()))
