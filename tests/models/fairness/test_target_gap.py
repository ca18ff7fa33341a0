"""λ that is learned from a target gap: the steps alone, and trainings on a small world that has a gap."""

import json
import math
import re

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from fairlearn.metrics import MetricFrame, false_positive_rate

from models.config.combinations import check_combination
from models.config.fairness import strengths_of
from models.config.settings import FairnessSettings
from models.fairness import target_gap
from models.fairness.target_gap import DualAscent, measured_gap, outcome, updates_at
from models.metrics.task_scores import TaskScores
from models.training import stages
from models.training.job import TrainingJob
from models.training.run import run_job


def test_a_strength_that_is_learned_starts_at_zero_and_others_at_one():
    tasks = ["like", "click"]
    assert strengths_of(FairnessSettings(), tasks) == {"like": 1.0, "click": 1.0}
    assert strengths_of(FairnessSettings(target_gap=0.1), tasks) == {"like": 0.0, "click": 0.0}
    assert strengths_of(FairnessSettings(target_gap={"like": 0.1}), tasks) == {"like": 0.0, "click": 1.0}
    given = FairnessSettings(target_gap={"like": 0.1}, strength={"like": 0.5, "click": 2.0})
    assert strengths_of(given, tasks) == {"like": 0.5, "click": 2.0}


def ascent(strength=1.0, tasks=("like",), **settings):
    variables = {task: tf.Variable(strength) for task in tasks}
    return DualAscent(FairnessSettings(mode="vanilla", strength=strength, **settings), variables), variables


def test_the_first_step_by_hand():
    """u = log(1 + λ/s) with s = 0.25; the aim is 0.09 of a target of 0.1."""
    up, variables = ascent(target_gap=0.1)
    up.update({"like": 0.14}, 0.5)
    # Upwards by 0.4 · (0.14 − 0.09)/0.1, downwards by 0.3.
    assert float(variables["like"]) == pytest.approx(0.25 * (5 * math.exp(0.4 * 0.5) - 1), rel=1e-6)
    down, variables = ascent(target_gap=0.1)
    down.update({"like": 0.04}, 0.5)
    assert float(variables["like"]) == pytest.approx(0.25 * (5 * math.exp(-0.3 * 0.5) - 1), rel=1e-6)


def test_steps_shrink_with_the_changes_of_sign_after_the_first_miss():
    """u goes by 0.4 / √(1 + changes) upwards and 0.3 / (1 + changes) downwards, times the error."""
    found, variables = ascent(target_gap=0.1)
    level, steps = math.log(5), []
    for gap in (0.04, 0.14, 0.14, 0.04, 0.04, 0.14):
        found.update({"like": gap}, 0.5)
        after = math.log1p(float(variables["like"]) / 0.25)
        steps.append(after - level)
        level = after
    assert steps == pytest.approx([-0.15, 0.2, 0.2, -0.075, -0.075, 0.2 / math.sqrt(3)], abs=1e-6)


def test_it_rests_at_the_aim_and_stays_between_zero_and_the_bound():
    rest, variables = ascent(target_gap=0.1, target_margin=0.2)
    rest.update({"like": 0.08}, 0.5)
    assert float(variables["like"]) == pytest.approx(1.0)
    low, variables = ascent(target_gap=0.1)
    for _ in range(60):
        low.update({"like": 0.0}, 0.5)
    assert float(variables["like"]) == 0.0
    high, variables = ascent(target_gap=0.1, max_strength=5.0)
    for _ in range(60):
        high.update({"like": 0.9}, 0.5)
    assert float(variables["like"]) == 5.0


