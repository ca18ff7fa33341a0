import os

import numpy as np
import pytest
import tensorflow as tf

from models.checkpointing import Checkpoints, Position, checkpoint_key, sweep_stale


def make(folder, value=0.0):
    position, variable = Position(), tf.Variable([value, value])
    return Checkpoints(folder and str(folder), position, network=variable), position, variable


def test_restores_variables_position_and_best_weights(tmp_path):
    checkpoints, position, variable = make(tmp_path / "a")
    assert not checkpoints.restore()
    variable.assign([1.5, -2.0])
    position.epoch, position.best_epoch, position.best_loss = 3, 2, 0.25
    position.history.append({"epoch": 0, "tasks": {"like": {"loss": 0.5}}})
    checkpoints.keep_best([np.arange(12.0).reshape(3, 4), np.zeros([0])], 2)
    checkpoints.save()

    again, restored, other = make(tmp_path / "a")
    assert again.restore()
    assert restored == position
    assert other.numpy().tolist() == [1.5, -2.0]
    best = again.best_weights()
    assert best[0].tolist() == np.arange(12.0).reshape(3, 4).tolist() and best[1].shape == (0,)


def test_a_kill_between_best_weights_and_checkpoint_leaves_the_one_before(tmp_path):
    checkpoints, position, variable = make(tmp_path)
    position.best_epoch = 0
    checkpoints.keep_best([np.array([1.0])], 0)
    checkpoints.save()
    # The next epoch is better, and the process is killed before it says so.
    checkpoints.keep_best([np.array([2.0])], 1)
    again, restored, _ = make(tmp_path)
    assert again.restore()
    assert restored.best_epoch == 0 and again.best_weights()[0].tolist() == [1.0]


def test_a_half_written_checkpoint_is_not_taken_up(tmp_path):
    checkpoints, position, _ = make(tmp_path)
    position.epoch = 1
    checkpoints.save()
    (tmp_path / "ckpt-2.data-00000-of-00001.tempstate123").write_bytes(b"half")
    (tmp_path / "best-7.npz.partial").write_bytes(b"half")
    again, restored, _ = make(tmp_path)
    assert again.restore() and restored.epoch == 1
    again.save()
    assert not (tmp_path / "best-7.npz.partial").exists()


def test_keeps_two_checkpoints_and_one_best(tmp_path):
    checkpoints, position, _ = make(tmp_path)
    for epoch in range(5):
        position.epoch, position.best_epoch = epoch + 1, epoch
        checkpoints.keep_best([np.array([epoch])], epoch)
        checkpoints.save()
    names = sorted(os.listdir(tmp_path))
    assert [name for name in names if name.endswith(".index")] == ["ckpt-4.index", "ckpt-5.index"]
    assert [name for name in names if name.startswith("best")] == ["best-4.npz"]


def test_other_variables_are_refused(tmp_path):
    checkpoints, _, _ = make(tmp_path)
    checkpoints.save()
    other = Checkpoints(str(tmp_path), Position(), network=tf.Variable([0.0, 0.0, 0.0]))
    with pytest.raises(ValueError, match="[Ss]hape"):
        other.restore()


def test_without_a_folder_the_best_weights_stay_in_memory():
    checkpoints, _, _ = make(None)
    checkpoints.keep_best([np.array([4.0])], 1)
    checkpoints.save()
    assert not checkpoints.restore()
    assert checkpoints.best_weights()[0].tolist() == [4.0]


def test_the_key_depends_on_every_part_and_on_no_order_of_keys():
    base = checkpoint_key(["a", "b"], {"x": 1, "y": 2}, "code")
    assert base == checkpoint_key(["a", "b"], {"y": 2, "x": 1}, "code")
    others = [
        checkpoint_key(["a", "c"], {"x": 1, "y": 2}, "code"),
        checkpoint_key(["a", "b"], {"x": 1, "y": 3}, "code"),
        checkpoint_key(["a", "b"], {"x": 1, "y": 2}, "edited"),
    ]
    assert len({base, *others}) == 4


def test_sweeps_what_nobody_went_on_with(tmp_path):
    for name, age in (("old", 8), ("new", 1)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "ckpt-1.index").write_text("x")
        then = tf.timestamp().numpy() - age * 24 * 3600
        for path in (folder / "ckpt-1.index", folder):
            os.utime(path, (then, then))
    sweep_stale(str(tmp_path))
    assert os.listdir(tmp_path) == ["new"]
    sweep_stale(str(tmp_path / "nowhere"))
