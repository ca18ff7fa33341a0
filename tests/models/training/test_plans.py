"""Trainings in stages and with further terms, through the runner that the Trainer uses."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from models.config.combinations import check_combination
from models.data.counting import count_outcomes
from models.data.preprocessing import group_values, vocabulary_sizes
from models.metrics.task_scores import score_split
from models.networks.base import NetworkSpec
from models.training.plans import train
from models.training.stages import StageRunner, TrainingData


def run(settings, data, checkpoint_dir=None):
    transform = tft.TFTransformOutput(data.transform_dir)
    groups = {name: group_values(transform, name) for name in settings.groups}
    source = data.source("train", settings)
    counts = count_outcomes(source, {name: len(values) for name, values in groups.items()})
    lines = []
    runner = StageRunner(
        settings,
        TrainingData(source, data.source("validation", settings), counts, groups),
        checkpoint_dir=checkpoint_dir,
        report=lines.append,
    )
    sizes = vocabulary_sizes(transform, settings.features.inputs)
    tasks = tuple(task.name for task in settings.tasks)
    spec = NetworkSpec(settings.model, settings.features, sizes, tasks, settings.training.seed)
    return train(runner, spec), runner, lines


def test_individual_learning_leaves_no_task_worse_in_train_loss(make_settings, data):
    settings = make_settings(model={"network": "dsmtl", "sharing": "il"}, training={"epochs": 3})
    trained, runner, lines = run(settings, data)
    assert list(runner.fits) == ["single_task", "sharing"]
    final = runner.train_losses(trained.network)
    alone = trained.sharing["train_losses"]["single_task"]
    for task, stage in trained.sharing["stage_of"].items():
        assert final[task] <= alone[task] + 1e-6
        assert (task in trained.sharing["closed_gates"]) == (stage == "single_task")
        # The scores are those of the network that is exported.
        assert trained.scores[task] is runner.fits[stage].scores[task]
    # One numbering over both stages.
    assert [record["epoch"] for record in runner.history] == list(range(6))
    assert [record["stage"] for record in runner.history] == ["single_task"] * 3 + ["sharing"] * 3
    assert "sharing: epoch 4/6" in lines[3]


def test_a_stage_without_shared_gradients_says_that_tasks_weigh_the_same(make_settings, data):
    """Individual learning's first stage trains private parts alone; what compares gradients comes with the second."""
    settings = make_settings(
        model={"network": "dsmtl", "sharing": "il"}, training={"epochs": 1, "weighting": {"method": "mgda"}}
    )
    _, runner, lines = run(settings, data)
    said = [line for line in lines if "weigh the same" in line]
    assert said == ["stage single_task: all tasks weigh the same; `training.weighting.method: mgda` has no part in it"]
    weights = [[record["tasks"][task]["weight"] for task in ("like", "click", "buy")] for record in runner.history]
    assert weights[0] == pytest.approx([1 / 3] * 3) and weights[1] != pytest.approx([1 / 3] * 3, abs=1e-4)


def test_weights_from_losses_need_no_shared_layer(make_settings, data):
    settings = make_settings(
        model={"network": "single_task"}, training={"epochs": 1, "weighting": {"method": "group_dro", "step": 0.1}}
    )
    _, runner, lines = run(settings, data)
    weights = [runner.history[0]["tasks"][task]["weight"] for task in ("like", "click", "buy")]
    assert sum(weights) == pytest.approx(1) and max(weights) > 1 / 3 + 1e-3
    assert not any("weigh the same" in line for line in lines)


def test_architecture_learning_searches_on_held_out_rows_and_retrains(make_settings, data):
    settings = make_settings(
        model={"network": "dsmtl", "sharing": "al", "search_epochs": 1, "shared_units": [16, 8]}, training={"epochs": 1}
    )
    trained, runner, _ = run(settings, data)
    assert list(runner.fits) == ["search", "compact"]
    counts = trained.sharing["parameters"]
    assert counts["network"] == sum(int(tf.size(v)) for v in trained.network.trainable_variables)
    assert counts["network"] <= counts["full"] and counts["single_task"] < counts["full"]
    assert set(trained.sharing["architecture"]) == {"like", "click", "buy"}
    # The choices moved from ½: the held-out rows reached them.
    gates = runner.fits["search"].position.history[-1]["tasks"]["like"]["gates"]
    assert len(gates) == 3 and np.abs(np.array(gates) - 0.5).max() > 1e-3


def test_just_train_twice_weighs_the_first_models_errors(make_settings, data):
    settings = make_settings(training={"robustness": {"method": "jtt", "first_epochs": 1, "upweight": 50.0}})
    plain, _, _ = run(make_settings(), data)
    trained, runner, _ = run(settings, data)
    assert list(runner.fits) == ["first", "second"]
    # Positives are rare for a model of one epoch, so it errs on them, and the second model scores higher.
    assert trained.scores["like"].probabilities.mean() > plain.scores["like"].probabilities.mean() + 0.05


