"""Intervals over clusters of rows: against resampling of clusters, repeated rows and known truths."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from components.tradeoff_metrics.counting.accumulator import BASELINE, BLOCKS, CANDIDATE, GroupAccumulator
from components.tradeoff_metrics.counting.rows import block_of
from components.tradeoff_metrics.counting.sampling import ClusteredRows, IndependentRows
from components.tradeoff_metrics.figures.intervals import quantile, wilson
from components.tradeoff_metrics.figures.statistics import TradeoffStatistics, _coefficients
from components.tradeoff_metrics.summary import summarise

TASKS = ["click", "like"]


def accumulate(rows, user=None, blocks=BLOCKS):
    result = GroupAccumulator(TASKS, np.full((2, 2), 0.5), blocks=0 if user is None else blocks)
    block = None if user is None else block_of(np.char.encode(user.astype(str)), blocks)
    result.add_batch(**rows, block=block)
    return result


def user_rows(rng, users, per_user, spread=0.6, gap=0.12):
    """Impressions whose outcomes share their user's taste: rows of a user are alike, users are independent.

    FPR is Φ(q + spread·u) averaged over users u ~ N(0, 1), that is Φ(q / √(1 + spread²)).
    """
    group = rng.integers(0, 2, users)
    taste = rng.normal(size=(users, 2))
    user = np.repeat(np.arange(users), per_user)
    n = len(user)
    labels = (rng.random((n, 2)) < 0.3).astype(int)
    rate = true_rates(gap)[:, :, group[user]].transpose(0, 2, 1)
    cut = stats.norm.ppf(rate) * math.sqrt(1 + spread**2) + spread * taste[user]
    own, shared = rng.normal(size=(2, n, 2)), rng.normal(size=(1, n, 2))
    above = math.sqrt(0.5) * own + math.sqrt(0.5) * shared < cut
    scores = np.where(np.where(labels == 1, ~above, above), 0.75, 0.25)
    return dict(labels=labels, known=np.ones_like(labels), scores=scores, group=np.array(["f", "m"])[group[user]]), user


def true_rates(gap):
    """FPR by model, task and group [2, 2, 2]: gaps of ``gap`` / 2 in the candidate, ``gap`` in the baseline."""
    low = np.full((2, 2), 0.2)
    high = low + gap * np.array([[0.5, 0.5], [1.0, 1.0]])
    return np.stack([low, high], axis=-1)


def test_covariance_is_the_sum_over_clusters_of_what_each_moves():
    rng = np.random.default_rng(0)
    rows, user = user_rows(rng, users=40, per_user=6)
    # More blocks than users by far: hardly two share one, and those that do are looked up.
    accumulator = accumulate(rows, user, blocks=5000)
    result = TradeoffStatistics(accumulator)
    gap = result.gaps("fpr", BASELINE)[1]
    block = block_of(np.char.encode(user.astype(str)), 5000)
    above, label = rows["scores"][BASELINE, :, 1] > 0.5, rows["labels"][:, 1]
    moved = {}
    for g, sign in ((gap.highest, 1), (gap.lowest, -1)):
        negative = (rows["group"] == result.groups[g]) & (label == 0)
        rate = above[negative].mean()
        for b in np.unique(block):
            mine = negative & (block == b)
            moved[b] = moved.get(b, 0) + sign * (above[mine] - rate).sum() / negative.sum()
    z = np.array(list(moved.values()))
    expected = (z**2).sum() * len(z) / (len(z) - 1)
    assert result._sampling.covariance(gap.influence[None])[0, 0] == pytest.approx(expected, rel=1e-9)
    assert z.sum() == pytest.approx(0, abs=1e-12)


def test_deviations_equal_those_of_resampled_users():
    rng = np.random.default_rng(1)
    rows, user = user_rows(rng, users=1500, per_user=8)
    draws = []
    order = np.arange(len(user)).reshape(1500, 8)
    for _ in range(300):
        chosen = order[rng.integers(0, 1500, 1500)].ravel()
        sample = TradeoffStatistics(
            accumulate({k: v[:, chosen] if k == "scores" else v[chosen] for k, v in rows.items()})
        )
        draws.append(
            [sample.gap_ratios("fpr")[1].value, sample.error_ratios()[1].value, sample.errors(CANDIDATE)[0].value]
        )
    clustered, independent = TradeoffStatistics(accumulate(rows, user)), TradeoffStatistics(accumulate(rows))
    for clustered_estimate, independent_estimate, expected in zip(
        (clustered.gap_ratios("fpr")[1], clustered.error_ratios()[1], clustered.errors(CANDIDATE)[0]),
        (independent.gap_ratios("fpr")[1], independent.error_ratios()[1], independent.errors(CANDIDATE)[0]),
        np.std(draws, axis=0),
        strict=True,
    ):
        assert clustered_estimate.value == independent_estimate.value
        width = (clustered_estimate.upper - clustered_estimate.lower) / (2 * clustered.z)
        assert width == pytest.approx(expected, rel=0.15)
        assert width >= (independent_estimate.upper - independent_estimate.lower) / (2 * independent.z)


@pytest.mark.parametrize("copies", [1, 3, 10])
def test_copies_of_a_row_are_worth_one(copies):
    rng = np.random.default_rng(2)
    rows, _ = user_rows(rng, users=400, per_user=1)
    user = np.repeat(np.arange(400), copies)
    repeated = {k: np.repeat(v, copies, axis=1 if k == "scores" else 0) for k, v in rows.items()}
    blocks = 100_000
    once = TradeoffStatistics(accumulate(rows, np.arange(400), blocks))
    result = TradeoffStatistics(accumulate(repeated, user, blocks))
    for kind in ("fpr", "tpr", "error"):
        a, b = _coefficients(kind, CANDIDATE)
        effects = result._sampling.design_effects(a, b)[0]
        np.testing.assert_allclose(effects, copies * once._sampling.design_effects(a, b)[0], rtol=0.01 * copies)
    for left, right in zip(result.gap_ratios("fpr")[0], once.gap_ratios("fpr")[0], strict=True):
        np.testing.assert_allclose([left.lower, left.upper], [right.lower, right.upper], rtol=1e-9, equal_nan=True)


def test_rows_that_are_their_own_clusters_are_independent():
    rng = np.random.default_rng(3)
    rows, _ = user_rows(rng, users=6000, per_user=1)
    clustered = TradeoffStatistics(accumulate(rows, np.arange(6000)))
    independent = TradeoffStatistics(accumulate(rows))
    for kind in ("fpr", "tpr"):
        for left, right in zip(clustered.gaps(kind, CANDIDATE), independent.gaps(kind, CANDIDATE), strict=True):
            width = right.estimate.upper - right.estimate.lower
            # 256 blocks know a deviation to 4 %, and an effect below 1 counts as 1.
            assert left.estimate.upper - left.estimate.lower == pytest.approx(width, rel=0.2)
    assert isinstance(independent._sampling, IndependentRows) and isinstance(clustered._sampling, ClusteredRows)


def test_only_clusters_cover_the_truth_where_rows_of_a_user_are_alike():
    rng = np.random.default_rng(4)
    truth = {"fpr": 0.2, "gap": 0.12, "arfg": 0.5}
    covered = {sampling: dict.fromkeys(truth, 0) for sampling in ("clusters", "rows")}
    draws = 300
    for _ in range(draws):
        rows, user = user_rows(rng, users=800, per_user=12)
        for sampling, named in (("clusters", user), ("rows", None)):
            result = TradeoffStatistics(accumulate(rows, named))
            found = {
                "fpr": result.rate("fpr", CANDIDATE, 0, 0),
                "gap": result.gaps("fpr", BASELINE)[0].estimate,
                "arfg": result.gap_ratios("fpr")[1],
            }
            for name, estimate in found.items():
                covered[sampling][name] += estimate.lower <= truth[name] <= estimate.upper
    for name in truth:
        assert 0.92 <= covered["clusters"][name] / draws <= 0.98, (name, covered)
        # Candidate and baseline share the users, so part of what users differ by cancels in a ratio.
        assert covered["rows"][name] / draws < (0.93 if name == "arfg" else 0.9), (name, covered)


def test_a_user_in_both_groups_makes_their_rates_move_together():
    # Groups are of the item here, and every user sees both: what is his own cancels in the gap.
    rng = np.random.default_rng(5)
    rows, user = user_rows(rng, users=600, per_user=10, spread=1.5)
    rows["group"] = np.tile(["f", "m"], len(user) // 2)
    result = TradeoffStatistics(accumulate(rows, user))
    gap = result.gaps("fpr", CANDIDATE)[0]
    parts = np.stack([np.where(np.arange(2)[:, None] == g, gap.influence, 0) for g in (gap.highest, gap.lowest)])
    parts[1] *= -1
    assert result._sampling.correlation(parts) > 0.3
    apart = [result.rate("fpr", CANDIDATE, g, 0) for g in (gap.highest, gap.lowest)]
    if_unrelated = math.hypot(apart[0].value - apart[0].lower, apart[1].upper - apart[1].value)
    assert gap.estimate.upper - gap.estimate.value < 0.9 * if_unrelated


def test_a_rate_of_zero_takes_the_effect_over_all_rows():
    rng = np.random.default_rng(6)
    rows, user = user_rows(rng, users=300, per_user=10, spread=1.0)
    women = rows["group"] == "f"
    rows["scores"][CANDIDATE, women & (rows["labels"][:, 0] == 0), 0] = 0.25
    result = TradeoffStatistics(accumulate(rows, user))
    each, pooled = result.design_effects("fpr", CANDIDATE)
    assert each[0, 0] == pooled[0] > 1.2
    n = result.counts("fpr", CANDIDATE)[1][0, 0]
    assert result.rate("fpr", CANDIDATE, 0, 0).upper == pytest.approx(wilson(0, n / pooled[0], result.z)[1])


def test_rows_of_one_user_give_values_and_no_interval():
    rng = np.random.default_rng(7)
    rows, user = user_rows(rng, users=20, per_user=10)
    estimates, details = summarise(accumulate(rows, np.zeros_like(user)), "gender", None, cluster="user_id")
    named = {str(name): estimate for name, estimate in estimates.items()}
    assert 0 < named["error/click"].value < 1
    assert (named["error/click"].lower, named["error/click"].upper) == (0, 1)
    assert math.isnan(named["are"].lower) and "one cluster" in named["are"].reason
    assert (named["error_difference/like"].lower, named["error_difference/like"].upper) == (-1, 1)
    assert details["cluster"] == "user_id"


def test_quantile_is_students_with_a_degree_of_freedom_less_than_blocks():
    assert quantile(0.95, 256) == pytest.approx(stats.t.ppf(0.975, 255))
    assert quantile(0.9, 2) == pytest.approx(stats.t.ppf(0.95, 1))
    assert quantile(0.95, 1) == quantile(0.95, 0) == math.inf


def test_joint_quantile():
    independent = IndependentRows(np.zeros((1, 12, 12)))
    assert independent.joint_quantile(0.95, 2) == pytest.approx(stats.chi2.ppf(0.95, 2))
    assert independent.joint_quantile(0.95, 1) == pytest.approx(independent.quantile(0.95) ** 2)
    sums = np.ones((1, 30, 6))
    clustered = ClusteredRows(sums)
    assert clustered.joint_quantile(0.95, 1) == pytest.approx(clustered.quantile(0.95) ** 2)
    assert clustered.joint_quantile(0.95, 3) == pytest.approx(3 * 29 / 27 * stats.f.ppf(0.95, 3, 27))
    assert clustered.joint_quantile(0.95, 30) == math.inf


def test_a_users_block_is_the_same_in_every_process():
    users = np.array([b"u1", b"u2", "ü".encode(), b"u1"], object)
    here = block_of(users, BLOCKS)
    assert here[0] == here[3] and here.dtype == np.int64
    code = (
        "import numpy as np; from components.tradeoff_metrics.counting.rows import block_of; "
        "print(block_of(np.array([b'u1', b'u2', 'ü'.encode(), b'u1'], object), 256).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stdout.splitlines()[-1] == str(here.tolist())
    many = np.bincount(block_of(np.arange(50_000).astype("S"), BLOCKS), minlength=BLOCKS)
    assert stats.chisquare(many).pvalue > 1e-4


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_sharding_does_not_matter(seed, parts):
    rng = np.random.default_rng(seed)
    rows, user = user_rows(rng, users=10, per_user=4)
    whole = accumulate(rows, user)
    shard = rng.integers(0, parts, len(user))
    merged = GroupAccumulator(TASKS, np.full((2, 2), 0.5), blocks=BLOCKS)
    for part in rng.permutation(parts):
        mine = shard == part
        merged.merge(accumulate({k: v[:, mine] if k == "scores" else v[mine] for k, v in rows.items()}, user[mine]))
    order = [merged.groups.index(group) for group in whole.groups]
    np.testing.assert_array_equal(merged.block_sums[order], whole.block_sums)


def test_blocks_and_clusters_come_together():
    rows, user = user_rows(np.random.default_rng(8), users=5, per_user=2)
    with pytest.raises(ValueError, match="'block'"):
        GroupAccumulator(TASKS, np.full((2, 2), 0.5), blocks=4).add_batch(**rows)
    with pytest.raises(ValueError, match="'block'"):
        GroupAccumulator(TASKS, np.full((2, 2), 0.5)).add_batch(**rows, block=user)
    with pytest.raises(ValueError, match="same tasks, blocks and thresholds"):
        accumulate(rows, user).merge(accumulate(rows))
