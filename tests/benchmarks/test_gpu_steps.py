"""The GPU benchmark where there is no GPU: it says so; its step itself runs on the CPU."""

from __future__ import annotations

import pytest
import tensorflow as tf
import tf_keras as keras

from benchmarks.gpu import steps


@pytest.fixture
def small(monkeypatch):
    """A model that takes a second."""
    for name, value in {"NUMERIC": 2, "CATEGORICAL": 2, "VOCABULARY": 50, "WARM_UP": 1}.items():
        monkeypatch.setattr(steps, name, value)
    before = keras.mixed_precision.global_policy()
    yield
    keras.mixed_precision.set_global_policy(before)


@pytest.mark.parametrize("precision", steps.PRECISIONS)
def test_a_step_of_each_precision(small, precision):
    found = steps.measure("/CPU:0", precision, 64, steps=3)
    assert found["rows_per_second"] == pytest.approx(64 * found["steps_per_second"])
    assert 0.1 < found["loss"] < 3


def test_a_loss_that_is_not_finite_fails(small, monkeypatch):
    make = steps.make_batch

    def broken(rows):
        batch = make(rows)
        return {**batch, "labels": {**batch["labels"], "click": tf.fill([rows], float("nan"))}}

    monkeypatch.setattr(steps, "make_batch", broken)
    with pytest.raises(FloatingPointError, match=r"/CPU:0, float32, batches of 64: the loss is nan"):
        steps.measure("/CPU:0", "float32", 64, steps=1)


def test_without_a_gpu_it_is_skipped_aloud_and_ends_well(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    table = tmp_path / "README.md"
    table.write_text("as it was", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["steps", "--table", str(table)])
    steps.main()
    told = capsys.readouterr().out
    assert told.startswith("skipped: TensorFlow") and "sees no GPU here" in told
    assert "CUDA_VISIBLE_DEVICES is ''" in told and "Nothing was measured" in told
    assert table.read_text(encoding="utf-8") == "as it was"


def test_with_a_gpu_every_size_and_precision_is_measured(monkeypatch, capsys, tmp_path):
    """What it would do where there is one: the measurements are replaced, their order and the table are its own."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda device: {"device_name": "Some GPU"})
    asked = []

    def child(device, precision, rows):
        asked.append((device, precision, rows))
        return {"steps_per_second": 10.0, "rows_per_second": 10.0 * rows, "loss": 0.5}

    monkeypatch.setattr(steps, "child", child)
    table = tmp_path / "README.md"
    table.write_text(f"before {steps.MARKS[0]}\nold\n{steps.MARKS[1]} after", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["steps", "--table", str(table)])
    steps.main()
    expected = [("/GPU:0", precision, rows) for precision in steps.PRECISIONS for rows in steps.BATCH_SIZES]
    assert asked == expected + [("/CPU:0", "float32", rows) for rows in steps.BATCH_SIZES]
    text = table.read_text(encoding="utf-8")
    assert "| Some GPU | mixed_bfloat16 | 32,768 | 10.0 | 327,680 | 0.5000 |" in text
    assert text.startswith("before") and text.endswith("after") and "old" not in text