def test_from_zero_it_rises():
    zero, variables = ascent(strength=0.0, target_gap=0.1)
    assert float(variables["like"]) == 0.0
    zero.update({"like": 0.2}, 0.5)
    assert 0 < float(variables["like"]) < 0.25


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_it_waits_for_the_first_quarter_of_the_training_and_for_early_stopping(strength):
    early, variables = ascent(strength=strength, target_gap=0.1)
    for progress in (0.0, 0.1, 0.25):
        early.update({"like": 0.5}, progress)
        assert float(variables["like"]) == strength
        # Nothing has moved, and yet it may.
        assert not early.end_epoch()
    early.update({"like": 0.5}, 0.26)
    later, other = ascent(strength=strength, target_gap=0.1)
    later.update({"like": 0.5}, 1.0)
    # What came before has left no trace.
    assert float(variables["like"]) == float(other["like"]) > strength


@pytest.mark.parametrize("scale", [0.02, 1.0, 40.0])
def test_it_finds_the_strength_of_a_known_curve_whatever_its_scale(scale):
    """gap = 0.2 / (1 + λ/scale): 0.05 is held from λ = 3 scale on; the aim, 0.045, is at 3.44."""
    found, variables = ascent(target_gap=0.05, max_strength=1000.0)
    for _ in range(60):
        found.update({"like": 0.2 / (1 + float(variables["like"]) / scale)}, 0.5)
    assert 3 * scale < float(variables["like"]) < 3.9 * scale


def test_with_noise_most_gaps_hold_the_target():
    """Noise as large as a third of the target: a plain integrator would end where half of the gaps hold it."""
    noise = np.random.default_rng(3)
    held = []
    for _ in range(20):
        found, variables = ascent(target_gap=0.05)
        for step in range(60):
            gap = abs(0.2 / (1 + float(variables["like"]) / 0.3) + noise.normal(0, 0.017))
            if step >= 40:
                held.append(gap <= 0.05)
            found.update({"like": gap}, 0.5)
    assert 0.6 < np.mean(held) < 0.95


def test_tasks_without_a_target_keep_their_strength():
    some, variables = ascent(tasks=("like", "click"), target_gap={"click": 0.05})
    some.update({"like": 0.9, "click": 0.9}, 0.5)
    assert float(variables["like"]) == 1.0 < float(variables["click"])
    assert some.strengths().keys() == {"click"} and some.excess({"like": 0.9, "click": 0.1}) == pytest.approx(2)


def test_an_epoch_in_which_it_moved_far_does_not_count_for_early_stopping():
    moving, _ = ascent(target_gap=0.05)
    moving.update({"like": 0.5}, 0.5)
    assert not moving.end_epoch()
    # Nothing moved since.
    assert moving.end_epoch()


@pytest.mark.parametrize(
    ("steps", "epochs", "batch", "rows", "expected"),
    [
        (100, 32, 64, 100, [100]),
        (100, 8, 64, 100, [25, 50, 75, 100]),
        (100, 6, 64, 7680, [50, 100]),
        (15, 1, 64, 100, [15]),
        (1, 1, 64, 10**6, [1]),
        (1000, 1, 64, 64, [round(1000 * i / 32) for i in range(1, 33)]),
    ],
)
def test_updates_are_spread_over_an_epoch_and_end_it(steps, epochs, batch, rows, expected):
    assert updates_at(steps, epochs, batch, rows) == expected


def scores(seed, n=400):
    random = np.random.default_rng(seed)
    groups = random.integers(-1, 3, n).astype(np.int32)
    return TaskScores(random.normal(0.3 * groups, 1).astype(np.float32), random.random(n) < 0.4, {"g": groups})


def test_gap_and_its_error_against_fairlearn_and_resampling():
    found = scores(1)
    gap, error, _ = measured_gap(found, "g", 0.5)
    known = found.groups["g"] >= 0
    frame = MetricFrame(
        metrics=false_positive_rate,
        y_true=found.labels[known],
        y_pred=found.probabilities[known] > 0.5,
        sensitive_features=found.groups["g"][known],
    )
    assert gap == pytest.approx(frame.difference()) == pytest.approx(found.rate_gap("g", 0.5))
    random, gaps = np.random.default_rng(0), []
    low, high = frame.by_group.idxmin(), frame.by_group.idxmax()
    for _ in range(2000):
        rows = random.integers(0, len(found.labels), len(found.labels))
        labels, groups = found.labels[rows], found.groups["g"][rows]
        positive = found.probabilities[rows] > 0.5
        gaps.append(positive[~labels & (groups == high)].mean() - positive[~labels & (groups == low)].mean())
    assert error == pytest.approx(np.std(gaps), rel=0.1)


