"""Figures of cases against counts made by hand and by fairlearn."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate

from models.config.settings import TrainerSettings
from models.metrics.decision import base_rate_threshold
from models.training.sweep import Outcomes, Trained
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.figures import measure

TASKS = ("like", "click", "buy")
ROWS = 20_000


def make_case(settings: TrainerSettings, name: str, scores: np.ndarray, **thresholds: float) -> CaseResult:
    cuts = {"like": 0.4, "click": 0.5, "buy": 0.6, **thresholds}
    rates = {"like": 0.3, "click": 0.5, "buy": 0.2}
    trained = Trained(scores.astype(np.float32), cuts, rates, {}, [], 1, 1, 1.0)
    return CaseResult(name, settings, trained=trained)


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    """More rows than a batch of the accumulator has."""
    random = np.random.default_rng(0)
    return Outcomes(
        TASKS,
        random.integers(0, 2, [ROWS, 3]),
        (random.random([ROWS, 3]) < 0.9).astype(np.float32),
        {
            "gender": random.choice(["men", "women", "unknown"], ROWS, p=[0.6, 0.3, 0.1]),
            "region": random.choice(["n", "s", "w"], ROWS),
        },
    )


@pytest.fixture(scope="module")
def cases(make_settings, outcomes) -> list[CaseResult]:
    random = np.random.default_rng(1)
    men = (outcomes.groups["gender"] == "men")[:, np.newaxis]
    noise = random.random([ROWS, 3])
    tasks = [{"name": "like"}, {"name": "click", "threshold": 0.5}, {"name": "buy"}]
    settings = make_settings(tasks=tasks)
    scores = [np.clip(noise * 0.8 + 0.2 * outcomes.labels + shift * men, 0, 1) for shift in (0.02, 0.1)]
    return [make_case(settings, name, part) for name, part in zip(("candidate", "stl"), scores, strict=True)]


def oracle(case, outcomes, cuts, group="gender"):
    """Errors and FPR gaps by task."""
    errors, gaps = [], []
    for t, task in enumerate(TASKS):
        known = outcomes.known[:, t] > 0
        predicted, labels = case.trained.test_scores[:, t] > cuts[task], outcomes.labels[:, t]
        errors.append(float(np.mean(predicted[known] != labels[known])))
        rows = known & (outcomes.groups[group] != "unknown")
        frame = MetricFrame(
            metrics=false_positive_rate,
            y_true=labels[rows],
            y_pred=predicted[rows],
            sensitive_features=outcomes.groups[group][rows],
        )
        gaps.append(frame.difference())
    return errors, gaps


@pytest.mark.parametrize("thresholds", ["validation", "evaluated"])
def test_the_figures_are_those_of_the_rows(cases, outcomes, thresholds):
    found = measure(*cases, outcomes, TASKS, ("gender", "region"), thresholds)
    by_case = []
    for case in cases:
        cuts = dict(case.trained.thresholds)
        if thresholds == "evaluated":
            # Those that follow the base rate move, a number stays.
            for t, task in ((0, "like"), (2, "buy")):
                scores = case.trained.test_scores[outcomes.known[:, t] > 0, t]
                cuts[task] = base_rate_threshold(scores, case.trained.base_rate[task])
                assert np.mean(scores > cuts[task]) == pytest.approx(case.trained.base_rate[task], abs=1e-3)
        by_case.append((oracle(case, outcomes, cuts), oracle(case, outcomes, cuts, "region")))
    (errors, gaps), (_, region_gaps) = by_case[0]
    (base_errors, base_gaps), (_, base_region_gaps) = by_case[1]
    for t, task in enumerate(TASKS):
        assert found[f"error/{task}"]["value"] == pytest.approx(errors[t])
        assert found[f"fpr_gap/{task}"]["value"] == pytest.approx(gaps[t])
        assert found[f"fpr_gap_baseline/{task}"]["value"] == pytest.approx(base_gaps[t])
    assert found["are"]["value"] == pytest.approx(np.mean(np.divide(errors, base_errors)))
    assert found["arfg"]["value"] == pytest.approx(np.mean(np.divide(gaps, base_gaps)))
    region = [name for name in found if name.startswith("arfg") and "region" in name]
    assert [found[name]["value"] for name in region] == [
        pytest.approx(np.mean(np.divide(region_gaps, base_region_gaps)))
    ]
    assert found["are"]["lower"] < found["are"]["value"] < found["are"]["upper"]


def test_confidence_widens_the_intervals(cases, outcomes):
    narrow, wide = (
        measure(*cases, outcomes, TASKS, ["gender"], confidence=confidence)["are"] for confidence in (0.5, 0.99)
    )
    assert wide["lower"] < narrow["lower"] < narrow["upper"] < wide["upper"] and wide["value"] == narrow["value"]


def test_a_baseline_without_a_gap_leaves_arfg_undefined_in_words(cases, outcomes):
    flat = dataclasses.replace(cases[1].trained, test_scores=np.zeros([ROWS, 3], np.float32))
    found = measure(cases[0], dataclasses.replace(cases[1], trained=flat), outcomes, TASKS, ["gender"])
    assert found["arfg"]["value"] is None and "gap" in found["arfg"]["reason"]


def test_what_does_not_fit_is_named(cases, outcomes):
    candidate, baseline = cases
    with pytest.raises(ValueError, match="case `stl` has no model to measure: it died"):
        measure(candidate, dataclasses.replace(baseline, trained=None, error="it died"), outcomes, TASKS, ["gender"])
    short = dataclasses.replace(candidate.trained, test_scores=candidate.trained.test_scores[:5])
    with pytest.raises(ValueError, match=r"scores of the shape \(20000, 3\) .*Received: \(5, 3\)"):
        measure(dataclasses.replace(candidate, trained=short), baseline, outcomes, TASKS, ["gender"])
    with pytest.raises(ValueError, match="case `candidate` should have the tasks .*'share'"):
        measure(candidate, baseline, outcomes, ("like", "click", "share"), ["gender"])
    with pytest.raises(ValueError, match="`thresholds` should be `validation` or `evaluated`. Received: 'test'"):
        measure(candidate, baseline, outcomes, TASKS, ["gender"], "test")
