import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from models.data.input_pipeline import epoch_seed, ordered_batches, outcome_batches, train_batches
from models.formats.features import label_key, negative_key, weight_key


def batches(source, **options):
    options = {"epochs": range(1), "batch_size": 64, "shuffle_rows": 300, "seed": 7, **options}
    return list(train_batches(source, **options).as_numpy_iterator())


def rows(parts):
    """One tuple for each row, for comparing orders and multisets."""
    return [
        row
        for part in parts
        for row in zip(
            part["features"]["age"].tolist(),
            part["features"]["clicks"].tolist(),
            part["features"]["device/type"].tolist(),
            part["labels"]["like"].tolist(),
            strict=True,
        )
    ]


def test_an_epoch_gives_every_row_once_and_a_ragged_last_batch(data):
    source = data.source("train")
    parts = batches(source)
    assert [len(part["weights"]["buy"]) for part in parts] == [64] * 15 + [40]
    assert sorted(rows(parts)) == sorted(rows(ordered_batches(source, batch_size=100).as_numpy_iterator()))


def test_the_order_is_fixed_by_the_seed(data):
    source = data.source("train")
    assert rows(batches(source)) == rows(batches(source))
    assert rows(batches(source)) != rows(batches(source, seed=8))


@pytest.mark.parametrize("skip", [1, 7, 15])
def test_skip_goes_on_where_an_epoch_stopped(data, skip):
    source = data.source("train")
    assert rows(batches(source, skip=skip)) == rows(batches(source)[skip:])


def test_each_epoch_has_its_own_order_whichever_came_first(data):
    source = data.source("train")
    parts = [rows(batches(source, epochs=range(epoch, epoch + 1))) for epoch in range(3)]
    assert rows(batches(source, epochs=range(3))) == parts[0] + parts[1] + parts[2]
    assert parts[0] != parts[1] and sorted(parts[0]) == sorted(parts[1])
    # What is left of an epoch, and the next one whole.
    assert rows(batches(source, epochs=range(1, 3), skip=3)) == parts[1][3 * 64 :] + parts[2]


@pytest.mark.parametrize("seed", [0, 7])
def test_the_order_depends_on_nothing_that_the_process_was_told(data, seed):
    found = []
    for process_seed in (0, 1):
        tf.random.set_seed(process_seed)
        found.append(rows(batches(data.source("train"), seed=seed)))
    assert found[0] == found[1]


def test_shapes_and_types(data):
    part = batches(data.source("train"))[0]
    assert part["features"]["age"].dtype == np.float32
    assert part["features"]["device/type"].dtype == np.int64
    tags = part["features"]["tags"]
    assert tags.ndim == 2 and tags.dtype == np.int64 and tags.min() == -1
    # Padding stands at the end of a row only.
    assert np.all(np.diff((tags >= 0).astype(int), axis=1) <= 0)
    assert part["labels"]["like"].dtype == part["weights"]["like"].dtype == np.float32
    assert part["kinds"]["like"].dtype == part["groups"]["gender"].dtype == np.int64


def test_tasks_and_groups_come_from_their_own_columns(data):
    source = data.source("validation")
    parts = list(outcome_batches(source, batch_size=1000).as_numpy_iterator())
    assert len(parts) == 1 and "features" not in parts[0]
    for task in source.tasks:
        for name, key in (("labels", label_key), ("weights", weight_key), ("kinds", negative_key)):
            expected = sorted(row[key(task)] for row in data.raw_validation)
            assert sorted(parts[0][name][task].tolist()) == expected
    unknown = sum(row["group/gender"] == "unknown" for row in data.raw_validation)
    assert np.sum(parts[0]["groups"]["gender"] == -1) == unknown > 0


def test_fairness_batches_stand_beside_the_training_batches(data):
    source = data.source("train")
    beside = (lambda epoch: tf.data.Dataset.counter(100 * epoch), lambda number: number * 10)
    parts = batches(source, epochs=range(1, 3), beside=beside, skip=2)
    first, second = range(102, 116), range(200, 216)
    assert [int(part["fairness"]) for part in parts] == [10 * step for step in [*first, *second]]
    assert rows(parts) == rows(batches(source, epochs=range(1, 3), skip=2))


def test_uncompressed_files_are_read_too(data, tmp_path):
    source = data.source("validation")
    with tf.io.TFRecordWriter(str(tmp_path / "validation-plain")) as writer:
        for record in tf.data.TFRecordDataset(source.files(), compression_type="GZIP"):
            writer.write(record.numpy())
    plain = dataclasses.replace(source, patterns=(str(tmp_path / "validation-*"),))
    assert sorted(rows(ordered_batches(plain, batch_size=50).as_numpy_iterator())) == sorted(
        rows(ordered_batches(source, batch_size=50).as_numpy_iterator())
    )


def test_a_split_without_files_is_named(data):
    source = dataclasses.replace(data.source("train"), patterns=("/nowhere/train-*",))
    with pytest.raises(FileNotFoundError, match="split `train`.*/nowhere/train-"):
        source.files()


def cut_source(source, tmp_path, size):
    content = tf.io.gfile.GFile(source.files()[0], "rb").read()
    (tmp_path / "train-cut.gz").write_bytes(content[:size])
    return dataclasses.replace(source, patterns=(str(tmp_path / "train-*"),))


def test_a_truncated_file_is_named_wherever_it_was_cut(data, tmp_path):
    source = data.source("train")
    size = len(tf.io.gfile.GFile(source.files()[0], "rb").read())
    source.check_complete()
    # The last: cut inside the header, so that TensorFlow reads no record and no error.
    for cut in (size - 1, size - 8, size // 2, size // 3, 5):
        with pytest.raises(tf.errors.DataLossError, match="split `train`.*train-cut.gz.*whole gzip file"):
            cut_source(source, tmp_path, cut).check_complete()


def test_what_tensorflow_reads_as_complete_is_refused_all_the_same(data, tmp_path):
    cut = cut_source(data.source("train"), tmp_path, 5)
    assert list(ordered_batches(cut, batch_size=64)) == []
    with pytest.raises(tf.errors.DataLossError):
        cut.check_complete()


def test_a_damaged_file_is_named(data, tmp_path):
    source = data.source("train")
    content = bytearray(tf.io.gfile.GFile(source.files()[0], "rb").read())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "train-bad.gz").write_bytes(content)
    with pytest.raises(tf.errors.DataLossError, match="train-bad.gz"):
        dataclasses.replace(source, patterns=(str(tmp_path / "train-*"),)).check_complete()


def test_seeds_of_epochs_and_streams_differ():
    seeds = {epoch_seed(seed, epoch, stream) for seed in (1, 2) for epoch in range(50) for stream in range(20)}
    assert len(seeds) == 2 * 50 * 20
    assert all(0 <= seed < 2**31 for seed in seeds)
