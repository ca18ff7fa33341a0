import dataclasses
import logging

import numpy as np
import pytest
import tensorflow as tf

from models.config.settings import FairnessSettings
from models.fairness.streams import write_streams
from models.fairness.terms import FairnessTerms
from models.formats.features import SHARED_NEGATIVE, SPECIFIC_NEGATIVE

TASKS = ("like", "click", "buy")


def terms(group="gender", n_groups=2, has_specific=True, **settings):
    settings = FairnessSettings(**{"mode": "mtaf", "balanced_batch_size": 16, **settings})
    return FairnessTerms(settings, group, n_groups, {task: has_specific for task in TASKS})


def drawn(streams, seed=1, epoch=0, replicas=1, count=3):
    return [streams.parse(rows) for rows in streams.batches(seed, epoch, replicas).take(count)]


def fingerprint(batch):
    return tf.nest.map_structure(lambda tensor: tensor.numpy().tolist(), batch)


def test_groups_have_equal_shares_of_each_kind(data, tmp_path):
    streams = write_streams(data.source("train"), terms(), str(tmp_path), shuffle_rows=500)
    for batch in drawn(streams):
        assert list(batch) == list(TASKS)
        for task in TASKS:
            kinds, group = batch[task]["kinds"][task].numpy(), batch[task]["groups"]["gender"].numpy()
            for kind in (SPECIFIC_NEGATIVE, SHARED_NEGATIVE):
                assert [np.sum((kinds == kind) & (group == value)) for value in (0, 1)] == [8, 8]
            assert len(kinds) == 32


def test_three_groups_and_both_sides_of_the_label(data, tmp_path):
    fairness = terms("region", 3, on="both", balanced_batch_size=12)
    streams = write_streams(data.source("train"), fairness, str(tmp_path), shuffle_rows=500)
    for batch in drawn(streams):
        for task in TASKS:
            labels, group = batch[task]["labels"][task].numpy(), batch[task]["groups"]["region"].numpy()
            for label in (0, 1):
                assert [np.sum((labels == label) & (group == value)) for value in range(3)] == [8, 8, 8]
            assert np.all(batch[task]["weights"][task].numpy() == 1)


@pytest.mark.parametrize(
    ("settings", "has_specific", "kinds"),
    [
        ({"mode": "vanilla"}, True, {1, 2, 3}),
        ({"mode": "mtaf"}, False, {1}),
        ({"mode": "mtaf", "empty_specific": "all_negatives"}, False, {1, 2, 3}),
    ],
)
def test_only_rows_that_the_terms_read_are_drawn(data, tmp_path, settings, has_specific, kinds):
    fairness = terms(has_specific=has_specific, balanced_batch_size=200, **settings)
    streams = write_streams(data.source("train"), fairness, str(tmp_path), shuffle_rows=500)
    for batch in drawn(streams):
        for task in TASKS:
            # Kind 3 is rare: it may be missing from a batch.
            assert kinds - {3} <= set(batch[task]["kinds"][task].numpy().tolist()) <= kinds
            assert len(batch[task]["labels"][task]) == 200


def test_streams_hold_every_row_of_their_set_once(data, tmp_path):
    source = data.source("train")
    streams = write_streams(source, terms(), str(tmp_path), shuffle_rows=500)
    outcomes = [source.parse_outcomes(rows) for rows in records(source)]
    for task in TASKS:
        for groups, kind in zip(streams.streams[task], (SPECIFIC_NEGATIVE, SHARED_NEGATIVE), strict=True):
            for value, stream in enumerate(groups):
                expected = sum(
                    int(np.sum((part["kinds"][task] == kind) & (part["groups"]["gender"] == value)))
                    for part in outcomes
                )
                assert stream.rows == expected == sum(1 for _ in tf.data.TFRecordDataset(stream.path))


def records(source):
    return tf.data.TFRecordDataset(source.files(), compression_type="GZIP").batch(500)


def test_order_is_fixed_by_seed_and_epoch(data, tmp_path):
    streams = write_streams(data.source("train"), terms(), str(tmp_path), shuffle_rows=500)
    first = fingerprint(drawn(streams))
    assert fingerprint(drawn(streams)) == first
    assert fingerprint(drawn(streams, epoch=1)) != first
    assert fingerprint(drawn(streams, seed=2)) != first


def test_small_streams_begin_again(data, tmp_path):
    streams = write_streams(data.source("train"), terms(), str(tmp_path), shuffle_rows=500)
    smallest = min(stream.rows for sets in streams.streams.values() for groups in sets for stream in groups)
    assert smallest < 80
    assert len(drawn(streams, count=20)) == 20


def test_replicas_share_a_batch(data, tmp_path):
    streams = write_streams(data.source("train"), terms(), str(tmp_path), shuffle_rows=500)
    for batch in drawn(streams, replicas=2):
        assert all(len(batch[task]["labels"][task]) == 16 for task in TASKS)


def test_more_groups_than_rows_in_a_batch_is_refused(data, tmp_path):
    fairness = terms("region", 3, balanced_batch_size=4)
    streams = write_streams(data.source("train"), fairness, str(tmp_path), shuffle_rows=500)
    with pytest.raises(ValueError, match="`fairness.balanced_batch_size` should be at least 6.*3 groups.*2 replicas"):
        streams.batches(1, 0, replicas=2)


def only(source, folder, keep):
    """``source`` with those rows alone whose outcomes ``keep`` takes."""
    with tf.io.TFRecordWriter(str(folder / "train-kept")) as writer:
        for rows in records(source):
            mask = keep(source.parse_outcomes(rows))
            for record in rows.numpy()[mask]:
                writer.write(record)
    return dataclasses.replace(source, patterns=(str(folder / "train-*"),))


def test_a_row_set_in_one_group_makes_no_batch_and_is_told(data, tmp_path, caplog):
    def keep(outcomes):
        specific = outcomes["kinds"]["like"].numpy() == SPECIFIC_NEGATIVE
        return ~(specific & (outcomes["groups"]["gender"].numpy() == 1))

    source = only(data.source("train"), tmp_path, keep)
    with caplog.at_level(logging.WARNING):
        streams = write_streams(source, terms(), str(tmp_path / "streams"), shuffle_rows=500)
    assert "the specific rows of task `like` in split `train` lie in 1 of the values of group `gender`" in caplog.text
    assert len(streams.streams["like"]) == 1 and len(streams.streams["click"]) == 2


def test_no_rows_to_compare_at_all_is_an_error(data, tmp_path):
    source = only(data.source("train"), tmp_path, lambda outcomes: outcomes["groups"]["gender"].numpy() == 0)
    with pytest.raises(ValueError, match="no task has rows in two values of group `gender` in split `train`"):
        write_streams(source, terms(), str(tmp_path / "streams"), shuffle_rows=500)
