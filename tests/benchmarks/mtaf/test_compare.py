"""Frontiers and hypervolumes by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.mtaf.compare import by_seed, compare, comparisons, settings_of
from benchmarks.mtaf.grid import NONE, SINGLE, SINGLE_FAIR, Setting
from tests.benchmarks.mtaf import made_up_tables as tables


def one(found, loss="mmd"):
    return compare(found, "validation", "shared_bottom", loss, 1.0)


def test_hypervolumes_by_hand():
    # Reference (1.1, 1.1). The start (1, 1) alone: 0.1 × 0.1 = 0.01.
    # vanilla adds (1.05, 0.6): (1.1 − 1.05) × (1.0 − 0.6) = 0.02 more: 0.03.
    # mtaf adds (1.0, 0.6): it dominates the start: 0.1 × 0.5 = 0.05.
    found = one(
        tables.table(
            {
                **tables.starts(),
                Setting("vanilla", "mmd", 1.0): [(1.05, 0.6)] * 2,
                Setting("mtaf", "mmd", 1.0): [(1.0, 0.6)] * 2,
            }
        )
    )
    assert found.areas["vanilla"].value == pytest.approx(0.03)
    assert found.areas["mtaf"].value == pytest.approx(0.05)
    assert found.differences["mtaf", "vanilla"].value == pytest.approx(0.02)
    # The frontier of vanilla is the start and its point, and mtaf's point beats both; it is beaten by none.
    assert found.beaten["mtaf", "vanilla"] == (2, 2) and found.beaten["vanilla", "mtaf"] == (0, 1)


def test_all_series_start_from_no_loss():
    found = one(
        tables.table(
            {
                **tables.starts(),
                # Worse than to do nothing: the frontier is the start.
                Setting("vanilla", "mmd", 1.0): [(1.2, 1.2)] * 2,
                Setting(SINGLE_FAIR, "mmd", 1.0): [(1.2, 1.2)] * 2,
            }
        )
    )
    assert found.areas["vanilla"].value == pytest.approx(0.01)
    assert found.areas[SINGLE_FAIR].value == pytest.approx(0.01)


def test_single_task_models_start_from_single_task_models_and_the_others_do_not():
    points = {
        Setting(SINGLE): [(1.0, 1.0)] * 2,
        Setting(NONE): [(0.9, 0.9)] * 2,
        Setting("vanilla", "mmd", 1.0): [(1.2, 1.2)] * 2,
        Setting(SINGLE_FAIR, "mmd", 1.0): [(1.2, 1.2)] * 2,
    }
    found = one(tables.table(points))
    assert found.areas["vanilla"].value == pytest.approx(0.2 * 0.2)
    assert found.areas[SINGLE_FAIR].value == pytest.approx(0.01)


def test_means_over_seeds_make_the_frontier_and_seeds_the_interval():
    figures = [(1.0, 0.4), (1.0, 0.8)]
    found = one(tables.table({**tables.starts(), Setting("vanilla", "mmd", 1.0): figures}))
    assert found.areas["vanilla"].value == pytest.approx(0.1 * (1.1 - 0.6))
    low, high = found.areas["vanilla"].interval
    # Two seeds: both draws of the one, or of the other, are among the 2.5 % at an end.
    assert low == pytest.approx(0.1 * (1.1 - 0.8)) and high == pytest.approx(0.1 * (1.1 - 0.4))


def test_ratios_can_be_left_out():
    points = {
        **tables.starts(),
        Setting("vanilla", "mmd", 1.0): [(1.0, 0.9)] * 2,
        Setting("mtaf", "mmd", 1.0, 1.0): [(1.0, 0.8)] * 2,
        Setting("mtaf", "mmd", 1.0, 3.0): [(1.0, 0.3)] * 2,
    }
    table = tables.table(points)
    fixed, every = (compare(table, "validation", "shared_bottom", "mmd", ratio).areas["mtaf"] for ratio in (1.0, None))
    assert fixed.value == pytest.approx(0.03) and every.value == pytest.approx(0.08)


def test_a_setting_without_all_seeds_is_left_out_and_counted():
    points = {
        **tables.starts(),
        Setting("vanilla", "mmd", 1.0): [(1.0, 0.1), None],
        Setting("vanilla", "mmd", 2.0): [(1.0, 0.6), (1.0, 0.6)],
    }
    found = one(tables.table(points))
    assert found.left_out == 1 and found.areas["vanilla"].value == pytest.approx(0.05)


def test_thresholds_networks_and_losses_do_not_mix():
    points = {
        **tables.starts(),
        **tables.starts(network="mmoe"),
        Setting("vanilla", "mmd", 1.0): [(1.0, 0.9)] * 2,
        Setting("vanilla", "correlation", 1.0): [(1.0, 0.5)] * 2,
        Setting("vanilla", "mmd", 1.0, network="mmoe"): [(1.0, 0.1)] * 2,
    }
    table = tables.table(points, thresholds=("validation", "evaluated"))
    table.loc[table["thresholds"] == "evaluated", "arfg"] = 1.0
    areas = {
        (network, compared.loss): compared.areas["vanilla"].value
        for network, compared in comparisons(table, "validation")
        if compared.areas
    }
    # A loss that a network was not trained with has nothing to compare.
    expected = {("shared_bottom", "mmd"): 0.02, ("shared_bottom", "correlation"): 0.06, ("shared_bottom", "all"): 0.06}
    expected |= {("mmoe", "mmd"): 0.1, ("mmoe", "all"): 0.1}
    assert areas == pytest.approx(expected)
    flat = compare(table, "evaluated", "shared_bottom", None, 1.0)
    assert flat.areas["vanilla"].value == pytest.approx(0.01)


def test_losses_are_taken_together_only_where_every_series_has_them_all():
    points = {
        **tables.starts(),
        Setting("vanilla", "mmd", 1.0): [(1.0, 0.9)] * 2,
        Setting("vanilla", "correlation", 1.0): [(1.0, 0.5)] * 2,
        Setting("mtaf", "mmd", 1.0): [(1.0, 0.5)] * 2,
    }
    losses = [compared.loss for _, compared in comparisons(tables.table(points), "validation")]
    assert losses == ["correlation", "mmd"]
    points[Setting("mtaf", "correlation", 1.0)] = [(1.0, 0.5)] * 2
    losses = [compared.loss for _, compared in comparisons(tables.table(points), "validation")]
    assert losses == ["correlation", "mmd", "all"]


def test_a_series_that_was_not_trained_is_not_compared():
    found = one(tables.table({**tables.starts(), Setting("mtaf", "mmd", 1.0): [(1.0, 0.5)] * 2}))
    assert set(found.areas) == {"mtaf"} and not found.differences


def test_figures_stand_by_setting_and_seed():
    table = tables.table({Setting("vanilla", "mmd", 1.0): [(1.0, 0.5), (1.1, 0.6)], Setting(NONE): [(1.2, 0.7)] * 2})
    values, missing = by_seed(table.sample(frac=1, random_state=3).sort_values("strength", ascending=False))
    assert missing == 0
    np.testing.assert_allclose(values, [[[1.0, 0.5], [1.1, 0.6]], [[1.2, 0.7], [1.2, 0.7]]])


def test_settings_that_differ_are_told_apart():
    points = {
        Setting("mtaf", "mmd", 1.0): [(1.0, 0.5)] * 3,
        Setting("mtaf", "mmd", 1.0, batches="balanced", batch_size=64): [(1.0, 0.5)] * 3,
        Setting("mtaf", "mmd", 1.0, batch_size=64): [(1.0, 0.5)] * 3,
    }
    assert [len(rows) for rows in settings_of(tables.table(points))] == [3, 3, 3]
