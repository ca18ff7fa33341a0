import math
import uuid

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.data.input_pipeline import ordered_batches
from models.networks.registry import build_network
from models.training.fitting import Trainer
from models.training.optimizers import make_optimizer
from models.training.progress import EpochLog, epoch_line
from models.training.step import MultiTaskModel

SIZES = {"device/type": 4, "tags": 8}


def make_trainer(settings, data, **options):
    tasks = [task.name for task in settings.tasks]
    network = build_network(settings.model, settings.features, SIZES, tasks, 3)
    model = MultiTaskModel(network, settings.tasks, None, seed=5)
    model.compile(optimizer=make_optimizer(settings.training))
    options = {"train_rows": 1000, "base_rate": {}, "group": "gender", "report": lambda line: None, **options}
    return model, Trainer(model, data.source("train"), data.source("validation"), settings.training, **options)


def test_keeps_the_best_epoch_and_stops_when_it_is_patient_no_more(make_settings, data):
    """A learning rate at which the validation loss soon rises."""
    settings = make_settings(training={"epochs": 30, "learning_rate": 0.1, "early_stopping": {"patience": 2}})
    lines = []
    model, trainer = make_trainer(settings, data, report=lines.append)
    fit = trainer.run()
    losses = [record["loss"]["validation"] for record in fit.position.history]
    assert len(losses) < 30
    assert fit.kept_epoch == int(np.argmin(losses)) == len(losses) - 3
    # The weights are those of that epoch, and so are the scores.
    kept = sum(model.task_weights[task] * scores.loss() for task, scores in fit.scores.items())
    assert kept == pytest.approx(min(losses), rel=1e-6)
    assert len(lines) == len(losses) and "(best)" in lines[fit.kept_epoch] and "(best)" not in lines[-1]


def test_without_early_stopping_the_last_epoch_is_kept(make_settings, data):
    settings = make_settings(training={"epochs": 3, "learning_rate": 0.1, "early_stopping": None})
    _, trainer = make_trainer(settings, data)
    fit = trainer.run()
    assert fit.kept_epoch == 2 and fit.position.epoch == 3
    assert [record["epoch"] for record in fit.position.history] == [0, 1, 2]


