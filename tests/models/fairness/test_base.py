"""What holds for every fairness loss: masks, weights, groups, reductions, and the degenerate batches."""

import models  # noqa: F401

# isort: split
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.fairness.base import REDUCTIONS, FairnessLoss


class CountingLoss(FairnessLoss):
    """Distance of weighted mean scores: small enough to reduce by hand."""

    def contrasts(self, scores, first, second):
        def mean(masses):
            return tf.math.divide_no_nan(tf.linalg.matvec(masses, scores), tf.reduce_sum(masses, axis=1))

        return tf.abs(mean(first) - mean(second))


# Means of the groups: 0.1, 0.3, 0.8. Against the rest: |0.1 − 0.55|, |0.3 − 0.45|, |0.8 − 0.2|.
SCORES = [0.1, 0.1, 0.3, 0.3, 0.8, 0.8]
GROUP = [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    "reduction, expected",
    [
        ("mean_pairs", (0.2 + 0.7 + 0.5) / 3),
        ("max_pairs", 0.7),
        ("mean_rest", (0.45 + 0.15 + 0.6) / 3),
        ("max_rest", 0.6),
    ],
)
def test_reductions_by_hand(reduction, expected, value_and_gradient):
    value, _ = value_and_gradient(CountingLoss(3, reduction), SCORES, GROUP)
    assert value == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("reduction, expected", [("mean_pairs", 0.2), ("max_pairs", 0.2), ("mean_rest", 0.2)])
def test_an_empty_group_is_not_counted_in_the_mean(reduction, expected, value_and_gradient):
    value, _ = value_and_gradient(CountingLoss(4, reduction), SCORES[:4], GROUP[:4])
    assert value == pytest.approx(expected, abs=1e-6)


def test_maximum_moves_the_worst_pair_only(value_and_gradient):
    _, gradient = value_and_gradient(CountingLoss(3, "max_pairs"), SCORES, GROUP)
    np.testing.assert_allclose(gradient, [-0.5, -0.5, 0, 0, 0.5, 0.5], atol=1e-6)


def random_batch(rng, rows, groups, ties=False):
    scores = rng.random(rows).astype(np.float32)
    if ties:
        scores = np.round(scores * 8) / 8
    return scores, rng.integers(-1, groups, rows), rng.random(rows) < 0.7


def test_two_groups_make_all_reductions_agree(loss_type, value_and_gradient):
    batch = random_batch(np.random.default_rng(0), 60, 2)
    value, gradient = value_and_gradient(loss_type(2, REDUCTIONS[0]), *batch)
    assert value > 1e-4
    for reduction in REDUCTIONS[1:]:
        other, other_gradient = value_and_gradient(loss_type(2, reduction), *batch)
        assert other == value
        np.testing.assert_array_equal(other_gradient, gradient)


def test_pairs_are_two_group_losses(loss_type, value_and_gradient):
    scores, group, mask = random_batch(np.random.default_rng(1), 90, 3)
    pairs = []
    for a, b in itertools.combinations(range(3), 2):
        pair = np.where(group == a, 0, np.where(group == b, 1, -1))
        pairs.append(value_and_gradient(loss_type(2, "mean_pairs"), scores, pair, mask))
    mean, gradient = value_and_gradient(loss_type(3, "mean_pairs"), scores, group, mask)
    worst, _ = value_and_gradient(loss_type(3, "max_pairs"), scores, group, mask)
    assert mean == pytest.approx(np.mean([value for value, _ in pairs]), rel=1e-4, abs=1e-7)
    assert worst == pytest.approx(np.max([value for value, _ in pairs]), rel=1e-4, abs=1e-7)
    np.testing.assert_allclose(gradient, np.mean([part for _, part in pairs], axis=0), rtol=1e-3, atol=1e-6)


def test_rest_is_a_two_group_loss_against_all_others(loss_type, value_and_gradient):
    scores, group, mask = random_batch(np.random.default_rng(2), 90, 3)
    rests = []
    for a in range(3):
        rest = np.where(group == a, 0, np.where(group >= 0, 1, -1))
        rests.append(value_and_gradient(loss_type(2, "mean_pairs"), scores, rest, mask)[0])
    assert value_and_gradient(loss_type(3, "mean_rest"), scores, group, mask)[0] == pytest.approx(
        np.mean(rests), rel=1e-4
    )
    assert value_and_gradient(loss_type(3, "max_rest"), scores, group, mask)[0] == pytest.approx(
        np.max(rests), rel=1e-4
    )


