"""A tiny example, computed by hand, through TFX's Evaluator; and one through ``tfma.run_model_analysis``."""

import math
import os

import pytest
import tensorflow_model_analysis as tfma

from components.tradeoff_metrics.counting.extractor import custom_extractors
from components.tradeoff_metrics.details import load_details, load_overall
from components.tradeoff_metrics.judging.gate import verdict
from components.tradeoff_metrics.settings import EvaluationSettings, GateBounds, GateSettings
from pipeline.evaluation import build_eval_config, check_expected, expected_keys, fairness_indicator_key

TASKS = ["like", "click"]
THRESHOLDS = {"candidate": {"like": 0.5, "click": 0.5}, "baseline": {"like": 0.4, "click": 0.7}}
COPIES = 10


def score(model, task, predicts):
    """Close to the model's own threshold on either side: a threshold of another model would decide otherwise."""
    return THRESHOLDS[model][task] + (0.05 if predicts else -0.05)


def hand_made_rows():
    """Seven rows a group, (label, candidate predicts, baseline predicts) for each task, ten times over.

    click  f: 5 negatives, FP candidate 1, baseline 2 → FPR 0.2, 0.4; 2 positives, FN 1, 0
           m: 5 negatives, FP candidate 2, baseline 4 → FPR 0.4, 0.8; 2 positives, FN 0, 1
           gaps 0.2 and 0.4, ratio 1/2; errors (1+2+1)/14 = 4/14 and (2+4+1)/14 = 7/14, ratio 4/7
    like   f: 4 negatives, FP candidate 3, baseline 3 → FPR 0.75, 0.75; 3 positives, FN 0, 1
           m: 4 negatives, FP candidate 0, baseline 1 → FPR 0, 0.25; 3 positives, FN 1, 1
           gaps 0.75 and 0.5, ratio 3/2; errors (3+0+1)/14 = 4/14 and (3+1+2)/14 = 6/14, ratio 2/3
    ARFG = (1/2 + 3/2) / 2 = 1, ARE = (4/7 + 2/3) / 2 = 13/21.
    Worst group, candidate: click f (1+1)/7, m 2/7: 2/7; like f 3/7, m 1/7: f, 3/7.
    Worst cell: click f positives 1/2 (FNR), baseline m negatives 4/5; like f negatives 3/4, of both models.
    AUC, a model's scores being two values: click f (2 positives, one above): of 2 × 5 pairs, the positive above beats 4
    and ties 1, the one below ties 4: (4 + 1/2 + 4/2) / 10 = 0.65; m: both above, beat 3 and tie 2 of 5: 0.8. like f: 3 above
    beat 1 and tie 3 of 4: 0.625; m: two above beat 4, one below ties 4: (4 + 4 + 2) / 12 = 5/6.
    BPSN f in like: positives of m, two above and one below, against f's negatives, 3 above and 1 below:
    (2 (1 + 3/2) + 1/2) / 12 = 5.5/12, the lowest of all. click: BNSP f (positives of f against negatives of m, 2 above and 3
    below): (3 + 2/2 + 3/2) / 10 = 0.55.
    Δp = −100 (13/21 − 1) = 800/21. Errors differ by −3/14 and −2/14: no task is worse.
    """
    click = {
        "f": [(0, 1, 1), (0, 0, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0), (1, 0, 1), (1, 1, 1)],
        "m": [(0, 1, 1), (0, 1, 1), (0, 0, 1), (0, 0, 1), (0, 0, 0), (1, 1, 0), (1, 1, 1)],
    }
    like = {
        "f": [(0, 1, 1), (0, 1, 1), (0, 1, 1), (0, 0, 0), (1, 1, 0), (1, 1, 1), (1, 1, 1)],
        "m": [(0, 0, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0), (1, 0, 0), (1, 1, 1), (1, 1, 1)],
    }
    rows = []
    for group in ("f", "m"):
        for i, cells in enumerate(zip(click[group], like[group], strict=True)):
            row = {"group/gender": group, "group/age": "young" if i % 2 else "old"}
            for task, (label, candidate, baseline) in zip(("click", "like"), cells, strict=True):
                row |= {f"label/{task}": label, f"weight/{task}": 1, f"negative/{task}": 0 if label else 1}
                row |= {f"candidate_{task}": score("candidate", task, candidate)}
                row |= {f"baseline_{task}": score("baseline", task, baseline)}
            rows.append(row)
    # Rows without any known label: false positives of both models, were their weight not read.
    for group in ("f", "unknown"):
        row = {"group/gender": group, "group/age": "old"}
        for task in TASKS:
            row |= {f"label/{task}": 0, f"weight/{task}": 0, f"negative/{task}": 3}
            row |= {f"candidate_{task}": 0.99, f"baseline_{task}": 0.99}
        rows.append(row)
    return rows * COPIES


