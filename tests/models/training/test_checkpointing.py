import io
import os
import uuid

import numpy as np
import pytest
import tensorflow as tf

from models.training.checkpointing import Checkpoints, Position, checkpoint_key, sweep_stale


def make(folder, value=0.0):
    position, variable = Position(), tf.Variable([value, value])
    return Checkpoints(folder and str(folder), position, network=variable), position, variable


@pytest.fixture(params=["disk", "remote"])
def place(request, tmp_path):
    """A folder on this disk, and one of a file system of TensorFlow's that no local call reaches."""
    return str(tmp_path) if request.param == "disk" else f"ram://{uuid.uuid4().hex}"


def names_in(folder):
    return sorted(tf.io.gfile.listdir(folder))


def write(path, content):
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(content)


def test_restores_variables_position_and_best_weights(place):
    checkpoints, position, variable = make(f"{place}/a")
    assert not checkpoints.restore()
    variable.assign([1.5, -2.0])
    position.epoch, position.best_epoch, position.best_loss = 3, 2, 0.25
    position.history.append({"epoch": 0, "tasks": {"like": {"loss": 0.5}}})
    checkpoints.keep_best([np.arange(12.0).reshape(3, 4), np.zeros([0])], 2)
    checkpoints.save()

    again, restored, other = make(f"{place}/a")
    assert again.restore()
    assert restored == position
    assert other.numpy().tolist() == [1.5, -2.0]
    best = again.best_weights()
    assert best[0].tolist() == np.arange(12.0).reshape(3, 4).tolist() and best[1].shape == (0,)


def test_a_kill_between_best_weights_and_checkpoint_leaves_the_one_before(place):
    checkpoints, position, variable = make(place)
    position.best_epoch = 0
    checkpoints.keep_best([np.array([1.0])], 0)
    checkpoints.save()
    # The next epoch is better, and the process is killed before it says so.
    checkpoints.keep_best([np.array([2.0])], 1)
    again, restored, _ = make(place)
    assert again.restore()
    assert restored.best_epoch == 0 and again.best_weights()[0].tolist() == [1.0]


def test_a_half_written_checkpoint_is_not_taken_up(place):
    checkpoints, position, _ = make(place)
    position.epoch = 1
    checkpoints.save()
    write(f"{place}/ckpt-2.data-00000-of-00001.tempstate123", b"half")
    write(f"{place}/best-7.npz.partial", b"half")
    again, restored, _ = make(place)
    assert again.restore() and restored.epoch == 1
    again.save()
    assert not tf.io.gfile.exists(f"{place}/best-7.npz.partial")


def test_keeps_two_checkpoints_and_one_best(place):
    checkpoints, position, _ = make(place)
    for epoch in range(5):
        position.epoch, position.best_epoch = epoch + 1, epoch
        checkpoints.keep_best([np.array([epoch])], epoch)
        checkpoints.save()
    names = names_in(place)
    assert [name for name in names if name.endswith(".index")] == ["ckpt-4.index", "ckpt-5.index"]
    assert [name for name in names if name.startswith("best")] == ["best-4.npz"]


def test_other_variables_are_refused(place):
    checkpoints, _, _ = make(place)
    checkpoints.save()
    other = Checkpoints(place, Position(), network=tf.Variable([0.0, 0.0, 0.0]))
    with pytest.raises(ValueError, match="[Ss]hape"):
        other.restore()


def test_best_weights_go_to_the_folder_one_at_a_time(place):
    """Weights of large tables: an iterator is asked for the next only when the one before is written."""
    checkpoints, position, _ = make(place)
    asked = []

    def weights():
        for index in range(3):
            asked.append((index, "best-4.npz" in names_in(place)))
            yield np.full([2, index], index, np.float32)

    checkpoints.keep_best(weights(), 4)
    assert asked == [(0, False), (1, False), (2, False)]
    assert names_in(place) == ["best-4.npz"]
    position.best_epoch = 4
    checkpoints.save()
    # Of a format that NumPy reads by itself.
    with tf.io.gfile.GFile(f"{place}/best-4.npz", "rb") as file, np.load(io.BytesIO(file.read())) as arrays:
        assert [arrays[name].shape for name in arrays.files] == [(2, 0), (2, 1), (2, 2)]
    assert [weight.tolist() for weight in checkpoints.best_weights()] == [[[], []], [[1.0], [1.0]], [[2.0, 2.0]] * 2]


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
        (folder / "ckpt-1.index").write_text("x", encoding="utf-8")
        then = tf.timestamp().numpy() - age * 24 * 3600
        for path in (folder / "ckpt-1.index", folder):
            os.utime(path, (then, then))
    sweep_stale(str(tmp_path))
    assert os.listdir(tmp_path) == ["new"]
    sweep_stale(str(tmp_path / "nowhere"))


def test_sweeps_nothing_where_the_file_system_tells_no_time(tmp_path):
    root = f"ram://{uuid.uuid4().hex}"
    checkpoints, _, _ = make(f"{root}/new")
    checkpoints.save()
    assert tf.io.gfile.stat(f"{root}/new/checkpoint").mtime_nsec == 0
    sweep_stale(root)
    assert names_in(root) == ["new"] and make(f"{root}/new")[0].restore()


def test_sweeping_leaves_files_that_are_no_folders(tmp_path):
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    os.utime(tmp_path / "note.txt", (1, 1))
    sweep_stale(str(tmp_path))
    assert os.listdir(tmp_path) == ["note.txt"]
