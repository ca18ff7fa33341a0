"""A sweep's trainings are those of the product, whichever came before them."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.formats.features import group_key, label_key, weight_key
from models.metrics.decision import Decision
from models.training.compiled_models import CompiledModels, step_family
from models.training.job import TrainingJob
from models.training.run import run_job
from models.training.sweep import Sweep, SweepData, read_outcomes
from tests.models.conftest import TASKS, make_rows
from tests.models.raw_examples import example, with_test

GROUPS = ("gender", "region")


@pytest.fixture(scope="module")
def rows():
    """As they are read from two files of 125 rows: blocks of 64 in turn."""
    return make_rows(250, 3)


@pytest.fixture(scope="module")
def sweep_data(data, rows, tmp_path_factory):
    blocks = [[*rows[:64], *rows[128:189]], [*rows[64:128], *rows[189:]]]
    return with_test(data, tmp_path_factory.mktemp("test"), blocks)


@pytest.fixture(scope="module")
def sweep(sweep_data):
    return Sweep(sweep_data, report=lambda line: None)


def product(settings, sweep_data, folder, rows):
    """What the Trainer makes of the settings: served scores [n, T], thresholds, training.json."""
    keras.utils.set_random_seed(99)
    job = TrainingJob(
        settings=settings,
        code="1",
        train_files=(sweep_data.train,),
        validation_files=(sweep_data.validation,),
        transform_dir=sweep_data.transform_dir,
        model_dir=str(folder / "model"),
        log_dir=str(folder / "log"),
    )
    run_job(job, report=lambda line: None)
    served = tf.saved_model.load(job.model_dir).signatures["serving_default"]
    scores = served(examples=tf.constant([example(row) for row in rows]))
    training = json.loads((folder / "log" / "training.json").read_text(encoding="utf-8"))
    return np.concatenate([scores[task].numpy() for task in TASKS], axis=1), Decision.load(job.model_dir), training


def losses(history):
    return [
        [*record["loss"].values(), *(record["tasks"][task]["train"]["loss"] for task in TASKS)] for record in history
    ]


def same(one, other):
    """Two trainings with the same weights, bit for bit."""
    np.testing.assert_array_equal(one.test_scores, other.test_scores)
    assert one.thresholds == other.thresholds and losses(one.history) == losses(other.history)


MTAF = {"mode": "mtaf", "loss": "fpr_gap", "sharpness": 10.0}
NOISE = {"label_noise": {"click": 0.3}}


@pytest.mark.parametrize(
    "blocks",
    [
        {"fairness": MTAF, "model": {"dropout": 0.2}},
        {"fairness": {"mode": "mtaf", "batches": "balanced", "balanced_batch_size": 16}},
        {"fairness": {"mode": "vanilla"}, "model": {"network": "mmoe"}, "training": NOISE},
        {"training": {"weighting": {"method": "pcgrad"}, "early_stopping": None, "epochs": 3}},
        {"model": {"network": "dsmtl", "sharing": "al", "search_epochs": 1}},
    ],
    ids=["mtaf", "balanced", "noise", "pcgrad", "held-out rows"],
)
def test_a_sweep_trains_as_the_product_does(make_settings, sweep, sweep_data, rows, tmp_path, blocks):
    tasks = [{"name": "like"}, {"name": "click", "threshold": 0.4}, {"name": "buy", "weight": 1.0}]
    settings = make_settings(tasks=tasks, **blocks)
    found = sweep.train(settings)
    scores, decision, training = product(settings, sweep_data, tmp_path, rows)
    np.testing.assert_allclose(found.test_scores, scores, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(losses(found.history), losses(training["history"]), rtol=1e-6)
    assert found.test_scores.dtype == np.float32 and found.test_scores.shape == (250, 3)
    assert found.thresholds == pytest.approx(dict(decision.thresholds), rel=1e-5)
    assert found.base_rate == pytest.approx(dict(decision.base_rate))
    assert found.kept_epoch == training["kept_epoch"] and found.parameters == training["parameters"]
    kept = training["history"][found.kept_epoch - 1]["tasks"]
    for task in TASKS:
        figures = {name: kept[task]["validation"][name] for name in ("loss", "auc", "fpr_gap")}
        assert {name: found.validation[task][name] for name in figures} == pytest.approx(figures, rel=1e-5)
        assert 0 < found.validation[task]["error"] < 0.5


def variants(make_settings, blocks):
    """Settings of one family, and others of it."""
    fairness, training = blocks.get("fairness", {}), blocks.get("training", {})
    first = make_settings(**blocks)
    if first.fairness.mode == "none":
        return first, make_settings(**{**blocks, "training": {**training, "seed": 8, "learning_rate": 0.03}})
    others = {"strength": {"like": 0.0, "click": 9.0, "buy": 2.0}, "head_ratio": 0.3}
    return first, make_settings(
        **{**blocks, "fairness": {**fairness, **others}, "training": {**training, "seed": 8, "epochs": 3, **NOISE}}
        if first.fairness.mode == "vanilla"
        else {**blocks, "fairness": {**fairness, **others}, "training": {**training, "seed": 8, "epochs": 3}}
    )


@pytest.mark.parametrize(
    "blocks",
    [
        {"fairness": MTAF, "model": {"dropout": 0.2}},
        {"fairness": {"mode": "vanilla", "loss": "correlation"}, "training": {"optimizer": "adagrad"}},
        pytest.param(
            {"training": {"weighting": {"method": "gradnorm"}}, "model": {"network": "mmoe"}}, marks=pytest.mark.slow
        ),
        pytest.param({"training": {"weighting": {"method": "dwa"}, "optimizer": "sgd"}}, marks=pytest.mark.slow),
        {"training": {"weighting": {"method": "excess_risk"}}},
    ],
    ids=["mtaf", "vanilla", "gradnorm", "dwa", "excess_risk"],
)
def test_a_restarted_model_is_a_fresh_one(make_settings, sweep_data, monkeypatch, blocks):
    one, other = variants(make_settings, blocks)
    assert step_family(one) == step_family(other)
    fresh = [Sweep(sweep_data, report=lambda line: None).train(settings) for settings in (one, other)]
    sweep = Sweep(sweep_data, report=lambda line: None)
    built = []
    ready = CompiledModels.ready
    monkeypatch.setattr(
        CompiledModels,
        "ready",
        lambda self, *args: ready(self, *args[:-1], lambda: (built.append(1), args[-1]())[1]),
    )
    restarted = [sweep.train(settings) for settings in (one, other, one, other)]
    assert len(built) == 1
    for found, expected in zip(restarted, [*fresh, *fresh], strict=True):
        same(found, expected)
    assert not np.array_equal(fresh[0].test_scores, fresh[1].test_scores)


def test_what_is_compiled_into_the_step_parts_families(make_settings):
    base = make_settings(fairness=MTAF)
    others = [
        make_settings(fairness={**MTAF, "loss": "mmd"}),
        make_settings(fairness={**MTAF, "strength": 0.0}),
        make_settings(fairness=MTAF, training={"optimizer": "sgd"}),
        make_settings(fairness=MTAF, training={"weighting": {"method": "dwa"}}),
        make_settings(fairness=MTAF, model={"dropout": 0.5}),
        make_settings(),
    ]
    assert len({step_family(settings) for settings in (base, *others)}) == 7
    pcgrad = [make_settings(training={"weighting": {"method": "pcgrad"}, "seed": seed}) for seed in (1, 2)]
    assert step_family(pcgrad[0]) != step_family(pcgrad[1])
    # Without a fairness loss its settings say nothing.
    assert step_family(make_settings(fairness={"loss": "mmd"})) == step_family(
        make_settings(fairness={"loss": "fpr_gap"})
    )


def test_outcomes_are_those_of_the_raw_rows_in_the_scores_order(sweep, rows):
    found = sweep.outcomes(TASKS, GROUPS)
    assert found.tasks == TASKS
    for index, task in enumerate(TASKS):
        assert found.labels[:, index].tolist() == [row[label_key(task)] for row in rows]
        assert found.known[:, index].tolist() == [row[weight_key(task)] for row in rows]
    for name in GROUPS:
        assert found.groups[name].tolist() == [row[group_key(name)] for row in rows]


def test_a_row_without_a_cluster_has_an_empty_one(data, rows, tmp_path):
    given = [row | ({"user": f"u{i % 3}"} if i % 2 else {}) for i, row in enumerate(rows)]
    found = read_outcomes(with_test(data, tmp_path, [given]), TASKS, GROUPS, "user")
    assert found.clusters is not None and found.clusters.tolist() == [row.get("user", "") for row in given]


def test_what_cannot_be_swept_is_told_with_its_reason(make_settings, sweep, sweep_data):
    with pytest.raises(ValueError, match="one device. Received: `training.distribution: mirrored`"):
        sweep.train(make_settings(training={"distribution": "mirrored"}))
    with pytest.raises(ValueError, match="split `train` takes more than the 9.54e-07 GiB .*first 1,000 rows"):
        Sweep(sweep_data, report=print, max_bytes=1024).train(make_settings())
    more = {"inputs": [{"type": "numeric", "name": "age"}, {"type": "numeric", "name": "height"}]}
    with pytest.raises(ValueError, match="split `train` was prepared without the column `height`"):
        sweep.train(make_settings(features=more))
    with pytest.raises(FileNotFoundError, match="split `test`.*/nowhere"):
        Sweep(SweepData(sweep_data.transform_dir, sweep_data.train, sweep_data.validation, "/nowhere/*")).train(
            make_settings()
        )


def test_after_a_divergence_the_same_step_trains_on(make_settings, sweep_data):
    sweep = Sweep(sweep_data, report=lambda line: None)
    good = make_settings(training={"optimizer": "sgd"})
    before = sweep.train(good)
    with pytest.raises(FloatingPointError, match="expected a finite train loss"):
        sweep.train(make_settings(training={"optimizer": "sgd", "learning_rate": 1e20}))
    same(sweep.train(good), before)
