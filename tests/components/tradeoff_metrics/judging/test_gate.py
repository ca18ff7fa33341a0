"""The verdict against TFMA's own validator, on evaluations written as TFMA writes them."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from components.tradeoff_metrics.judging.bounds import bounds
from components.tradeoff_metrics.judging.gate import verdict
from components.tradeoff_metrics.metrics import TradeoffCombiner
from components.tradeoff_metrics.registry import Limit, Metric, register, unregister
from components.tradeoff_metrics.settings import EvaluationSettings, GateBounds, GateSettings
from pipeline.evaluation import build_eval_config

TASKS, GROUPS = ["like", "click"], ["gender", "age"]
THRESHOLDS = np.full((2, 2), 0.5)


def cells(group, age, label, predictions, count):
    """``count`` rows of both tasks: label, then what (candidate, baseline) predict."""
    scores = np.repeat(np.array(predictions, float)[:, None], 2, axis=0)
    block = np.concatenate([np.full((2, 1), label, float), np.ones((2, 1)), scores])
    return np.repeat(block, count, axis=1), [np.full(count, group.encode()), np.full(count, age.encode())]


def evaluation(path, parts, gate, min_count=1):
    """Writes what the Evaluator would: metrics of the overall slice and TFMA's validation of them."""
    combiner = TradeoffCombiner(TASKS, GROUPS, "candidate", bins=10, confidence=0.95, min_count=min_count)
    accumulator = combiner.create_accumulator()
    for block, values in parts:
        accumulator.add(block, values, THRESHOLDS)
    metrics = combiner.extract_output(accumulator)
    config = build_eval_config([(task, "base_rate") for task in TASKS], GROUPS, EvaluationSettings(), gate, "0")
    for spec in config.metrics_specs:
        spec.model_names.extend(["candidate", "baseline"])
    del config.metrics_specs[:2]
    proto = tfma_writer.convert_slice_metrics_to_proto(((), metrics), None)
    for name, message in (
        ("metrics", proto),
        ("validations", metrics_validator.validate_metrics(((), metrics), config)),
    ):
        with tf.io.TFRecordWriter(str(path / f"{name}-00000-of-00001.tfrecord")) as writer:
            writer.write(message.SerializeToString())
    return str(path)


def example():
    """FPR of the candidate: f 20/100, m 5/100; of the baseline: f 40/100, m 10/100. No positive is missed.

    Gap 0.15 against 0.3: ratio 1/2. Errors 25/300 against 50/300: ratio 1/2. Both tasks alike. Ages are alike: young
    10 + 2 + 3, old 10 + 3 + 2 false positives of the candidate.
    """
    parts = []
    for group, both, baseline_only in (("f", 20, 20), ("m", 5, 5)):
        for age, share in (("young", 0.5), ("old", 0.5)):
            half = [math.floor(both * share), math.floor(baseline_only * share)]
            if group == "m":
                half = [2, 3] if age == "young" else [3, 2]
            parts.append(cells(group, age, 0, (1, 1), half[0]))
            parts.append(cells(group, age, 0, (0, 1), half[1]))
            parts.append(cells(group, age, 0, (0, 0), 50 - sum(half)))
            parts.append(cells(group, age, 1, (1, 1), 25))
    return parts


def judge(tmp_path, gate, parts=None, min_count=1):
    return verdict(evaluation(tmp_path, parts or example(), gate, min_count), gate, TASKS, GROUPS)


