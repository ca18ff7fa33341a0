"""The search: what is drawn, what is trained, what is found; trainings are replaced by a formula."""

import json
import logging
import math
from types import SimpleNamespace

import pytest
from absl import logging as absl_logging

from models.training.sweep import SweepData
from pipeline.experiments.cases import CaseResult
from pipeline.tuner import search
from pipeline.tuner.component import candidate_tuner
from pipeline.tuner.search import CandidateTuner, search_space, table, tuner_fn
from pipeline.tuner.settings import TuneSettings

TUNE = {"trials": 12, "arfg_max": 0.8, "strength": {"low": 0.01, "high": 10}, "seed": 3}
DATA = SweepData("/transform", "/train/*", "/validation/*", None)


@pytest.fixture
def make_tuner(candidate, run_settings, tmp_path):
    def make(folder="first", **tune):
        return CandidateTuner(
            candidate,
            run_settings.baseline(),
            TuneSettings(**{**TUNE, **tune}),
            data=DATA,
            folder=tmp_path / "trials",
            code="1",
            directory=str(tmp_path / folder),
        )

    return make


@pytest.fixture
def by_formula(monkeypatch, make_trained):
    """More λ: a smaller gap and more errors. λ above 2 dies."""
    seen = []

    def run_cases(cases, data, folder, *, workers, code, report):
        for case in cases:
            seen.append(case)
            if case.name == "baseline":
                yield CaseResult(case.name, case.settings, trained=make_trained(income=(0.2, 0.1), gain=(0.1, 0.1)))
                continue
            strength = case.settings.fairness.strength
            if strength > 2:
                yield CaseResult(case.name, case.settings, error="the loss is nan")
                continue
            gap = 0.1 / (1 + strength)
            figures = {"income": (0.2 + 0.01 * strength, gap), "gain": (0.1, gap)}
            yield CaseResult(case.name, case.settings, trained=make_trained(**figures))

    monkeypatch.setattr(search, "run_cases", run_cases)
    return seen


def test_the_best_trial_is_the_most_accurate_that_holds_the_bound(make_tuner, by_formula):
    tuner = make_tuner()
    tuner.search()
    assert [case.name for case in by_formula][:2] == ["baseline", "trial-00"] and len(by_formula) == 13
    strengths = [case.settings.fairness.strength for case in by_formula[1:]]
    # ARFG = 1 / (1 + λ) is at most 0.8 from λ = 0.25 on, and ARE grows with λ.
    expected = min(strength for strength in strengths if 0.25 <= strength <= 2)
    best = tuner.get_best_hyperparameters()[0].values["fairness.strength"]
    assert best == expected
    # What is drawn lies in the range, evenly by its logarithm.
    assert all(0.01 <= strength <= 10 for strength in strengths) and len(set(strengths)) == 12
    assert any(strength < 0.1 for strength in strengths) and any(strength > 1 for strength in strengths)


def test_a_trial_that_fails_stands_in_the_table_and_stops_nothing(make_tuner, by_formula):
    tuner = make_tuner()
    tuner.search()
    rows = json.loads(table(tuner.rows))
    failed = [row for row in rows if row["error"]]
    assert failed and all(row["fairness.strength"] > 2 and row["are"] is row["arfg"] is None for row in failed)
    for row in rows:
        if not row["error"]:
            assert row["arfg"] == pytest.approx(1 / (1 + row["fairness.strength"]))
            assert row["are"] == pytest.approx(1 + 0.025 * row["fairness.strength"])


def test_after_a_kill_the_same_trials_are_drawn(make_tuner, by_formula):
    make_tuner().search()
    first = [case.settings for case in by_formula]
    by_formula.clear()
    make_tuner("second").search()
    assert [case.settings for case in by_formula] == first
    by_formula.clear()
    make_tuner("third", trials=15).search()
    # A larger budget keeps those that there are.
    assert [case.settings for case in by_formula][:13] == first


def test_an_unreachable_bound_is_said_loudly(make_tuner, by_formula):
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    absl_logging.get_absl_logger().addHandler(handler)
    try:
        tuner = make_tuner(arfg_max=0.01)
        tuner.search()
    finally:
        absl_logging.get_absl_logger().removeHandler(handler)
    said = [record.getMessage() for record in records if record.levelno == logging.WARNING]
    assert any(
        "no trial held ARFG at most 0.01 (`tune.arfg_max`) on validation. Closest, best of 12" in text for text in said
    )
    fairest = max(case.settings.fairness.strength for case in by_formula[1:] if case.settings.fairness.strength <= 2)
    assert tuner.get_best_hyperparameters()[0].values["fairness.strength"] == fairest


