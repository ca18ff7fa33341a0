"""Cases and the files that keep their results."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from models.config.settings import TrainerSettings
from models.training.sweep import SweepData, Trained
from pipeline.experiments.cases import Case, CaseResult, CaseStore, data_digest

SETTINGS = {
    "tasks": [{"name": "click"}, {"name": "buy"}],
    "groups": ["gender"],
    "features": {"inputs": [{"type": "numeric", "name": "age"}]},
    "model": {},
    "fairness": {},
    "training": {},
}


def settings(**fairness):
    return TrainerSettings.model_validate({**SETTINGS, "fairness": fairness})


def trained(value=0.5):
    return Trained(
        test_scores=np.full([3, 2], value, np.float32),
        thresholds={"click": 0.25, "buy": 0.5},
        base_rate={"click": 0.1, "buy": 0.2},
        validation={"click": {"loss": 0.3}, "buy": {"loss": float("nan")}},
        history=[{"epoch": 0, "loss": {"train": 1.0}}],
        kept_epoch=1,
        parameters=7,
        seconds=2.5,
    )


def test_a_result_comes_back_as_it_was(tmp_path):
    case = Case("a-1", settings(strength=2.0))
    store = CaseStore(tmp_path / "cases", "data", "code")
    assert store.load(case) is None
    store.save(CaseResult(case.name, case.settings, trained=trained()))
    found = CaseStore(tmp_path / "cases", "data", "code").load(case)
    assert found.stored and found.error is None and found.settings == case.settings
    np.testing.assert_array_equal(found.trained.test_scores, trained().test_scores)
    assert found.trained.thresholds == trained().thresholds and found.trained.history == trained().history
    assert np.isnan(found.trained.validation["buy"]["loss"])
    assert sorted(os.listdir(tmp_path / "cases")) == ["a-1.json", "a-1.npz"]


def test_a_result_is_served_for_what_it_came_from_alone(tmp_path):
    case = Case("a", settings(strength=2.0))
    CaseStore(tmp_path, "data", "code").save(CaseResult(case.name, case.settings, trained=trained()))
    assert CaseStore(tmp_path, "data", "code").load(case) is not None
    assert CaseStore(tmp_path, "other", "code").load(case) is None
    assert CaseStore(tmp_path, "data", "other").load(case) is None
    assert CaseStore(tmp_path, "data", "code").load(Case("a", settings(strength=3.0))) is None
    assert CaseStore(tmp_path, "data", "code").load(Case("b", case.settings)) is None


def test_an_error_is_kept_and_a_death_is_tried_again(tmp_path):
    store = CaseStore(tmp_path, "data", "code")
    raised, died = Case("raised", settings()), Case("died", settings(strength=9.0))
    store.save(CaseResult("raised", raised.settings, error="FloatingPointError: loss"))
    store.save(CaseResult("died", died.settings, error="killed", died=True))
    assert store.load(raised).error == "FloatingPointError: loss" and store.load(raised).trained is None
    assert store.load(died) is None
    assert json.loads((tmp_path / "died.json").read_text(encoding="utf-8"))["error"] == "killed"


def test_a_kill_between_the_two_files_leaves_no_mixed_result(tmp_path, monkeypatch):
    store, case = CaseStore(tmp_path, "data", "code"), Case("a", settings())
    store.save(CaseResult("a", case.settings, trained=trained(0.1)))
    replace = os.replace

    def kill(source, target):
        replace(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", kill)
    with pytest.raises(KeyboardInterrupt):
        store.save(CaseResult("a", case.settings, trained=trained(0.2)))
    assert store.load(case) is None


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".hidden", "a b", "x" * 201, "a\n"])
def test_a_name_that_is_no_files_is_refused(name):
    with pytest.raises(ValueError, match="a case's name should have at most 200"):
        Case(name, settings())


def test_a_whole_number_is_the_same_case():
    fairness = settings().fairness.model_copy(update={"strength": 1})
    case = Case("a", settings().model_copy(update={"fairness": fairness}))
    assert case.settings.model_dump_json() == settings(strength=1.0).model_dump_json()


def test_the_datas_digest_is_of_its_content(tmp_path):
    def make(name, content="rows"):
        for part in ("transform/assets", "train", "validation", "test"):
            (tmp_path / name / part).mkdir(parents=True)
        (tmp_path / name / "transform" / "assets" / "vocabulary").write_text("a\nb\n", encoding="utf-8")
        for split in ("train", "validation", "test"):
            (tmp_path / name / split / "data-0").write_text(content if split == "test" else "rows", encoding="utf-8")
        patterns = [str(tmp_path / name / split / "*") for split in ("train", "validation", "test")]
        return SweepData(str(tmp_path / name / "transform"), *patterns)

    one, moved, other = make("one"), make("moved"), make("other", "more rows")
    assert data_digest(one) == data_digest(moved) != data_digest(other)
    (tmp_path / "moved" / "transform" / "assets" / "vocabulary").write_text("b\na\n", encoding="utf-8")
    assert data_digest(one) != data_digest(moved)
