"""A split in memory reads as its files do."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from models.config.settings import FairnessSettings
from models.data.cached_source import CachedSource, read_files, read_table
from models.data.counting import count_outcomes
from models.data.input_pipeline import element_spec, ordered_batches, outcome_batches, train_batches
from models.fairness.streams import write_streams
from models.fairness.terms import FairnessTerms


@pytest.fixture(scope="module")
def table(data):
    spec = tft.TFTransformOutput(data.transform_dir).transformed_feature_spec()
    return read_table(
        read_files(data.patterns("train"), "train"), lambda rows: tf.io.parse_example(rows, spec), split="train"
    )


@pytest.fixture(scope="module")
def sources(data, table, make_settings):
    """Of files and of memory, with draws and noise."""
    settings = make_settings(training={"label_noise": {"click": 0.3, "buy": 0.0}, "seed": 5})
    files = dataclasses.replace(data.source("train", settings), noise=settings.training.label_noise, seed=5)
    return [dataclasses.replace(source, draws=True) for source in (files, CachedSource.of(table, settings, "train"))]


def assert_same(one, other):
    one, other = list(one), list(other)
    assert len(one) == len(other) > 0
    for left, right in zip(one, other, strict=True):
        tf.nest.assert_same_structure(left, right)
        for a, b in zip(tf.nest.flatten(left), tf.nest.flatten(right), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


def test_the_batches_are_the_files(sources):
    """Order, values, padding, draws and flipped labels."""
    options = {"batch_size": 64, "shuffle_rows": 300, "seed": 7, "skip": 2}
    assert_same(*(train_batches(source, range(1, 3), **options) for source in sources))
    assert_same(*(ordered_batches(source, batch_size=100) for source in sources))
    assert_same(*(outcome_batches(source, batch_size=100) for source in sources))
    assert_same(*(source.batches(100) for source in sources))
    specs = [tf.nest.map_structure(lambda spec: (spec.dtype, spec.shape.rank), element_spec(s)) for s in sources]
    assert specs[0] == specs[1]
    counts = [count_outcomes(source, {"gender": 2, "region": 3}).to_json() for source in sources]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("mode", ["vanilla", "mtaf"])
def test_the_fairness_batches_are_the_files(sources, tmp_path, mode):
    settings = FairnessSettings(mode=mode, batches="balanced", balanced_batch_size=16)
    terms = FairnessTerms(settings, "gender", 2, dict.fromkeys(sources[0].tasks, True))
    found = []
    for index, source in enumerate(sources):
        streams = write_streams(source, terms, str(tmp_path / str(index)), shuffle_rows=500)
        found.append(streams.batches(3, 1).take(20).map(streams.parse))
    assert_same(*found)
    # Nothing was written for the one in memory.
    assert (tmp_path / "0").exists() and not (tmp_path / "1").exists()


def test_validation_batches_are_gathered_once(sources):
    assert sources[1].batches(64) is sources[1].batches(64)
    assert sources[1].in_memory and not sources[0].in_memory


def test_draws_are_made_once_a_seed(table, monkeypatch):
    first = table.draws(1, "x")
    assert table.draws(1, "x") is first and first.shape == (1000,)
    assert not np.array_equal(table.draws(2, "x"), first) and not np.array_equal(table.draws(1, "y"), first)
    assert 0 <= first.numpy().min() and first.numpy().max() < 1 and first.numpy().mean() == pytest.approx(0.5, abs=0.05)


def test_a_split_that_is_too_large_is_refused_before_it_is_read_whole(data):
    spec = tft.TFTransformOutput(data.transform_dir).transformed_feature_spec()
    read = []

    def parse(rows):
        read.append(len(rows))
        return tf.io.parse_example(rows, spec)

    records = read_files(data.patterns("train") * 30, "train")
    with pytest.raises(
        ValueError, match=r"split `train` takes more than the 0.0001 GiB .* 8,192 rows .*`log.max_rows`"
    ):
        read_table(records, parse, split="train", max_bytes=int(1e-4 * 2**30))
    assert read == [8192]


def test_lists_of_several_batches_are_padded_to_the_longest():
    rows = [[1], [2, 3], [], [4, 5, 6]]
    parts = iter([tf.ragged.constant(rows[:2], tf.int64), tf.ragged.constant(rows[2:], tf.int64)])
    records = tf.data.Dataset.range(2 * 8192)
    table = read_table(lambda: records, lambda batch: {"tags": next(parts).to_sparse()}, split="train")
    assert table.columns["tags"].numpy().tolist() == [[1, -1, -1], [2, 3, -1], [-1, -1, -1], [4, 5, 6]]


def test_what_is_missing_is_named(data, table, make_settings):
    with pytest.raises(ValueError, match="split `x` has no rows"):
        read_table(lambda: tf.data.Dataset.range(0), lambda rows: {"a": rows}, split="x")
    with pytest.raises(FileNotFoundError, match="split `test`.*/nowhere"):
        read_files(["/nowhere/*"], "test")
    with pytest.raises(ValueError, match="split `train` was prepared without the column `label/share`"):
        CachedSource.of(table, make_settings(tasks=[{"name": "click"}, {"name": "share"}]), "train")


def test_a_cut_file_is_refused(data, tmp_path):
    source = data.source("train")
    content = tf.io.gfile.GFile(source.files()[0], "rb").read()
    (tmp_path / "train-0.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(tf.errors.DataLossError, match="split `train`.*train-0.gz"):
        read_files([str(tmp_path / "train-*")], "train")