def test_the_gaps_upper_bound_holds_the_true_gap_in_95_of_100_samples():
    """120 negatives of a group at a rate of 0.9, 60 of another at 0.7: neither is the higher one by chance."""
    random, held = np.random.default_rng(2), []
    groups = np.repeat([0, 1], [120, 60]).astype(np.int32)
    for _ in range(2000):
        positive = random.random(180) < np.where(groups == 0, 0.9, 0.7)
        sample = TaskScores(np.where(positive, 1, -1).astype(np.float32), np.zeros(180, bool), {"g": groups})
        held.append(measured_gap(sample, "g", 0.5).upper >= 0.2)
    assert 0.93 < np.mean(held) < 0.975


def test_a_gap_of_nothing_still_has_an_upper_bound():
    """Twenty negatives in each group, all predicted positive: Wilson's lower end at z = 1.645 is n / (n + z²)."""
    sample = TaskScores(np.ones(40, np.float32), np.zeros(40, bool), {"g": np.repeat([0, 1], 20).astype(np.int32)})
    gap = measured_gap(sample, "g", 0.5)
    assert gap.value == gap.standard_error == 0
    assert gap.upper == pytest.approx(1 - 20 / (20 + 1.6448536**2), rel=1e-4)


@pytest.mark.parametrize(
    ("asked", "last", "words"),
    [
        (0.9, 2.0, "was held on validation: an FPR gap of .*, at epoch 1 with λ 1.5$"),
        (0.2, 2.0, "was held on validation: .* too small to be sure of it: the gap may be as large as 0.3133 "),
        (
            0.1,
            2.0,
            "was NOT held on validation: the closest was an FPR gap of .* below its bound: more epochs may help",
        ),
        (0.1, 100.0, "λ ended at its bound 100 "),
        (0.001, 2.0, "finer than validation can tell"),
    ],
)
def test_the_outcome_is_told_in_words(asked, last, words):
    history = [
        {"tasks": {"like": {"strength": strength, "validation": {"fpr_gap": gap}}}}
        for strength, gap in ((1.5, 0.2), (last, 0.3))
    ]
    settings = FairnessSettings(mode="vanilla", target_gap=asked)
    (found,) = outcome(settings, history, 0, {"like": scores(1)}, {"like": 0.5}, "g").values()
    assert found["sure"] == (found["upper"] <= asked) and found["achieved"] < found["upper"]
    assert found["held"] == (found["achieved"] <= asked) and found["strength"] == 1.5 and found["last_strength"] == last
    assert found["epoch"] == 1 and found["at_bound"] == (last == 100.0)
    assert (found["strengths"], found["gaps"]) == ([1.5, last], [0.2, 0.3])
    assert re.search(words, found["sentence"])


@pytest.mark.parametrize("gap", [0.0, -0.1, 1.0, {"like": 0.1, "buy": 0.0}])
def test_targets_that_no_data_can_hold_are_refused(gap):
    with pytest.raises(ValueError, match="above 0 and below 1"):
        FairnessSettings(mode="vanilla", target_gap=gap)


def test_a_start_above_the_bound_is_refused():
    with pytest.raises(ValueError, match="at most `max_strength` 2.0. Received: 3.0"):
        FairnessSettings(mode="vanilla", target_gap=0.1, strength=3.0, max_strength=2.0)


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"fairness": {"mode": "none"}}, "`fairness.mode: none` has none"),
        ({"fairness": {"mode": "mtaf_difference"}}, "can turn negative"),
        ({"fairness": {"mode": "vanilla", "on": "positives"}}, "trains on positives alone"),
        ({"fairness": {"mode": "vanilla", "target_gap": {"lik": 0.1}}}, "should name some of the tasks .*Received"),
        ({"fairness": {"mode": "vanilla", "target_gap": {}}}, "should name some of the tasks"),
        (
            {"fairness": {"mode": "vanilla"}, "model": {"network": "dsmtl", "sharing": "il"}},
            "trains the network in stages",
        ),
    ],
)
def test_settings_that_cannot_hold_a_target_are_refused(make_settings, blocks, message):
    fairness = {"target_gap": 0.1, **blocks["fairness"]}
    with pytest.raises(ValueError, match=message):
        check_combination(make_settings(**{**blocks, "fairness": fairness}))


