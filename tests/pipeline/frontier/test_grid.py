"""Which trainings a block asks for."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest

from pipeline.experiments.cases import Case
from pipeline.frontier.grid import BASELINE, Setting, points
from tests.pipeline.frontier.made import run_settings


def settings_of(found: list, seed: int) -> list[Setting]:
    return [point.setting for point in found if point.seed == seed and not point.is_baseline]


def test_a_grid_is_the_product_without_what_comes_to_the_same() -> None:
    run = run_settings({"losses": ["mmd", "fpr_gap"], "strengths": [0.5, 2], "head_ratios": [0.5, 1], "seeds": [7, 9]})
    found = points(run)
    expected = {Setting("none", "", None, None, "shared_bottom", "fixed")}
    for loss, strength in itertools.product(["mmd", "fpr_gap"], [0.5, 2.0]):
        # A head ratio is nothing to vanilla.
        expected.add(Setting("vanilla", loss, strength, None, "shared_bottom", "fixed"))
        expected |= {Setting("mtaf", loss, strength, ratio, "shared_bottom", "fixed") for ratio in (0.5, 1.0)}
    for seed in (7, 9):
        assert set(settings_of(found, seed)) == expected and len(settings_of(found, seed)) == len(expected)
    assert [(p.setting.mode, p.seed) for p in found[:2]] == [(BASELINE, 7), (BASELINE, 9)]


def test_what_is_trained_is_what_the_setting_says() -> None:
    run = run_settings(
        {"modes": ["vanilla", "mtaf"], "losses": ["correlation"], "strengths": [3], "networks": ["mmoe"],
         "weightings": ["dwa"], "head_ratios": [2], "seeds": [5]},
        fairness={"bandwidth": 0.3, "head_ratio": 7},
        training={"epochs": 4},
    )  # fmt: skip
    baseline, vanilla, mtaf = (point.trainer for point in points(run))
    for trainer, ratio in ((vanilla, 1.0), (mtaf, 2.0)):
        assert (trainer.fairness.loss, trainer.fairness.strength, trainer.fairness.head_ratio) == (
            "correlation",
            3.0,
            ratio,
        )
        assert trainer.model.network == "mmoe" and trainer.training.weighting.method == "dwa"
        # The rest is the run's.
        assert trainer.fairness.bandwidth == 0.3 and trainer.training.epochs == 4 and trainer.training.seed == 5
    assert baseline == run.baseline().model_copy(update={"training": baseline.training})
    assert baseline.training.seed == 5 and baseline.training.weighting.method == "fixed"


def test_a_learned_strength_gives_way_to_the_grids() -> None:
    run = run_settings(
        {"modes": ["vanilla"], "strengths": [3], "seeds": [1]}, fairness={"mode": "vanilla", "target_gap": 0.1}
    )
    trainer = points(run)[1].trainer
    assert trainer.fairness.target_gap is None and trainer.fairness.strength == 3


def test_names_are_unique_and_good_for_files() -> None:
    run = run_settings(
        {"strengths": [0.1, 1e-7, 1e6], "networks": ["mmoe", "shared_bottom"], "head_ratios": [1, 3],
         "weightings": [{"method": "gradnorm", "alpha": a} for a in (1, 2)]}
    )  # fmt: skip
    found = points(run)
    assert max(Counter(point.name for point in found).values()) == 1
    for point in found:
        Case(point.name, point.trainer)


def test_seeds_of_a_setting_share_a_key_and_settings_do_not() -> None:
    found = points(run_settings({"strengths": [1, 2]}))
    keys = {point.key: {p.setting for p in found if p.key == point.key} for point in found}
    assert all(len(settings) == 1 for settings in keys.values())
    assert Counter(point.key for point in found) == Counter({key: 3 for key in keys})
    # A key depends on all that is trained, and on nothing else.
    again = {p.name: p.key for p in points(run_settings({"strengths": [1, 2, 3]}))}
    assert all(again[point.name] == point.key for point in found)
    longer = {p.key for p in points(run_settings({"strengths": [1, 2]}, training={"epochs": 99}))}
    assert not longer & set(keys)


def test_a_sample_is_log_uniform_and_the_same_for_all_modes() -> None:
    run = run_settings(
        {"sample": {"trials": 400, "range": [0.01, 100], "seed": 3}, "losses": ["mmd", "fpr_gap"], "seeds": [1]}
    )
    found = settings_of(points(run), 1)
    draws = {mode: {(s.loss, s.strength) for s in found if s.mode == mode} for mode in ("vanilla", "mtaf")}
    assert draws["vanilla"] == draws["mtaf"]
    logs = sorted(math.log10(strength) for _, strength in draws["mtaf"])
    assert -2 <= logs[0] and logs[-1] <= 2
    # Kolmogorov's distance to the uniform distribution, at a level of 1 in 1000.
    n = len(logs)
    distance = max(abs((rank + 0.5) / n - (value + 2) / 4) for rank, value in enumerate(logs))
    assert distance < 1.95 / math.sqrt(n)
    assert abs(Counter(loss for loss, _ in draws["mtaf"])["mmd"] / n - 0.5) < 0.1
    assert points(run) == points(run)
    assert points(run) != points(run_settings({"sample": {"trials": 400, "seed": 4}, "seeds": [1]}))


def test_settings_that_contradict_each_other_are_kept_with_the_reason() -> None:
    found = points(run_settings({"networks": ["single_task"], "strengths": [1], "seeds": [1]}))
    refused = {point.setting.mode: point.refused for point in found}
    assert refused["vanilla"] == "" and refused["none"] == "" and refused[BASELINE] == ""
    assert "`model.network: single_task` has none" in refused["mtaf"]


@pytest.mark.parametrize("ratio", [{"click": 1.0, "buy": 2.0}, 0.5])
def test_the_runs_head_ratio_is_kept_and_told(ratio: object) -> None:
    run = run_settings({"modes": ["mtaf"], "strengths": [1], "seeds": [1]}, fairness={"head_ratio": ratio})
    point = points(run)[1]
    assert point.trainer.fairness.head_ratio == ratio
    assert point.setting.columns()["head_ratio"] == ('{"click": 1.0, "buy": 2.0}' if isinstance(ratio, dict) else "0.5")
