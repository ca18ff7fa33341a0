"""`training.precision: mixed_bfloat16`: computed in bfloat16, kept and served in float32."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.training.job import TrainingJob
from models.training.run import run_job


def train(settings, data, folder):
    """A job under the policy that its settings name, as `train_child` sets it; that of the process is restored."""
    job = TrainingJob(
        settings=settings,
        code="1",
        train_files=data.patterns("train"),
        validation_files=data.patterns("validation"),
        transform_dir=data.transform_dir,
        model_dir=str(folder / "model"),
        log_dir=str(folder / "log"),
    )
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(settings.training.precision)
    try:
        run_job(job, report=lambda line: None)
    finally:
        keras.mixed_precision.set_global_policy(before)
    return tf.saved_model.load(str(folder / "model")), json.loads(
        (folder / "log" / "training.json").read_text(encoding="utf-8")
    )


@pytest.fixture(scope="module")
def both(make_settings, data, tmp_path_factory):
    blocks = {
        "model": {"network": "mmoe", "cross_layers": 1},
        "fairness": {"mode": "mtaf", "loss": "mmd", "strength": 0.1},
    }
    return {
        precision: train(
            make_settings(**blocks, training={"epochs": 4, "precision": precision}),
            data,
            tmp_path_factory.mktemp(precision),
        )
        for precision in ("float32", "mixed_bfloat16")
    }


def scores(model, rows=64):
    inputs = {
        "age": tf.constant(np.linspace(10, 60, rows), tf.float32),
        "clicks": tf.constant(np.arange(rows) % 7, tf.float32),
        "device_type": tf.constant(["phone", "tv"] * (rows // 2)),
        "tags": tf.constant([["t0", ""], ["t1", "t2"]] * (rows // 2)),
    }
    return model.signatures["serving_tensors"](**inputs)


def test_what_is_served_is_float32_whatever_it_is_computed_in(both):
    for model, _ in both.values():
        for signature in ("serving_default", "serving_tensors"):
            outputs = model.signatures[signature].structured_outputs
            assert {spec.dtype for spec in outputs.values()} == {tf.float32}
        assert {variable.dtype for variable in model.weights} == {tf.float32}


def test_it_was_computed_in_bfloat16(both):
    """bfloat16 has 8 bits: scores that differ by float32's rounding alone would have been computed in float32."""
    one, other = (scores(model) for model, _ in both.values())
    for task in ("like", "click", "buy"):
        difference = np.abs(one[task].numpy() - other[task].numpy())
        assert difference.max() > 1e-4
    graph = both["mixed_bfloat16"][0].signatures["serving_tensors"].graph.as_graph_def()
    kinds = {node.attr["T"].type for f in graph.library.function for node in f.node_def if node.op == "MatMul"}
    assert tf.bfloat16.as_datatype_enum in kinds


def test_it_learns_as_well(both):
    histories = {precision: training["history"] for precision, (_, training) in both.items()}
    for history in histories.values():
        losses = [record["loss"]["validation"] for record in history]
        assert np.isfinite(losses).all() and losses[-1] < losses[0]
    last = {precision: history[-1]["tasks"] for precision, history in histories.items()}
    for task, figures in last["float32"].items():
        assert last["mixed_bfloat16"][task]["validation"]["auc"] == pytest.approx(
            figures["validation"]["auc"], abs=0.03
        )