def run(settings, data, folder, report=lambda line: None, **paths):
    """(training.json, the exported weights)."""
    job = TrainingJob(
        settings=settings,
        code="1",
        train_files=data.patterns("train"),
        validation_files=data.patterns("validation"),
        transform_dir=data.transform_dir,
        model_dir=str(folder / "model"),
        log_dir=str(folder / "log"),
        **paths,
    )
    run_job(job, report)
    reader = tf.train.load_checkpoint(str(folder / "model" / "variables" / "variables"))
    names = sorted(name for name in reader.get_variable_to_shape_map() if name.startswith("weights/"))
    return json.loads((folder / "log" / "training.json").read_text(encoding="utf-8")), [
        reader.get_tensor(name) for name in names
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory, request):
    """4,000 train and 3,000 validation rows with a gap between genders of .3 or so."""
    conftest = request.config.pluginmanager.get_plugin(str(request.path.parents[1] / "conftest.py"))
    folder = tmp_path_factory.mktemp("world")
    return conftest.transform_rows(folder, conftest.make_rows(4000, 5), conftest.make_rows(3000, 6))


TRAINING = {"epochs": 12, "batch_size": 128, "learning_rate": 0.01}


@pytest.mark.parametrize(
    "fairness",
    [
        pytest.param({"mode": "vanilla", "loss": "correlation"}, marks=pytest.mark.slow),
        {"mode": "mtaf", "loss": "mmd"},
    ],
)
def test_asked_for_gaps_are_held_on_validation(make_settings, world, tmp_path, fairness):
    free, _ = run(make_settings(training=TRAINING), world, tmp_path / "free")
    unconstrained = max(
        figures["validation"]["fpr_gap"] for figures in free["history"][free["kept_epoch"] - 1]["tasks"].values()
    )
    assert unconstrained > 0.19
    settings = make_settings(training=TRAINING, fairness={**fairness, "target_gap": 0.1})
    lines = []
    found, _ = run(settings, world, tmp_path / "held", lines.append)
    kept = found["history"][found["kept_epoch"] - 1]
    for task, target in found["target_gap"].items():
        assert target["held"] and target["achieved"] <= 0.1, target
        # The block is about the exported weights, at the exported threshold.
        assert target["achieved"] == pytest.approx(kept["tasks"][task]["validation"]["fpr_gap"])
        assert target["strength"] == kept["tasks"][task]["strength"] > 0
        # Its path: as long as the training, 0 at first, at the kept epoch what was kept.
        assert len(target["strengths"]) == len(target["gaps"]) == len(found["history"]) and target["strengths"][0] == 0
        assert target["gaps"][found["kept_epoch"] - 1] == pytest.approx(target["achieved"])
        assert target["sentence"] in lines
    # Of the epochs that hold all targets, it is the most accurate.
    losses = [
        record["loss"]["validation"]
        for record in found["history"]
        if all(figures["validation"]["fpr_gap"] <= 0.1 for figures in record["tasks"].values())
    ]
    assert kept["loss"]["validation"] == min(losses)


