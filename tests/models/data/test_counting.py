import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from models.data.counting import OutcomeCounts, count_outcomes
from models.formats.features import group_key, label_key, negative_key, weight_key

SIZES = {"gender": 2, "region": 3}


def in_vocabulary(data, name):
    return (data.folder / "transform" / "transform_fn" / "assets" / f"group_{name}").read_text(encoding="utf-8").split()


def test_counts_are_those_of_the_rows(data):
    counts = count_outcomes(data.source("validation"), SIZES, group="gender")
    rows = data.raw_validation
    assert counts.rows == len(rows)
    genders = in_vocabulary(data, "gender")
    for task in ("like", "click", "buy"):
        known = [row for row in rows if row[weight_key(task)]]
        assert counts.known(task) == len(known)
        assert counts.positives(task) == sum(row[label_key(task)] for row in known)
        assert counts.base_rate(task) == pytest.approx(np.mean([row[label_key(task)] for row in known]))
        specific = [
            sum(row[negative_key(task)] == 2 for row in rows if row[group_key("gender")] == value) for value in genders
        ]
        assert counts.specific[task].tolist() == [specific]
        assert counts.to_json()["tasks"][task]["groups"]["gender"]["specific_negatives"] == specific


def test_specific_positives_are_counted_where_the_loss_is_on_them(data):
    both = count_outcomes(data.source("validation"), SIZES, "both", "region")
    regions = in_vocabulary(data, "region")
    for task in ("like", "click", "buy"):
        expected = []
        for value in regions:
            count = 0
            for row in data.raw_validation:
                others = [
                    row[label_key(name)] for name in ("like", "click", "buy") if name != task and row[weight_key(name)]
                ]
                count += (
                    row[group_key("region")] == value and row[label_key(task)] == 1 and others != [] and not any(others)
                )
            expected.append(count)
        assert both.specific[task].shape == (2, 3)
        assert both.specific[task][1].tolist() == expected


def test_the_sum_does_not_depend_on_the_group_key(data):
    counts = count_outcomes(data.source("train"), SIZES)
    for task, groups in counts.cells.items():
        totals = [cells.sum(axis=0) for cells in groups.values()]
        assert np.array_equal(totals[0], totals[1]), task
    assert counts.specific == {}


def test_empty_split_and_task_without_labels_are_named(data, tmp_path):
    tf.io.TFRecordWriter(str(tmp_path / "train-none")).close()
    empty = dataclasses.replace(data.source("train"), patterns=(str(tmp_path / "train-*"),))
    with pytest.raises(ValueError, match="split `train` has no rows"):
        count_outcomes(empty, SIZES).require_labels()
    cells = {"like": {"g": np.ones([3, 2, 4], int)}, "buy": {"g": np.zeros([3, 2, 4], int)}}
    with pytest.raises(ValueError, match="split `test` has 9 rows, and none with a known label of task `buy`"):
        OutcomeCounts("test", 9, cells).require_labels()