NO_LOSS = {
    "no rows": ([], [], []),
    "empty mask": ([0.2, 0.9, 0.4], [0, 1, 0], [False] * 3),
    "one group": ([0.2, 0.9, 0.4], [0, 0, 0], [True] * 3),
    "one group inside the mask": ([0.2, 0.9, 0.4], [0, 1, 0], [True, False, True]),
    "no known group": ([0.2, 0.9, 0.4], [-1, -1, -1], [True] * 3),
    "one row": ([0.2], [1], [True]),
}


@pytest.mark.parametrize("case", sorted(NO_LOSS))
def test_nothing_to_compare_gives_zero_and_zero_gradient(case, loss_type, value_and_gradient):
    scores, group, mask = NO_LOSS[case]
    for n_groups, reduction in itertools.product((2, 3), REDUCTIONS):
        loss = loss_type(n_groups, reduction)
        value, gradient = value_and_gradient(loss, scores, np.array(group, np.int64), np.array(mask, bool))
        assert value == 0.0
        np.testing.assert_array_equal(gradient, np.zeros(len(scores)))


def test_a_single_declared_group_gives_zero(loss_type, value_and_gradient):
    for reduction in REDUCTIONS:
        value, gradient = value_and_gradient(loss_type(1, reduction), [0.2, 0.9], [0, 0])
        assert value == 0.0 and not gradient.any()


@pytest.mark.parametrize("score", [0.0, 0.3, 0.1 + 0.2, 1 / 3, 1.0])
@pytest.mark.parametrize("rows", [2, 7, 1001])
def test_constant_scores_give_zero_and_zero_gradient(score, rows, loss_type, value_and_gradient):
    group = np.random.default_rng(3).integers(0, 2, rows)
    group[:2] = [0, 1]
    weight = tf.constant(np.random.default_rng(4).random(rows) + 0.1, tf.float32)
    for given_weight in (None, weight):
        value, gradient = value_and_gradient(loss_type(2, "mean_pairs"), [score] * rows, group, weight=given_weight)
        assert value == 0.0
        np.testing.assert_array_equal(gradient, np.zeros(rows))


