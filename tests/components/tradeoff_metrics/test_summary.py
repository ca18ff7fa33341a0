"""Values carry every announced name; details are JSON and agree with the values."""

import json
import math

import numpy as np
import pytest

from components.tradeoff_metrics import names
from components.tradeoff_metrics.accumulator import GroupAccumulator
from components.tradeoff_metrics.statistics import Estimate
from components.tradeoff_metrics.summary import negative_transfer, summarise

TASKS = ["like", "click"]


@pytest.fixture
def accumulator():
    rng = np.random.default_rng(3)
    result = GroupAccumulator(TASKS, np.array([[0.5, 0.4], [0.6, 0.5]]), bins=50)
    group = rng.choice(["f", "m", "x", "unknown"], 900)
    scores = np.clip(rng.random((2, 900, 2)) + 0.2 * (group == "f")[None, :, None], 0, 1)
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
            assert own["worst_group"]["group"] == max(errors, key=errors.get)


def test_histograms_hold_the_counts_of_the_rates(accumulator):
    _, details = summarise(accumulator, "gender", None)
    for group in ("f", "m", "x"):
        cells = details["histograms"][group]["click"]["baseline"]
        rates = details["tasks"]["click"]["baseline"]["rates"]
        assert sum(cells["0"][1]) == rates["fpr"][group]["of"]
        assert sum(cells["1"][1]) == rates["tpr"][group]["of"]
        # The threshold 0.5 is an edge of 50 bins, so the bins above it are the predicted positives.
        above = sum(count for bin_, count in zip(*cells["0"], strict=True) if bin_ >= 25)
        assert above == rates["fpr"][group]["count"]
    assert "unknown" in details["histograms"]


def test_negative_transfer_counts_tasks_and_knows_which_are_sure():
    differences = [
        Estimate(0.02, 0.01, 0.03),
        Estimate(0.01, -0.01, 0.03),
        Estimate(-0.01, -0.02, 0.001),
        Estimate(-1, -1, -1),
    ]
    assert negative_transfer(differences) == Estimate(2, 1, 3)
    assert negative_transfer([*differences, Estimate(reason="no label")]).reason == "no label"
