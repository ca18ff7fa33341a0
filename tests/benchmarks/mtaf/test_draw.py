"""What the plots show: the points, frontiers and marks that stand in the figures."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.mtaf import draw
from benchmarks.mtaf.grid import NONE, SINGLE, SINGLE_FAIR, Setting
from pipeline.experiments.plots import figure
from tests.benchmarks.mtaf import made_up_tables as tables

TRADEOFF = ("are", "arfg")


@pytest.fixture
def table():
    return tables.table(
        {
            Setting(SINGLE): [(1.0, 1.0)] * 2,
            Setting(NONE): [(0.98, 1.1), (1.0, 1.1)],
            Setting("vanilla", "mmd", 1.0): [(1.02, 0.7), (1.04, 0.5)],
            Setting("vanilla", "mmd", 2.0): [(1.06, 0.4), (1.06, 0.4)],
            Setting("vanilla", "mmd", 3.0): [(1.08, 0.9), (1.08, 0.9)],
            Setting("vanilla", "correlation", 1.0): [(1.5, 0.1)] * 2,
            Setting("mtaf", "mmd", 1.0, 3.0): [(1.03, 0.6)] * 2,
            Setting(SINGLE_FAIR, "mmd", 1.0): [(1.01, 0.8)] * 2,
        },
        tasks=("a",),
    )


def panel(table, columns=TRADEOFF, network="shared_bottom"):
    """The axes with a panel of the MMD loss."""
    with figure(3, 3) as made:
        axes = made.subplots()
        draw._panel(axes, table, network, "mmd", columns)
        return axes


def points(axes, series):
    """Centres of a series' markers, in the order of drawing."""
    colour, marker = draw._STYLES[series].color, draw._STYLES[series].marker
    own = [
        line
        for line in axes.lines
        if line.get_color() == colour and line.get_marker() == marker and len(line.get_xdata()) == 1
    ]
    return np.array([[*line.get_xdata(), *line.get_ydata()] for line in own]), own


def stairs(axes, series):
    return [
        np.column_stack(line.get_data())
        for line in axes.lines
        if line.get_color() == draw._STYLES[series].color and line.get_drawstyle() == "steps-post"
    ]


def test_a_point_is_the_mean_over_seeds_and_other_losses_stay_out(table):
    found, _ = points(panel(table), "vanilla")
    np.testing.assert_allclose(found, [[0.99, 1.1], [1.03, 0.6], [1.06, 0.4], [1.08, 0.9]])


def test_the_stairs_are_the_frontier_and_begin_without_a_loss(table):
    (line,) = stairs(panel(table), "vanilla")
    # (1.08, 0.9) is dominated, and is a point beside the stairs.
    np.testing.assert_allclose(line, [[0.99, 1.1], [1.03, 0.6], [1.06, 0.4]])


def test_single_task_models_with_a_loss_begin_at_single_task_models(table):
    (line,) = stairs(panel(table), SINGLE_FAIR)
    np.testing.assert_allclose(line, [[1.0, 1.0], [1.01, 0.8]])


def test_other_head_ratios_are_hollow(table):
    _, markers = points(panel(table), "mtaf")
    faces = [marker.get_markerfacecolor() for marker in markers]
    # The start has no ratio and is filled; r = 3 is not.
    assert faces[0] != "none" and faces[1] == "none"


def test_bars_are_the_standard_deviation_over_seeds(table):
    axes = panel(table)
    spans = [
        np.ptp(segment, axis=0).max()
        for bars in axes.collections
        for segment in bars.get_segments()
        if np.allclose(segment.mean(axis=0), [1.03, 0.6])
    ]
    # Seeds (1.02, 0.7) and (1.04, 0.5): deviations 0.01 √2 and 0.1 √2, on both sides; that of `mtaf` has none.
    assert sorted(round(span, 6) for span in spans if span > 0) == pytest.approx(
        [0.02 * 2**0.5, 0.2 * 2**0.5], abs=1e-6
    )


def test_the_gap_of_a_task_stands_over_its_error(table):
    axes = panel(table, ("error/a", "fpr_gap/a"))
    found, _ = points(axes, "vanilla")
    np.testing.assert_allclose(found[1], [0.103, 0.03])
    assert not stairs(axes, "vanilla")
    star = next(line for line in axes.lines if line.get_marker() == "*")
    assert (*star.get_xdata(), *star.get_ydata()) == pytest.approx((0.1, 0.05))


def test_a_series_that_was_not_trained_is_not_named(table):
    labels = panel(table).get_legend_handles_labels()[1]
    assert set(labels) == {"vanilla", "mtaf", SINGLE_FAIR, "single-task models"}


def test_another_network_has_points_of_its_own(table):
    labels = panel(table, network="mmoe").get_legend_handles_labels()[1]
    # Single-task models share nothing, whatever the network of the others.
    assert set(labels) == {SINGLE_FAIR, "single-task models"}


def test_a_setting_without_all_seeds_has_no_point(table):
    table.loc[(table["strength"] == 2.0) & (table["seed"] == 1), "arfg"] = np.nan
    found, _ = points(panel(table), "vanilla")
    assert len(found) == 3 and 1.06 not in found[:, 0]
