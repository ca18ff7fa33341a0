import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.negative_splitter import counts as counting
from components.negative_splitter.columns import Column
from components.negative_splitter.counts import (
    SplitCounts,
    count_batch,
    counts_to_json,
    dump_counts,
    load_counts,
    merge_counts,
    task_cells,
)
from components.negative_splitter.groups import GroupValues
from components.negative_splitter.negatives import negative_kinds

NAMES = ("a", "b", "unknown")
ROWS = st.lists(
    st.tuples(*[st.sampled_from([-1, 0, 1])] * 2, st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40
)


def count(rows):
    """Counts of rows (label of t0, label of t1, code of g, code of h) by the code under test."""
    table = np.array(rows)
    labels = table[:, :2].astype(np.int8)
    groups = {"g": GroupValues(table[:, 2], NAMES), "h": GroupValues(table[:, 3], NAMES)}
    column = Column("c", labels[:, 0] != -1, np.zeros(len(rows), np.float32))
    return count_batch(task_cells(labels, negative_kinds(labels, "all_others_positive")), groups, {"c": column})


def expected(rows):
    """The same, counted row by row into the layout of counts.json."""

    def cell(selected, task):
        label = [row[task] for row in selected]
        negatives = [row[1 - task] for row in selected if row[task] == 0]
        kinds = {"shared": negatives.count(0), "specific": negatives.count(1), "undetermined": negatives.count(-1)}
        return {"known": len(label) - label.count(-1), "positives": label.count(1)}, kinds

    tasks = {}
    for task in (0, 1):
        total, kinds = cell(rows, task)
        groups = {}
        for position, key in ((2, "g"), (3, "h")):
            groups[key] = {}
            for code in sorted({row[position] for row in rows}):
                selected = [row for row in rows if row[position] == code]
                known, cells = cell(selected, task)
                groups[key][NAMES[code]] = {"rows": len(selected), **known, **cells}
        tasks[f"t{task}"] = {**total, "kinds": kinds, "groups": groups}
    return {"rows": len(rows), "tasks": tasks}


@given(ROWS)
def test_counts_agree_with_row_by_row(rows):
    assert counts_to_json({"train": count(rows)}, ["train"], ["t0", "t1"]) == {"train": expected(rows)}


@given(ROWS, st.integers(1, 5), st.randoms())
def test_merging_parts_in_any_order_gives_the_whole(rows, parts, order):
    pieces = [{"train": count(rows[i::parts])} for i in range(parts) if rows[i::parts]] + [{}]
    order.shuffle(pieces)
    nested = merge_counts([merge_counts(pieces[:2]), merge_counts(pieces[2:])])
    whole = counts_to_json({"train": count(rows)}, ["train"], ["t0", "t1"])
    for merged in (merge_counts(pieces), nested):
        assert counts_to_json(merged, ["train"], ["t0", "t1"]) == whole
        assert merged["train"].present == {"c": sum(row[0] != -1 for row in rows)}


def test_merging_leaves_its_inputs_alone():
    rows = [(0, 1, 0, 0), (1, 1, 1, 2)]
    part = {"train": count(rows)}
    before = json.dumps(dump_counts(part))
    merge_counts([part, part, part])
    assert json.dumps(dump_counts(part)) == before


@given(ROWS)
def test_counts_survive_json(rows):
    counts = {"train": count(rows), "test": SplitCounts()}
    loaded = load_counts(json.loads(json.dumps(dump_counts(counts))))
    splits, tasks = ["train", "test", "validation"], ["t0", "t1"]
    assert counts_to_json(loaded, splits, tasks) == counts_to_json(counts, splits, tasks)
    assert loaded["train"].present == counts["train"].present


def test_a_split_without_rows_has_zeros():
    report = counts_to_json({}, ["test"], ["t0"])
    zeros = {"shared": 0, "specific": 0, "undetermined": 0}
    assert report == {"test": {"rows": 0, "tasks": {"t0": {"known": 0, "positives": 0, "kinds": zeros, "groups": {}}}}}


def test_an_identifier_is_no_group(monkeypatch):
    monkeypatch.setattr(counting, "MAX_GROUP_VALUES", 3)
    cells = np.ones((1, 1))
    parts = [{"train": SplitCounts(1, {}, {"user": {str(i): cells}})} for i in range(4)]
    random.Random(1).shuffle(parts)
    merge_counts(parts[:3])
    with pytest.raises(ValueError, match="group `user`, split `train`: more than 3 values"):
        merge_counts(parts)