def test_all_bounds_hold(tmp_path):
    gate = GateSettings(
        arfg_max=0.6,
        are_max=0.6,
        fpr_gap_max=0.2,
        fpr_gap_ratio_max=0.6,
        tpr_gap_max=0,
        worst_group_error_max=0.2,
        worst_group_auc_min=0.85,
        worst_cell_error_max=0.2,
        worst_cell_auc_min=0.85,
        delta_p_min=45,
        error_difference_max=-0.05,
        negative_transfer_count_max=0,
        min_negatives=100,
        min_positives={"like": 50},
    )
    result = judge(tmp_path, gate)
    assert result.blessed and result.reasons == []
    assert len(result.bounds) == 4 + 9 * 2 + 1
    assert all(bound.ok and "within the bound" in bound.sentence for bound in result.bounds)


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (
            {"fpr_gap_max": {"click": 0.1}},
            "the FPR gap of task `click` between the groups of `gender` is 0.15 [0.05915, 0.2433], above the bound 0.1: "
            "`f` 0.2 (20 of 100 negatives) against `m` 0.05 (5 of 100 negatives)",
        ),
        (
            {"worst_group_error_max": {"like": 0.1}},
            "the error of task `like` in the worst group of `gender` is 0.1333 [0.088, 0.197], above the bound 0.1: "
            "`f` 0.1333 (20 of 150 rows)",
        ),
        # All positives of f score 1, as 20 of its 100 negatives do: AUC 0.9, variance (20 · 0.16 + 80 · 0.01) / (100 · 99).
        (
            {"worst_group_auc_min": {"like": 0.95}},
            "the AUC of task `like` in the worst group of `gender` is 0.9 [0.8531, 0.9331], below the bound 0.95: `f` 0.9 "
            "(100 negatives, 50 positives)",
        ),
        (
            {"worst_cell_auc_min": {"like": 0.95}},
            "the lowest subgroup, BPSN or BNSP AUC of task `like` over the groups of `gender` is 0.9 [0.8531, 0.9331], "
            "below the bound 0.95: `f` 0.9, its negatives against its positives (100 negatives, 50 positives)",
        ),
        (
            {"worst_cell_error_max": {"click": 0.1}},
            "the error of task `click` in the worst cell of label and group of `gender` is 0.2 [0.1334, 0.2888], above the "
            "bound 0.1: `f` 0.2 (20 of 100 negatives)",
        ),
        (
            {"error_difference_max": {"click": -0.1}},
            "the error of task `click` minus that of the single-task baseline is -0.08333 [-0.1146, -0.05206], above the "
            "bound -0.1: 0.08333 against 0.1667",
        ),
        (
            {"min_negatives": {"like": 101}},
            "the number of known negatives of task `like` in the smallest group of `gender` is 100, below the bound 101: "
            "`f`",
        ),
    ],
)
def test_a_failed_bound_is_told_with_task_group_value_interval_counts_and_limit(tmp_path, gate, expected):
    result = judge(tmp_path, GateSettings(**gate))
    assert not result.blessed
    assert result.reasons == [expected]


def worse(tmp_path, gate, surely=40):
    """The candidate of `surely` more false positives than the baseline among 100 negatives, and none less."""
    parts = [
        cells("f", "old", 0, (1, 0), surely),
        cells("f", "old", 0, (1, 1), 10),
        cells("f", "old", 0, (0, 0), 90 - surely),
    ]
    return judge(tmp_path, gate, [*parts, cells("m", "young", 1, (1, 1), 50)])


def test_negative_transfer_names_the_tasks(tmp_path):
    result = worse(tmp_path, GateSettings(negative_transfer_count_max=1))
    assert result.reasons == [
        "the number of tasks that are surely worse than the single-task baseline is 2 [2, 2], above the bound 1: surely "
        "`like` +0.2667, `click` +0.2667"
    ]
    (tmp_path / "a").mkdir()
    assert worse(tmp_path / "a", GateSettings(negative_transfer_count_max=2)).blessed