EVALUATION = EvaluationSettings(fairness_thresholds=(0.25, 0.5), slice_negative_kinds=False)
GATE = GateSettings(
    arfg_max=1.05,
    are_max=0.7,
    delta_p_min=30,
    negative_transfer_count_max=0,
    error_difference_max=-0.1,
    worst_group_auc_min=0.6,
    worst_cell_error_max={"click": 0.5},
    min_negatives=40,
    per_group={"age": GateBounds(min_positives=5, worst_cell_auc_min=0.1)},
)
TASK_THRESHOLDS = [("like", 0.5), ("click", "base_rate")]
GROUPS = ["gender", "age"]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, save_model, write_examples):
    """Paths of evaluation and blessing that the real Evaluator left, with its executor and ``module_path``."""
    from tfx.components.evaluator import executor
    from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
    from tfx.utils import json_utils, proto_utils

    root = tmp_path_factory.mktemp("evaluator")
    examples = standard_artifacts.Examples()
    examples.uri = str(root / "examples")
    examples.split_names = artifact_utils.encode_split_names(["test"])
    write_examples(f"{examples.uri}/Split-test/rows.gz", hand_made_rows(), "GZIP")
    models = {}
    for name, thresholds in THRESHOLDS.items():
        models[name] = standard_artifacts.Model()
        models[name].uri = str(root / name)
        save_model(root / name / "Format-Serving", name, thresholds)
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(root / "evaluation"), str(root / "blessing")
    config = build_eval_config(TASK_THRESHOLDS, GROUPS, EVALUATION, GATE, "0")
    context = executor.Executor.Context(tmp_dir=str(root / "tmp"), unique_id="1")
    executor.Executor(context).Do(
        {"examples": [examples], "model": [models["candidate"]], "baseline_model": [models["baseline"]]},
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            standard_component_specs.EVAL_CONFIG_KEY: proto_utils.proto_to_json(config),
            standard_component_specs.EXAMPLE_SPLITS_KEY: json_utils.dumps(["test"]),
            standard_component_specs.MODULE_PATH_KEY: "components.tradeoff_metrics.counting.extractor",
            "feature_slicing_spec": None,
        },
    )
    return evaluation.uri, blessing.uri


def ours(evaluation):
    return {name: value for (_, output, name), value in load_overall(evaluation).items() if output == ""}


def test_evaluator_computes_the_hand_made_example(evaluated):
    expected = {
        "arfg": 1.0,
        "are": 13 / 21,
        "fpr_gap/click": 0.2,
        "fpr_gap_baseline/click": 0.4,
        "fpr_gap_ratio/click": 0.5,
        "fpr_gap/like": 0.75,
        "fpr_gap_baseline/like": 0.5,
        "fpr_gap_ratio/like": 1.5,
        # TPR: click f 1/2, m 1; like f 1, m 2/3.
        "tpr_gap/click": 0.5,
        "tpr_gap/like": 1 / 3,
        "error/click": 4 / 14,
        "error_baseline/click": 0.5,
        "error_ratio/like": 2 / 3,
        "error_difference/like": -2 / 14,
        "worst_group_error/click": 2 / 7,
        "worst_group_error/like": 3 / 7,
        "worst_group_error_baseline/click": 5 / 7,
        "worst_cell_error/click": 0.5,
        "worst_cell_error_baseline/click": 0.8,
        "worst_cell_error/like": 0.75,
        "worst_group_auc/click": 0.65,
        "worst_group_auc/like": 0.625,
        "worst_cell_auc/click": 0.55,
        "worst_cell_auc/like": 5.5 / 12,
        "delta_p": 800 / 21,
        "error_difference/click": -3 / 14,
        "negative_transfer_count": 0,
        "negative_transfer_count/upper": 0,
        "min_negatives/click": 5 * COPIES,
        "min_positives/like": 3 * COPIES,
    }
    found = ours(evaluated[0])
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
    assert found["delta_p/lower"] == pytest.approx(100 * (1 - found["are/upper"]))
    assert found["worst_cell_auc/like/lower"] < 5.5 / 12 < found["worst_cell_auc/like/upper"]
    assert found["are/lower"] < 13 / 21 < found["are/upper"]
    assert found["arfg/lower"] < 1 < found["arfg/upper"]