def test_a_target_that_does_not_bind_gives_the_free_model(make_settings, world, tmp_path):
    training = {**TRAINING, "epochs": 16, "early_stopping": None}
    free, _ = run(make_settings(training=training), world, tmp_path / "free")
    settings = make_settings(training=training, fairness={"mode": "vanilla", "loss": "correlation", "target_gap": 0.9})
    found, _ = run(settings, world, tmp_path / "loose")
    last = found["history"][-1]
    assert [figures["strength"] for figures in last["tasks"].values()] == [0, 0, 0]
    losses = [min(record["loss"]["validation"] for record in t["history"]) for t in (found, free)]
    assert found["history"][found["kept_epoch"] - 1]["loss"]["validation"] == losses[0]
    assert losses[0] == pytest.approx(losses[1], abs=0.005)


def test_a_target_that_cannot_be_held_is_said_loudly(make_settings, data, tmp_path):
    """One correlation term far too weak: λ at most 0.001."""
    fairness = {"mode": "vanilla", "loss": "correlation", "strength": 0.001, "max_strength": 0.001, "target_gap": 0.05}
    settings = make_settings(fairness=fairness, training={"epochs": 4, "early_stopping": None})
    lines = []
    found, _ = run(settings, data, tmp_path, lines.append)
    worst = max(found["target_gap"].values(), key=lambda target: target["achieved"])
    assert not worst["held"] and worst["at_bound"]
    assert f"WARNING: {worst['sentence']}" in lines and "λ ended at its bound 0.001" in worst["sentence"]
    # The epoch that is kept, early stopping or not, is the one whose largest excess is the smallest.
    excess = [max(f["validation"]["fpr_gap"] for f in record["tasks"].values()) for record in found["history"]]
    assert found["kept_epoch"] - 1 == int(np.argmin(excess))


class Interrupt(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_an_interrupted_training_goes_on_with_its_strengths(make_settings, data, tmp_path, monkeypatch):
    """Cut between an update of λ in the middle of an epoch and the next checkpoint."""
    monkeypatch.setattr(target_gap, "_STEPS_BETWEEN", 4)
    fairness = {"mode": "mtaf", "loss": "mmd", "target_gap": {"like": 0.05, "buy": 0.1}}
    settings = make_settings(
        fairness=fairness,
        model={"dropout": 0.2},
        training={"epochs": 3, "checkpoint_steps": 3, "weighting": {"method": "excess_risk"}},
    )
    whole, expected = run(settings, data, tmp_path / "whole")
    strengths = [record["tasks"]["like"]["strength"] for record in whole["history"]]
    assert len(set(strengths)) == 3 and "strength" not in whole["history"][0]["tasks"]["click"]

    make_trainer = stages.Trainer
    with monkeypatch.context() as patched:
        callbacks = [Interrupt(16 + 11)]
        patched.setattr(stages, "Trainer", lambda *args, **options: make_trainer(*args, callbacks=callbacks, **options))
        with pytest.raises(KeyboardInterrupt):
            run(settings, data, tmp_path / "cut", checkpoint_root=str(tmp_path / "checkpoints"))
    lines = []
    resumed, found = run(settings, data, tmp_path / "cut", lines.append, checkpoint_root=str(tmp_path / "checkpoints"))
    assert any(line.startswith("resumed at epoch 2, step 9 of 16") for line in lines)
    # Figures of train are those since the checkpoint.
    for one, other in zip(whole["history"], resumed["history"], strict=True):
        for task in one["tasks"]:
            for key in ("strength", "validation", "weight"):
                assert one["tasks"][task].get(key) == other["tasks"][task].get(key)
    assert resumed["target_gap"] == whole["target_gap"]
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_validation_without_negatives_of_two_groups_is_refused(make_settings, data, tmp_path, monkeypatch):
    import models.training.run as training_run

    def alone(source, sizes, *options):
        counts = count(source, sizes, *options)
        if source.split == "validation":
            counts.cells["buy"]["gender"][2, 0] = 0
        return counts

    count = training_run.count_outcomes
    monkeypatch.setattr(training_run, "count_outcomes", alone)
    settings = make_settings(fairness={"mode": "vanilla", "target_gap": 0.1})
    with pytest.raises(ValueError, match="task `buy` needs negatives of two values of group `gender` .*`women` 0"):
        run(settings, data, tmp_path)