def test_pretraining_moves_the_trunk_and_no_tower(make_settings, data):
    settings = make_settings(training={"epochs": 1, "robustness": {"method": "regularised", "pretrain_epochs": 1}})
    trained, runner, _ = run(settings, data)
    assert list(runner.fits) == ["reconstruction", "tasks"]
    history = runner.history
    # In pretraining the tasks' losses stay what an untrained tower makes of a changing trunk; then they fall.
    assert history[1]["loss"]["train"] < history[0]["loss"]["train"]


def test_group_dro_trains_the_worst_cells(make_settings, data):
    """On train, where it is promised: the worst mean loss of a label in a group, averaged over tasks."""

    def worst_cell_loss(robustness):
        settings = make_settings(training={"epochs": 6, "robustness": robustness})
        trained, runner, _ = run(settings, data)
        worst = []
        for scores in score_split(trained.network, runner.data.train, 1000).values():
            losses = np.logaddexp(0, scores.logits) - scores.labels * scores.logits
            cells = [
                (scores.groups["gender"] == group) & (scores.labels == label) for group in (0, 1) for label in (0, 1)
            ]
            worst.append(max(losses[cell].mean() for cell in cells))
        return np.mean(worst)

    assert worst_cell_loss({"method": "group_dro"}) < worst_cell_loss({"method": "none"}) - 0.02


@pytest.mark.parametrize("figure", ["worst_group_error", "worst_cell_error"])
def test_the_epoch_is_kept_by_the_figure_that_is_asked_for(make_settings, data, figure):
    settings = make_settings(training={"epochs": 5, "learning_rate": 0.05, "select_by": figure})
    _, runner, lines = run(settings, data)
    values = [record[figure] for record in runner.history]
    assert runner.last.kept_epoch == int(np.argmin(values))
    assert f"{figure.replace('_', ' ')} {values[0]:.4f}" in lines[0]


def test_label_noise_flips_the_share_that_is_asked_for_and_nothing_else(make_settings, data):
    clean, noisy = make_settings(), make_settings(training={"label_noise": {"click": 0.4}})
    batches = []
    for settings in (clean, noisy):
        source = data.source("train", settings)
        noise = settings.training.label_noise
        object.__setattr__(source, "noise", noise)
        records = next(iter(tf.data.TFRecordDataset(source.files(), "GZIP").batch(2000)))
        batches.append((source.parse(records), source.parse_outcomes(records)))
    (one, _), (other, outcomes) = batches
    known = one["weights"]["click"].numpy() > 0
    flipped = one["labels"]["click"].numpy() != other["labels"]["click"].numpy()
    assert flipped[known].mean() == pytest.approx(0.4, abs=0.05)
    np.testing.assert_array_equal(other["labels"]["click"], outcomes["labels"]["click"])
    for task in ("like", "buy"):
        np.testing.assert_array_equal(one["labels"][task], other["labels"][task])
    kinds = other["kinds"]["click"].numpy()
    assert set(kinds[flipped & (other["labels"]["click"].numpy() > 0)]) == {0}
    assert set(kinds[flipped & (other["labels"]["click"].numpy() == 0)]) == {3}


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({"training": {"weighting": {"method": "dwa"}}, "tasks": [{"name": "like"}]}, "needs two or more"),
        (
            {"training": {"weighting": {"method": "mgda"}}, "model": {"network": "single_task"}},
            "single_task` has none",
        ),
        (
            {"training": {"weighting": {"method": "mgda"}, "optimizer": "lazy_adam"}},
            "Take `on: representation`, or `adam`",
        ),
        (
            {
                "training": {"weighting": {"method": "uniform"}},
                "tasks": [{"name": "like"}, {"name": "click", "weight": 2.0}],
            },
            "sets the weights itself; remove `weight`",
        ),
        (
            {"training": {"robustness": {"method": "jtt"}}, "model": {"network": "dsmtl"}},
            "has stages of its own. Take `sharing: jl`",
        ),
        (
            {"fairness": {"mode": "mtaf"}, "model": {"network": "dsmtl", "sharing": "al"}},
            "share nothing, and `fairness.mode: mtaf`",
        ),
        ({"training": {"label_noise": {"lik": 0.2}}}, "`lik` is not a task"),
        ({"training": {"label_noise": {"like": 0.2}}, "fairness": {"mode": "mtaf"}}, "Take `vanilla` or `none`"),
        (
            {"training": {"robustness": {"method": "regularised"}}, "model": {"network": "single_task"}},
            "the network `single_task` shares nothing",
        ),
    ],
)
def test_combinations_that_cannot_work_are_refused_with_the_keys(make_settings, blocks, message):
    with pytest.raises(ValueError, match=message):
        check_combination(make_settings(**blocks))