def test_fairness_indicators_agree_at_the_candidates_threshold(evaluated):
    overall = load_overall(evaluated[0])
    key = fairness_indicator_key("false_positive_rate", 0.5, [0.25, 0.5])
    # like: 3 false positives of 8 negatives; rows of weight 0 do not count.
    assert overall["candidate", "like", key] == pytest.approx(3 / 8)
    assert overall["candidate", "like", "accuracy"] == pytest.approx(1 - 4 / 14)
    assert overall["candidate", "like", "weighted_example_count"] == 14 * COPIES
    assert overall["candidate", "click", "mean_label"] == pytest.approx(4 / 14)


def test_every_expected_key_is_there_and_a_missing_one_fails(evaluated):
    expected = expected_keys(TASK_THRESHOLDS, GROUPS, EVALUATION)
    check_expected(evaluated[0], expected)
    absent = expected[0]._replace(name="fpr_gap/share")
    with pytest.raises(
        ValueError, match=r"lacks 1 metric\(s\) that were asked for: `fpr_gap/share` \(model `candidate`"
    ):
        check_expected(evaluated[0], [*expected, absent])


def test_evaluator_blesses_and_the_verdict_agrees(evaluated):
    evaluation, blessing = evaluated
    assert os.listdir(blessing) == ["BLESSED"]
    result = verdict(evaluation, GATE, TASKS, GROUPS)
    assert result.blessed and result.reasons == []
    assert len(result.bounds) == 3 + 2 + 1 + 2 + 1 + 2 + 2 + 2


def test_details_are_read_back(evaluated):
    details = load_details(evaluated[0])
    assert details["group"] == "gender" and details["thresholds"] == THRESHOLDS
    assert details["group_rows"] == {"f": 8 * COPIES, "m": 7 * COPIES, "unknown": COPIES}
    rate = details["tasks"]["click"]["candidate"]["rates"]["fpr"]["m"]
    assert (rate["value"], rate["count"], rate["of"]) == (0.4, 2 * COPIES, 5 * COPIES)
    gap = details["tasks"]["like"]["baseline"]["gaps"]["fpr"]
    assert (gap["highest"], gap["lowest"], gap["holds_zero"]) == ("f", "m", False)
    # The candidate's scores of click are 0.45 and 0.55: f has 4 and 1 known negatives there.
    histogram = details["histograms"]["click"]["candidate"]
    cells, counts = histogram["groups"]["f"]["0"]
    assert histogram["thresholds"] == pytest.approx([0, 0.45, 1], abs=1e-6) and cells == [1, 2]
    assert counts == [4 * COPIES, 1 * COPIES]
    assert load_details(evaluated[0], "age")["group_rows"] == {"old": 10 * COPIES, "young": 6 * COPIES}
    with pytest.raises(ValueError, match="no details of the group key `country`; it has those of"):
        load_details(evaluated[0], "country")


def test_in_a_groups_own_slice_gaps_are_undefined_and_errors_are_not(evaluated):
    for slice_metrics in tfma.load_metrics(evaluated[0]):
        keys = slice_metrics.slice_key.single_slice_keys
        if [(key.column, key.bytes_value) for key in keys] != [("group/gender", b"f")]:
            continue
        found = {pair.key.name: pair.value for pair in slice_metrics.metric_keys_and_values}
        assert math.isnan(found["arfg"].double_value.value)
        assert found["error/like"].double_value.value == pytest.approx(3 / 7)
        # Between ages, within women, there is a gap.
        assert not math.isnan(found["fpr_gap/like@age"].double_value.value)
        return
    pytest.fail("no slice group/gender:f")


def test_candidate_equal_to_baseline_gives_one(tmp_path, save_model, write_examples):
    model = save_model(tmp_path / "model", "candidate", THRESHOLDS["candidate"])
    data = write_examples(str(tmp_path / "data" / "rows"), hand_made_rows())
    config = build_eval_config(TASK_THRESHOLDS, ["gender"], EVALUATION, GateSettings(arfg_max=1.0), "0")
    # Our metric only, on the overall slice.
    del config.metrics_specs[:2], config.slicing_specs[1:]
    shared = [
        tfma.default_eval_shared_model(eval_saved_model_path=model, model_name=name, eval_config=config)
        for name in ("candidate", "baseline")
    ]
    tfma.run_model_analysis(
        shared,
        config,
        data_location=data,
        output_path=str(tmp_path / "evaluation"),
        extractors=custom_extractors(shared, config),
    )
    found = ours(str(tmp_path / "evaluation"))
    for name in ("arfg", "are", "fpr_gap_ratio/click", "error_ratio/like"):
        for end in ("", "/lower", "/upper"):
            assert found[name + end] == pytest.approx(1, abs=1e-6), name + end
    assert found["fpr_gap/like"] == found["fpr_gap_baseline/like"] == pytest.approx(0.75)
    assert verdict(str(tmp_path / "evaluation"), GateSettings(arfg_max=1.0), TASKS, ["gender"]).blessed