def test_mask_is_a_filter(loss_type, value_and_gradient):
    scores, group, mask = random_batch(np.random.default_rng(5), 80, 3)
    keep = mask & (group >= 0)
    for reduction in REDUCTIONS:
        loss = loss_type(3, reduction)
        value, gradient = value_and_gradient(loss, scores, group, mask)
        filtered, filtered_gradient = value_and_gradient(loss, scores[keep], group[keep])
        assert value == pytest.approx(filtered, rel=1e-5, abs=1e-7)
        np.testing.assert_allclose(gradient[keep], filtered_gradient, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(gradient[~keep], 0)


def test_rows_outside_the_mask_may_hold_anything(loss_type, value_and_gradient):
    scores, group, mask = random_batch(np.random.default_rng(6), 40, 2)
    mask[:3] = False
    value, gradient = value_and_gradient(loss_type(2, "mean_pairs"), scores, group, mask)
    scores[:3] = [np.nan, np.inf, -np.inf]
    dirty, dirty_gradient = value_and_gradient(loss_type(2, "mean_pairs"), scores, group, mask)
    assert dirty == value
    np.testing.assert_array_equal(dirty_gradient, gradient)


def test_a_weight_is_a_number_of_copies(loss_type, value_and_gradient):
    rng = np.random.default_rng(7)
    scores, group, mask = random_batch(rng, 50, 3)
    copies = rng.integers(0, 4, 50)
    for reduction in REDUCTIONS:
        loss = loss_type(3, reduction)
        value, _ = value_and_gradient(loss, scores, group, mask, tf.constant(copies, tf.float32))
        repeated, _ = value_and_gradient(loss, *(np.repeat(column, copies) for column in (scores, group, mask)))
        assert value == pytest.approx(repeated, rel=1e-4, abs=1e-6)


def test_weight_zero_is_absence(loss_type, value_and_gradient):
    scores, group, mask = random_batch(np.random.default_rng(8), 50, 2)
    weight = tf.constant(mask, tf.float32)
    weighted, weighted_gradient = value_and_gradient(loss_type(2, "mean_pairs"), scores, group, weight=weight)
    masked, masked_gradient = value_and_gradient(loss_type(2, "mean_pairs"), scores, group, mask)
    assert weighted == masked
    np.testing.assert_array_equal(weighted_gradient, masked_gradient)
    nobody, gradient = value_and_gradient(loss_type(2, "mean_pairs"), scores, group, weight=tf.zeros(50))
    assert nobody == 0.0 and not gradient.any()


def test_it_is_a_mean_not_a_sum(loss_type, value_and_gradient):
    scores, group, mask = random_batch(np.random.default_rng(9), 50, 2)
    value, gradient = value_and_gradient(loss_type(2, "mean_pairs"), scores, group, mask)
    twice, twice_gradient = value_and_gradient(
        loss_type(2, "mean_pairs"), *(np.tile(x, 2) for x in (scores, group, mask))
    )
    assert twice == pytest.approx(value, rel=1e-4, abs=1e-7)
    np.testing.assert_allclose(twice_gradient[:50] + twice_gradient[50:], gradient, rtol=1e-3, atol=1e-6)


@given(data=st.data(), rows=st.integers(0, 30), n_groups=st.integers(1, 4), reduction=st.sampled_from(REDUCTIONS))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_always_finite_and_never_negative(data, rows, n_groups, reduction, loss_type, value_and_gradient):
    score = st.sampled_from([0.0, 1e-30, 1e-7, 0.3, 0.5, 0.5 + 1e-7, 1.0]) | st.floats(
        0, 1, width=32, allow_subnormal=False
    )
    column = {"min_size": rows, "max_size": rows}
    scores = data.draw(st.lists(score, **column))
    group = data.draw(st.lists(st.integers(-1, n_groups - 1), **column))
    mask = data.draw(st.lists(st.booleans(), **column))
    value, gradient = value_and_gradient(
        loss_type(n_groups, reduction), scores, np.array(group, np.int32), np.array(mask, bool)
    )
    assert np.isfinite(value) and value > -1e-6
    assert np.isfinite(gradient).all()


def test_graph_mode_agrees_for_any_number_of_rows(loss_type, value_and_gradient):
    loss = loss_type(3, "mean_pairs")

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32),
            tf.TensorSpec([None], tf.int64),
            tf.TensorSpec([None], tf.bool),
        ]
    )
    def compiled(scores, group, mask):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = loss(scores, group, mask)
        return value, tape.gradient(value, scores)

    for rows in (0, 1, 2, 33, 128):
        batch = random_batch(np.random.default_rng(rows), rows, 3, ties=True)
        value, gradient = value_and_gradient(loss, *batch)
        other, other_gradient = compiled(*batch)
        assert value == pytest.approx(float(other), rel=1e-5, abs=1e-7)
        np.testing.assert_allclose(gradient, other_gradient, rtol=1e-4, atol=1e-6)


def test_result_is_a_float32_scalar_for_any_float_scores(loss_type):
    for dtype in (tf.bfloat16, tf.float32, tf.float64):
        value = loss_type(2, "mean_pairs")(
            tf.constant([0.25, 0.75], dtype), tf.constant([0, 1]), tf.constant([True, True])
        )
        assert value.dtype == tf.float32 and value.shape == ()


def test_config_rebuilds_the_loss(loss_type, value_and_gradient):
    loss = loss_type(3, "max_rest")
    rebuilt = type(loss).from_config(json.loads(json.dumps(loss.get_config())))
    batch = random_batch(np.random.default_rng(10), 40, 3)
    assert value_and_gradient(rebuilt, *batch)[0] == value_and_gradient(loss, *batch)[0]
    assert rebuilt.get_config() == loss.get_config()


@pytest.mark.parametrize(
    "arguments, message",
    [((0, "mean_pairs"), "`n_groups` should be at least 1"), ((2, "sum"), "`reduction` should be one of .*'sum'")],
)
def test_bad_arguments_are_named(arguments, message, loss_type):
    with pytest.raises(ValueError, match=message):
        loss_type(*arguments)