class Interrupt(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("step", "optimizer", "remote"),
    [(3, "adam", False), (21, "adam", False), (33, "adam", False), (21, "lazy_adam", True)],
    ids=["first epoch", "mid epoch", "after an epoch", "on a remote file system"],
)
def test_an_interrupted_training_goes_on_to_the_same_weights(make_settings, data, tmp_path, step, optimizer, remote):
    """Bit for bit: on a CPU, operations are deterministic and the position in the data is part of the checkpoint."""
    folder = f"ram://{uuid.uuid4().hex}/checkpoints" if remote else str(tmp_path)
    settings = make_settings(
        training={"epochs": 3, "checkpoint_steps": 2, "optimizer": optimizer}, model={"dropout": 0.2}
    )
    whole, trainer = make_trainer(settings, data)
    expected = trainer.run()

    _, trainer = make_trainer(settings, data, checkpoint_dir=folder, callbacks=[Interrupt(step)])
    with pytest.raises(KeyboardInterrupt):
        trainer.run()
    lines = []
    resumed, trainer = make_trainer(settings, data, checkpoint_dir=folder, report=lines.append)
    found = trainer.run()
    assert lines[0].startswith(f"resumed at epoch {step // 16 + 1}, step {step % 16 // 2 * 2} of 16")
    for one, other in zip(whole.network.get_weights(), resumed.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.kept_epoch == expected.kept_epoch
    losses = [[record["loss"]["validation"] for record in fit.position.history] for fit in (found, expected)]
    assert losses[0] == losses[1]


def test_how_many_steps_a_call_takes_changes_nothing(make_settings, data, tmp_path):
    """Calls end where a checkpoint is due, and the last of an epoch's with its shorter batch."""
    settings = make_settings(training={"epochs": 2, "checkpoint_steps": 6}, model={"dropout": 0.2})
    model, trainer = make_trainer(settings, data, checkpoint_dir=str(tmp_path))
    counts, steps = [], model.train_steps
    model.train_steps = lambda batches, count: (counts.append(count), steps(batches, count))
    trainer.run()
    assert counts == [6, 6, 4] * 2
    single, trainer = make_trainer(settings, data, callbacks=[keras.callbacks.Callback()])
    trainer.run()
    for one, other in zip(model.network.get_weights(), single.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_finished_training_is_not_trained_further(make_settings, data, tmp_path):
    settings = make_settings(training={"epochs": 2})
    first, trainer = make_trainer(settings, data, checkpoint_dir=str(tmp_path))
    trainer.run()
    again, trainer = make_trainer(settings, data, checkpoint_dir=str(tmp_path), callbacks=[Interrupt(1)])
    fit = trainer.run()
    assert len(fit.position.history) == 2
    for one, other in zip(first.network.get_weights(), again.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_divergence_is_told_with_what_to_change(make_settings, data):
    model, trainer = make_trainer(make_settings(), data, base_rate={"like": 0.3})
    model.network.set_weights([np.full_like(weights, np.nan) for weights in model.network.get_weights()])
    with pytest.raises(
        FloatingPointError,
        match="epoch 1, task .*`like`.*: expected a finite train loss. Received: nan, so the training diverges; "
        "lower `training.learning_rate`",
    ):
        trainer.run()


def test_thresholds_of_the_losses_follow_the_base_rate(make_settings, data):
    tasks = [{"name": "like"}, {"name": "click", "threshold": 0.3}, {"name": "buy"}]
    model, trainer = make_trainer(make_settings(tasks=tasks), data, base_rate={"like": 0.25, "buy": 0.5})
    assert [float(value) for value in model.thresholds] == pytest.approx([0.5, 0.3, 0.5])
    fit = trainer.run()
    like, click, buy = (float(value) for value in model.thresholds)
    assert click == pytest.approx(0.3)
    last = fit.position.history[-1]["tasks"]
    assert like == last["like"]["validation"]["threshold"] != buy
    if fit.kept_epoch == len(fit.position.history) - 1:
        assert np.mean(fit.scores["like"].probabilities >= like) == pytest.approx(0.25, abs=0.01)


def test_tensorboard_has_a_scalar_for_each_figure(make_settings, data, tmp_path):
    _, trainer = make_trainer(make_settings(), data, log=EpochLog(str(tmp_path)))
    fit = trainer.run()
    found = {}
    for path in tmp_path.iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    assert set(found["loss/validation"]) == {1, 2}
    for task in ("like", "click", "buy"):
        for name in ("loss/train", "auc/train", "loss/validation", "auc/validation", "fpr_gap/validation"):
            assert set(found[f"{task}/{name}"]) == {1, 2}
    for record in fit.position.history:
        logged = found["buy/auc/validation"][record["epoch"] + 1]
        assert logged == pytest.approx(record["tasks"]["buy"]["validation"]["auc"], rel=1e-6)


def test_the_line_of_an_epoch_names_every_task():
    validation = {"loss": 0.5, "auc": 0.75, "threshold": 0.4, "fpr_gap": 0.125}
    train = {"loss": 0.6, "auc": 0.7, "fairness": {"head": 0.01, "shared": 0.02}}
    record = {
        "epoch": 1,
        "seconds": 3.21,
        "rows_per_second": 12345.6,
        "loss": {"train": 0.6, "validation": 0.5},
        "tasks": {"like": {"train": train, "validation": validation}},
    }
    line = epoch_line(record, 5, best=True)
    assert line.startswith("epoch 2/5  3.2 s  12,346 rows/s  loss train 0.6000 validation 0.5000 (best)")
    assert "like: loss 0.5000 AUC 0.7500 FPR gap 0.1250 fairness/head 0.01000 fairness/shared 0.02000" in line
    assert "nan" not in line and not math.isnan(record["seconds"])


def test_gates_of_experts_are_recorded_by_epoch(make_settings, data, tmp_path):
    settings = make_settings(model={"network": "mmoe", "experts": 3}, training={"epochs": 2, "early_stopping": None})
    model, trainer = make_trainer(settings, data, log=EpochLog(str(tmp_path)))
    history = trainer.run().position.history
    features = [b["features"] for b in ordered_batches(data.source("validation"), batch_size=10_000)]
    expected = model.network.mean_gate_weights(features[0])
    for task, figures in history[-1]["tasks"].items():
        assert sum(figures["gates"]) == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(figures["gates"], expected[task], atol=1e-6)
    assert history[0]["tasks"]["like"]["gates"] != history[1]["tasks"]["like"]["gates"]
    tags = {
        value.tag
        for path in tmp_path.glob("events*")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert {f"like/gate/expert {expert}" for expert in (1, 2, 3)} <= tags


def test_networks_without_gates_record_none(make_settings, data):
    _, trainer = make_trainer(make_settings(training={"epochs": 1}), data)
    (record,) = trainer.run().position.history
    assert all("gates" not in figures for figures in record["tasks"].values())
