"""Two replicas take the step that one takes. In a process of its own: virtual devices have to be made first.

Value and gradient of one step are compared for every fairness mode and loss, and the weights after an epoch of real batches
for one of them.
"""

import json
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

SCRIPT = textwrap.dedent(
    """
    import json, sys
    import models
    import numpy as np, tensorflow as tf, tensorflow_transform as tft
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    from models.fairness.streams import write_streams
    from models.training.fitting import Trainer
    from models.data.input_pipeline import ExampleSource
    from models.networks.registry import build_network
    from models.config.settings import TrainerSettings
    from models.fairness.target_gap import DualAscent
    from models.fairness.terms import FairnessTerms
    from models.training.optimizers import make_optimizer
    from models.training.step import MultiTaskModel

    settings = TrainerSettings.model_validate_json(sys.argv[1])
    folder, rows = sys.argv[2], int(sys.argv[3])
    tasks = [task.name for task in settings.tasks]
    spec = tft.TFTransformOutput(f"{folder}/transform").transformed_feature_spec()
    train, validation = (
        ExampleSource((f"{folder}/{split}-*",), spec, settings.features, tuple(tasks), settings.groups, split)
        for split in ("train", "validation")
    )

    def weights(strategy):
        with strategy.scope():
            network = build_network(settings.model, settings.features, {"device/type": 4, "tags": 8}, tasks, 3)
            terms = FairnessTerms(settings.fairness, "gender", 2, {task: True for task in tasks})
            model = MultiTaskModel(network, settings.tasks, terms, seed=5)
            model.compile(optimizer=make_optimizer(settings.training))
        streams = None
        if settings.fairness.batches == "balanced":
            streams = write_streams(train, terms, f"{sys.argv[4]}", shuffle_rows=100)
        ascent = None
        if settings.fairness.target_gap is not None:
            ascent = DualAscent(settings.fairness, model.fairness.strength)
        fit = Trainer(
            model, train, validation, settings.training, train_rows=rows, base_rate={}, group="gender", streams=streams,
            ascent=ascent, validation_rows=100
        ).run()
        return network.get_weights(), fit.position.history[-1]

    one = weights(tf.distribute.get_strategy())
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    two = weights(strategy)
    print(json.dumps({
        "difference": max(float(np.abs(a - b).max()) for a, b in zip(one[0], two[0])),
        "scale": max(float(np.abs(a).max()) for a in one[0]),
        "one": one[1], "two": two[1],
    }))
    """
)


def run(settings, data, tmp_path, rows=1000):
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            SCRIPT,
            settings.model_dump_json(),
            str(data.folder),
            str(rows),
            str(tmp_path / "streams"),
        ],
        cwd=pathlib.Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=300,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stderr[-4000:]
    return json.loads(result.stdout.splitlines()[-1])


def test_two_replicas_end_with_the_weights_of_one(make_settings, data, tmp_path):
    """Plain SGD, so that the weights after an epoch show any factor in the gradients."""
    assert 1000 % 66 == 10  # the last batch: one replica, whose share is 33, takes all of it, the other nothing
    settings = make_settings(
        fairness={"mode": "mtaf", "strength": 2.0, "loss": "fpr_gap"},
        training={"optimizer": "sgd", "learning_rate": 0.3, "epochs": 1, "batch_size": 66},
    )
    found = run(settings, data, tmp_path)
    assert found["difference"] < 2e-5 * found["scale"]
    for task in ("like", "click", "buy"):
        one, two = (found[key]["tasks"][task]["train"] for key in ("one", "two"))
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)
        assert one["auc"] == pytest.approx(two["auc"], rel=1e-4)
        assert one["fairness"] == pytest.approx(two["fairness"], rel=1e-3)


def test_a_strength_that_is_learned_reaches_both_replicas(make_settings, data, tmp_path):
    """λ moves five times in the epoch, and each step after that has the new one on both devices."""
    settings = make_settings(
        fairness={"mode": "vanilla", "strength": 2.0, "loss": "fpr_gap", "target_gap": {"like": 0.02, "click": 0.9}},
        training={"optimizer": "sgd", "learning_rate": 0.3, "epochs": 1, "batch_size": 20},
    )
    found = run(settings, data, tmp_path)
    for task, (low, high) in {"like": (2.1, 100), "click": (0, 1.9)}.items():
        one, two = (found[key]["tasks"][task]["strength"] for key in ("one", "two"))
        assert low <= one <= high and one == pytest.approx(two, rel=1e-3)
    assert found["difference"] < 2e-4 * found["scale"]


@pytest.mark.slow
def test_balanced_batches_are_shared_out(make_settings, data, tmp_path):
    settings = make_settings(
        fairness={"mode": "mtaf", "batches": "balanced", "balanced_batch_size": 32},
        training={"optimizer": "sgd", "epochs": 1},
    )
    found = run(settings, data, tmp_path)
    # Other rows are drawn for two replicas than for one, so only the size of the terms can be compared.
    for task in ("like", "click", "buy"):
        for part, value in found["one"]["tasks"][task]["train"]["fairness"].items():
            assert found["two"]["tasks"][task]["train"]["fairness"][part] == pytest.approx(value, rel=0.5)


LOSSES = {
    "mmd": {"loss": "mmd"},
    "correlation": {"loss": "correlation"},
    "fpr_gap": {"loss": "fpr_gap", "sharpness": 10.0},
}
IN_BATCH = {
    "none": {"mode": "none"},
    **{
        f"{mode}-{name}": {"mode": mode, **loss}
        for mode in ("vanilla", "mtaf", "mtaf_difference")
        for name, loss in LOSSES.items()
    },
}
FURTHER = {
    **{
        f"{mode}-{name}-balanced": {"mode": mode, "batches": "balanced", **loss}
        for mode in ("vanilla", "mtaf")
        for name, loss in LOSSES.items()
    },
    "single_task": {"mode": "vanilla", "loss": "mmd", "network": "single_task"},
    "mmoe": {"mode": "mtaf", "loss": "correlation", "network": "mmoe"},
    "gaussian": {"mode": "mtaf", "loss": "mmd", "kernel": "gaussian", "bandwidth": 0.3},
    "both": {"mode": "mtaf", "loss": "fpr_gap", "on": "both", "reduction": "max_rest"},
    "positives": {"mode": "mtaf", "loss": "mmd", "on": "positives", "reduction": "mean_rest"},
}


def compare(cases):
    """One line of `replica_gradients.py` for each case."""
    root = pathlib.Path(__file__).parents[3]
    script = pathlib.Path(__file__).with_name("replica_gradients.py")
    result = subprocess.run(
        [sys.executable, str(script), json.dumps(list(cases.values()))],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=900,
        encoding="utf-8",
    )
    assert result.returncode == 0, result.stderr[-4000:]
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    return dict(zip(cases, lines, strict=True))


def check(found):
    """Float32's rounding, and no factor: with a term counted twice, or not at all, the gradient is off by its own size."""
    for name, figures in found.items():
        assert figures["value"] < 2e-6, (name, figures)
        assert figures["gradient"] < 5e-6, (name, figures)
        assert figures["scale"] > 1e-2, (name, figures)
        # The fairness terms weigh: an error in them would show.
        assert name == "none" or figures["fairness"] > 0.01 * figures["loss"], (name, figures)


def test_one_step_has_the_value_and_gradient_of_one_device():
    check(compare(IN_BATCH))


@pytest.mark.slow
def test_so_it_has_with_batches_of_its_own_and_for_other_networks_kernels_and_reductions():
    check(compare(FURTHER))
