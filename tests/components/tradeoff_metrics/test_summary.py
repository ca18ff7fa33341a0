"""Values carry every announced name; details are JSON and agree with the values."""

import json
import math

import numpy as np
import pytest

from components.tradeoff_metrics import names
from components.tradeoff_metrics.counting.accumulator import GroupAccumulator
from components.tradeoff_metrics.summary import summarise

TASKS = ["like", "click"]


@pytest.fixture
def accumulator():
    rng = np.random.default_rng(3)
    result = GroupAccumulator(TASKS, np.array([[0.5, 0.4], [0.6, 0.5]]))
    group = rng.choice(["f", "m", "x", "unknown"], 900)
    scores = np.clip(rng.random((2, 900, 2)).round(2) + 0.005 + 0.2 * (group == "f")[None, :, None], 0, 1)
    result.add_batch(rng.integers(0, 2, (900, 2)), rng.integers(0, 2, (900, 2)), scores, group)
    return result


@pytest.mark.parametrize("group", [None, "age"])
def test_values_have_the_announced_names(accumulator, group):
    estimates, details = summarise(accumulator, "age", group)
    assert set(estimates) == set(names.value_names(TASKS, group))
    assert set(details["values"]) == {str(name) for name in estimates}
    for name, estimate in estimates.items():
        plain = details["values"][str(name)]
        assert plain["value"] == (None if math.isnan(estimate.value) else estimate.value)
        assert plain["reason"] == estimate.reason
        if names.interval_names(name) and not estimate.reason:
            assert estimate.lower <= estimate.value <= estimate.upper


def test_details_survive_json_and_their_rates_make_the_gap(accumulator):
    _, details = summarise(accumulator, "gender", None)
    details = json.loads(json.dumps(details, allow_nan=False))
    for task in TASKS:
        for model, suffix in (("candidate", ""), ("baseline", "_baseline")):
            own = details["tasks"][task][model]
            for kind in ("fpr", "tpr"):
                rates = {group: rate["value"] for group, rate in own["rates"][kind].items()}
                assert set(rates) == {"f", "m", "x"}
                gap = own["gaps"][kind]
                assert gap["highest"] == max(rates, key=rates.get) and gap["lowest"] == min(rates, key=rates.get)
                assert gap["value"] == pytest.approx(max(rates.values()) - min(rates.values()))
                assert gap["value"] == details["values"][f"{kind}_gap{suffix}/{task}"]["value"]
            errors = {group: rate["value"] for group, rate in own["rates"]["error"].items()}
            worst = own["worst"]["worst_group_error"]
            assert worst["group"] == max(errors, key=errors.get)
            assert worst["value"] == details["values"][f"worst_group_error{suffix}/{task}"]["value"]
            cells = {(g, "negatives"): rate["value"] for g, rate in own["rates"]["fpr"].items()}
            cells |= {(g, "positives"): 1 - rate["value"] for g, rate in own["rates"]["tpr"].items()}
            cell = own["worst"]["worst_cell_error"]
            assert (cell["group"], cell["side"]) == max(cells, key=cells.get)
            assert cell["value"] == pytest.approx(max(cells.values())) == cell["count"] / cell["of"]
            for metric in ("worst_group_auc", "worst_cell_auc"):
                assert own["worst"][metric]["value"] == details["values"][f"{metric}{suffix}/{task}"]["value"]
                assert own["worst"][metric]["left_out"] == []


def test_histograms_hold_the_counts_of_the_rates(accumulator):
    _, details = summarise(accumulator, "gender", None)
    histogram = details["histograms"]["click"]["baseline"]
    for group in ("f", "m", "x"):
        cells = histogram["groups"][group]
        rates = details["tasks"]["click"]["baseline"]["rates"]
        assert sum(cells["0"][1]) == rates["fpr"][group]["of"]
        assert sum(cells["1"][1]) == rates["tpr"][group]["of"]
        # No score lies between the model's own threshold, 0.5, and the last one below it.
        step = int(np.searchsorted(histogram["thresholds"], 0.5, side="right")) - 1
        above = sum(count for cell, count in zip(*cells["0"], strict=True) if cell > step)
        assert above == rates["fpr"][group]["count"]
    assert "unknown" in histogram["groups"]
    few = summarise(accumulator, "gender", None, bins=20)[1]
    assert len(few["histograms"]["click"]["baseline"]["thresholds"]) <= 21
    # The number of cells is for the eye alone.
    assert few["values"] == details["values"] and few["tasks"] == details["tasks"]


def test_without_clusters_nothing_is_widened(accumulator):
    _, details = summarise(accumulator, "gender", None)
    assert details["quantile"] == pytest.approx(1.96, abs=1e-3)
    effects = details["tasks"]["like"]["baseline"]["design_effects"]
    assert effects["fpr"] == {"all": 1.0, "groups": {"f": 1.0, "m": 1.0, "x": 1.0}} == effects["tpr"]


def test_what_has_too_few_rows_is_named(accumulator):
    _, details = summarise(accumulator, "gender", None, min_count=10_000)
    worst = details["tasks"]["click"]["candidate"]["worst"]
    assert worst["worst_group_error"]["left_out"] == [["f", ""], ["m", ""], ["x", ""]]
    assert ["m", "positives"] in worst["worst_cell_error"]["left_out"]
    assert ["x", "bnsp"] in worst["worst_cell_auc"]["left_out"] and len(worst["worst_cell_auc"]["left_out"]) == 9
    for found in worst.values():
        assert found["value"] is None and found["group"] is None and "10000 known" in found["reason"]


def test_one_cluster_leaves_no_quantile():
    accumulator = GroupAccumulator(["click"], np.full((2, 1), 0.5), blocks=4)
    rng = np.random.default_rng(0)
    rows = dict(labels=rng.integers(0, 2, (60, 1)), known=np.ones((60, 1)), scores=rng.random((2, 60, 1)))
    accumulator.add_batch(**rows, group=rng.choice(["f", "m"], 60), block=np.zeros(60, int))
    _, details = summarise(accumulator, "gender", None)
    assert details["quantile"] is None
    assert details["tasks"]["click"]["candidate"]["worst"]["worst_group_auc"]["lower"] == 0