def test_without_one_trained_trial_or_a_baseline_it_ends(make_tuner, monkeypatch, make_trained):
    def failing(cases, *_, **__):
        for case in cases:
            good = case.name == "baseline" and baseline is not None
            yield CaseResult(
                case.name, case.settings, trained=baseline if good else None, error=None if good else "out of memory"
            )

    monkeypatch.setattr(search, "run_cases", failing)
    baseline = make_trained(income=(0.2, 0.1), gain=(0.1, 0.1))
    with pytest.raises(RuntimeError, match="none of 12 trials could be trained: out of memory"):
        make_tuner().search()
    baseline = None
    with pytest.raises(RuntimeError, match="single-task models that trials are measured against failed: out of memory"):
        make_tuner("again").search()
    baseline = make_trained(income=(0.2, 0.0), gain=(0.1, 0.1))
    with pytest.raises(ValueError, match="cannot compare trials on validation: ARFG divides by"):
        make_tuner("zero").search()


def test_everything_that_can_be_searched_is_in_the_space():
    tune = TuneSettings(
        arfg_max=1,
        strength={"low": 0.1, "high": 1},
        head_ratio={"low": 0.1, "high": 1},
        learning_rate={"low": 0.001, "high": 0.1},
        mode=("vanilla", "mtaf"),
        loss=("mmd",),
        shared_units=((64, 32), (16,)),
        tower_units=((8,),),
        embedding_units=(4, 8),
    )
    space = search_space(tune)
    assert {hp.name for hp in space.space} == {
        "fairness.strength",
        "fairness.head_ratio",
        "fairness.mode",
        "fairness.loss",
        "training.learning_rate",
        "model.embedding_units",
        "model.shared_units",
        "model.tower_units",
    }
    (units,) = (hp for hp in space.space if hp.name == "model.shared_units")
    assert units.values == ["64,32", "16"]


def test_tfx_hands_over_what_the_node_was_given(run_settings, tmp_path):
    """The baseline's gaps are between the candidate's groups, and test is not read."""
    transform = SimpleNamespace(outputs=_channels())
    tune = TuneSettings(**TUNE)
    node = candidate_tuner(
        tune,
        run_settings.candidate(),
        run_settings.baseline(),
        transform=transform,
        schema=_channels()["schema"],
        trials_root=str(tmp_path / "checkpoints"),
    )
    assert node.id == "Tuner" and {"best_hyperparameters", "tuner_results"} <= set(node.outputs)
    config = json.loads(node.exec_properties["custom_config"])
    fn_args = SimpleNamespace(
        custom_config=config,
        transform_graph_path="/transform",
        train_files=["/train/*"],
        eval_files=["/validation/*"],
        working_dir=str(tmp_path / "work"),
    )
    tuner = tuner_fn(fn_args).tuner
    assert tuner.tune == tune and tuner._data == DATA
    assert tuner._folder == tmp_path / "checkpoints" / "tuner"
    assert tuner._baseline.model.network == "single_task"
    assert tuner._baseline.fairness.group == run_settings.candidate().groups[0]
    fn_args.train_files = ["/a/*", "/b/*"]
    with pytest.raises(ValueError, match="one pattern of files for each split"):
        tuner_fn(fn_args)
    fn_args.train_files = ["/a/*"]
    fn_args.custom_config = {**config, "trials_root": "gs://bucket/checkpoints"}
    assert "tuner-" in str(tuner_fn(fn_args).tuner._folder)


def _channels():
    from tfx.types import Channel, standard_artifacts

    return {
        "transformed_examples": Channel(type=standard_artifacts.Examples),
        "transform_graph": Channel(type=standard_artifacts.TransformGraph),
        "schema": Channel(type=standard_artifacts.Schema),
    }


def test_an_undefined_figure_is_null_in_the_table():
    row = search.Row("0", {"fairness.strength": 1.0}, search.Tradeoff(math.nan, 0.5))
    assert row.to_json() == {"trial": "0", "fairness.strength": 1.0, "are": None, "arfg": 0.5, "error": ""}