def test_on_interval_a_task_that_is_possibly_worse_counts(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert worse(tmp_path / "a", GateSettings(negative_transfer_count_max=0), surely=1).blessed
    result = worse(tmp_path / "b", GateSettings(on="interval", negative_transfer_count_max=0), surely=1)
    assert result.reasons == [
        "the number of tasks that are surely worse than the single-task baseline is 0 [0, 2]; its upper end is above the "
        "bound 0: possibly `like` +0.006667, `click` +0.006667"
    ]


def test_delta_p_and_minima_are_held_against_the_lower_end(tmp_path):
    gate = GateSettings(on="interval", delta_p_min=45, worst_group_auc_min={"like": 0.87})
    assert [(bound.key, bound.end) for bound in bounds(gate, TASKS, GROUPS)] == [
        ("delta_p/lower", "lower"),
        ("worst_group_auc/like/lower", "lower"),
    ]
    result = judge(tmp_path, gate)
    delta, auc = result.reasons
    assert delta.startswith("Δp in percent (higher is better) is 50 [")
    assert "; its lower end is below the bound 45: `like` 50, `click` 50" in delta
    assert "is 0.9 [0.8531, 0.9331]; its lower end is below the bound 0.87: `f` 0.9" in auc
    assert [bound.compared for bound in result.bounds] == [bound.lower for bound in result.bounds]


def test_cells_with_too_few_rows_are_named_by_a_bound_that_fails(tmp_path):
    # No positive of m.
    parts = [cells("f", "old", 0, (1, 0), 6), cells("f", "old", 1, (1, 1), 5), cells("m", "old", 0, (0, 0), 5)]
    parts.append(cells("f", "old", 0, (0, 0), 5))
    result = judge(tmp_path, GateSettings(worst_cell_error_max={"like": 0.5}), parts)
    assert result.reasons[0].endswith("`f` 0.5455 (6 of 11 negatives); too few rows, left out: `m` (0 positives)")


def test_a_perfect_auc_fails_on_interval_with_the_reason(tmp_path):
    parts = [cells(group, "old", label, (label, label), 20) for group in "fm" for label in (0, 1)]
    result = judge(tmp_path, GateSettings(on="interval", worst_group_auc_min={"like": 0.9}), parts)
    assert result.reasons == [
        "the AUC of task `like` in the worst group of `gender` is 1 with an unbounded interval, where the gate bounds its "
        "lower end by 0.9: an AUC of 1 shows no variance to make an interval of"
    ]


def test_ratios_are_told_with_both_models_and_means_with_each_task(tmp_path):
    result = judge(tmp_path, GateSettings(arfg_max=0.4, are_max=0.4, fpr_gap_ratio_max={"like": 0.45}))
    are, arfg, ratio = result.reasons
    assert are.startswith("ARE is 0.5 [") and are.endswith("above the bound 0.4: `like` 0.5, `click` 0.5")
    assert arfg.startswith("ARFG between the groups of `gender` is 0.5 [")
    assert "candidate `f` 0.2 (20 of 100 negatives) against `m` 0.05" in ratio
    assert "baseline `f` 0.4 (40 of 100 negatives) against `m` 0.1 (10 of 100 negatives)" in ratio


def test_a_figure_beyond_its_bound_has_as_many_digits_as_show_it(tmp_path):
    """20 of 150 rows of the worst group are wrong: 0.13333…"""
    (reason,) = judge(tmp_path, GateSettings(worst_group_error_max={"like": 0.1333})).reasons
    assert "is 0.13333 [0.088, 0.197], above the bound 0.1333: `f` 0.1333 (20 of 150 rows)" in reason
    # A limit of five digits that four do not tell from the figure.
    (reason,) = judge(tmp_path, GateSettings(worst_group_error_max={"like": 0.13332})).reasons
    assert "is 0.13333 [0.088, 0.197], above the bound 0.13332" in reason
    (held,) = judge(tmp_path, GateSettings(worst_group_error_max={"like": 0.13334})).bounds
    assert "is 0.1333 [0.088, 0.197], within the bound 0.13334" in held.sentence


def test_on_interval_the_upper_end_is_compared(tmp_path):
    gate = GateSettings(on="interval", fpr_gap_max=0.2)
    result = judge(tmp_path, gate)
    assert not result.blessed
    assert result.reasons[0].startswith(
        "the FPR gap of task `like` between the groups of `gender` is 0.15 [0.05915, 0.2433]; its upper end is above the "
        "bound 0.2: `f`"
    )


def test_undefined_arfg_fails_with_the_reason(tmp_path):
    # Alike in both groups for the baseline: its gap is 0.
    parts = [cells("f", "old", 0, (1, 1), 5), cells("m", "old", 0, (0, 1), 5), cells("m", "old", 0, (0, 0), 5)]
    parts.append(cells("f", "old", 0, (0, 0), 5))
    result = judge(tmp_path, GateSettings(arfg_max=5, fpr_gap_max=1), parts)
    assert not result.blessed
    assert result.reasons == [
        "ARFG between the groups of `gender` is undefined, and so cannot be within the bound 5: the baseline's FPR gap of "
        "task `like` is 0; the baseline's FPR gap of task `click` is 0"
    ]


def test_a_metric_of_ones_own_is_judged_by_tfma_as_by_the_gate(tmp_path):
    row = Metric(
        key="misses",
        title="Share of missed positives",
        unit="percent",
        scope="group_task",
        better="lower",
        compute=lambda statistics, model: [found.estimate for found in statistics.gaps("fnr", model)],
        limit=Limit("misses_max"),
    )
    register(row)
    try:
        for limit in (0, 0.1):
            folder = tmp_path / str(limit)
            folder.mkdir()
            parts = [*example(), cells("f", "old", 1, (0, 1), 5)]
            result = judge(folder, GateSettings(misses_max={"like": limit}), parts)
            assert result.blessed == (limit == 0.1)
        folder = tmp_path / "later"
        folder.mkdir()
        path = evaluation(folder, example(), GateSettings(are_max=2, misses_max=1))
    finally:
        unregister("misses")
    # A bound on what no evaluation of these settings could hold is refused when they are read, not after the training.
    with pytest.raises(ValueError, match="misses_max\n  Extra inputs are not permitted"):
        GateSettings(are_max=2, misses_max=1)
    with pytest.raises(RuntimeError, match="disagree"):
        verdict(path, GateSettings(are_max=0.1), TASKS, GROUPS)


DEFAULT = EvaluationSettings().min_count


def one_row():
    """A group of one row, on which the baseline is wrong and the candidate is not: a gap of 0.9, and one of 0.1."""
    parts = [cells("m", "old", 0, (1, 1), 20), cells("m", "old", 0, (0, 0), 180), cells("m", "young", 1, (1, 1), 50)]
    return [*parts, cells("f", "old", 0, (0, 1), 1), cells("m", "young", 0, (1, 0), 30)]


def test_a_group_of_one_row_blesses_nothing(tmp_path):
    for number, gate in enumerate(({"arfg_max": 0.8}, {"fpr_gap_max": 0.5}, {"fpr_gap_ratio_max": 0.8})):
        (tmp_path / str(number)).mkdir()
        result = judge(tmp_path / str(number), GateSettings(**gate), one_row(), DEFAULT)
        assert not result.blessed
        assert "a gap needs two groups with 10 known negatives or more of task `like`" in result.reasons[0]
        assert "in the test split; `m` has 230, `f` has 1" in result.reasons[0]


def test_a_small_group_beside_others_is_named_with_its_rows(tmp_path):
    parts = [*example(), cells("x", "old", 0, (0, 1), 3)]
    result = judge(tmp_path, GateSettings(fpr_gap_max={"like": 0.2}), parts, DEFAULT)
    assert result.blessed
    assert result.bounds[0].sentence.endswith("(5 of 100 negatives); too few negatives, left out: `x` 3")


def test_a_handful_of_rows_is_not_called_fair(tmp_path):
    parts = [cells("f", "old", 0, (0, 0), 3), cells("m", "old", 0, (1, 1), 30), cells("m", "young", 0, (0, 0), 270)]
    result = judge(tmp_path, GateSettings(on="interval", fpr_gap_ratio_max={"like": 1}), parts)
    assert not result.blessed
    assert result.reasons[0].endswith(
        "the interval of the baseline's FPR gap of task `like` holds 0: too few negatives in the test split to say whether "
        "the baseline is fair (`f` 3 and `m` 300)"
    )


def test_one_group_only_fails_with_the_reason(tmp_path):
    result = judge(tmp_path, GateSettings(fpr_gap_max={"like": 1}), [cells("f", "old", 0, (1, 0), 9)])
    assert "; `f` has 9" in result.reasons[0] and "a gap needs two groups" in result.reasons[0]


def test_unbounded_interval_fails_on_interval_only(tmp_path):
    gate = {"per_group": {"age": GateBounds(arfg_max=1000)}, "fpr_gap_max": 1}
    # Between ages the baseline has a gap of 0.1 ± 0.2 that may as well be 0.
    parts = [cells("f", "old", 0, (1, 1), 12), cells("f", "old", 0, (0, 0), 28)]
    parts += [cells("m", "young", 0, (1, 1), 8), cells("m", "young", 0, (0, 0), 32)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert judge(tmp_path / "a", GateSettings(**gate), parts).blessed
    result = judge(tmp_path / "b", GateSettings(on="interval", **gate), parts)
    assert len(result.reasons) == 1
    assert "ARFG between the groups of `age` is 1 with an unbounded interval" in result.reasons[0]
    assert "the baseline is already fair here, read the absolute gap (negatives in the test split:" in result.reasons[0]


def test_other_groups_have_their_own_bounds(tmp_path):
    gate = GateSettings(fpr_gap_max=0.2, per_group={"age": GateBounds(fpr_gap_max=0.001)})
    assert [(b.key, b.group, b.limit) for b in bounds(gate, ["like"], GROUPS)] == [
        ("fpr_gap/like", "gender", 0.2),
        ("fpr_gap/like@age", "age", 0.001),
    ]
    result = judge(tmp_path, GateSettings(fpr_gap_max=0.2, per_group={"age": GateBounds(fpr_gap_max={"like": 0.005})}))
    assert len(result.reasons) == 1 and "`old` 0.13 (13 of 100 negatives) against `young` 0.12" in result.reasons[0]


def test_a_verdict_that_tfma_does_not_share_is_an_error(tmp_path):
    path = evaluation(tmp_path, example(), GateSettings(fpr_gap_max=0.2))
    with pytest.raises(RuntimeError, match="TFMA's validation .* and the gate disagree"):
        verdict(path, GateSettings(fpr_gap_max=0.1), TASKS, GROUPS)


def test_an_evaluation_of_other_groups_is_refused(tmp_path):
    path = evaluation(tmp_path, example(), GateSettings(fpr_gap_max=0.2))
    with pytest.raises(ValueError, match="should hold `tradeoff_details@country` for the group `country`"):
        verdict(path, GateSettings(fpr_gap_max=0.2), TASKS, ["gender", "country"])


LIMIT = st.none() | st.floats(0.01, 3)
ROWS = st.integers(1, 80)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from(["value", "interval"]),
    st.lists(LIMIT, min_size=14, max_size=14),
    st.integers(1, 80),
)
def test_verdict_always_equals_tfmas(tmp_path_factory, seed, on, limits, rows):
    names = [
        "arfg_max",
        "fpr_gap_max",
        "fpr_gap_ratio_max",
        "tpr_gap_max",
        "tpr_gap_ratio_max",
        "worst_group_error_max",
        "worst_cell_error_max",
        "negative_transfer_count_max",
    ]
    lowest = ["worst_group_auc_min", "worst_cell_auc_min"]
    own = {name: limit for name, limit in zip(names, limits, strict=False) if limit is not None}
    own |= {name: limit / 3 for name, limit in zip(lowest, limits[8:10], strict=True) if limit is not None}
    own |= {name: limit - 1 for name, limit in (("error_difference_max", limits[10]),) if limit is not None}
    own |= {name: 100 * (limit - 2) for name, limit in (("delta_p_min", limits[11]),) if limit is not None}
    per_group = {"age": GateBounds(arfg_max=limits[12], worst_cell_error_max=limits[13])}
    gate = GateSettings(on=on, **own, are_max=limits[9], min_negatives=rows / 4, per_group=per_group)
    rng = np.random.default_rng(seed)
    parts = [
        cells(
            rng.choice(["f", "m", "unknown"]),
            rng.choice(["old", "young"]),
            rng.integers(0, 2),
            rng.integers(0, 2, 2),
            1,
        )
        for _ in range(rows)
    ]
    result = judge(tmp_path_factory.mktemp("evaluation"), gate, parts)
    assert result.blessed == (not result.reasons) == all(bound.ok for bound in result.bounds)
    assert len(result.reasons) == sum(not bound.ok for bound in result.bounds)
