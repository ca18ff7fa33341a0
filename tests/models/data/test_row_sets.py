import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.row_sets import negatives, positives, row_sets


def test_negatives_follow_the_splitters_kinds():
    rows = negatives(tf.constant([0, 1, 2, 3]))
    np.testing.assert_array_equal(rows.all, [False, True, True, True])
    np.testing.assert_array_equal(rows.specific, [False, False, True, False])
    np.testing.assert_array_equal(rows.shared, [False, True, False, False])


UNKNOWN = None
# Labels of (click, view, like) and what the row is as a positive of click.
CASES = [
    ((1, 0, 0), "specific"),
    ((1, 0, UNKNOWN), "specific"),
    ((1, 1, 0), "shared"),
    ((1, 1, 1), "shared"),
    ((1, UNKNOWN, 1), "shared"),
    ((1, UNKNOWN, UNKNOWN), "undetermined"),
    ((0, 0, 0), "none"),
    ((0, 1, 1), "none"),
    ((UNKNOWN, 1, 0), "none"),
]


def columns(rows, tasks=("click", "view", "like")):
    labels = {t: tf.constant([float(row[i] or 0) for row in rows]) for i, t in enumerate(tasks)}
    weights = {t: tf.constant([float(row[i] is not UNKNOWN) for row in rows]) for i, t in enumerate(tasks)}
    return labels, weights


def test_positives_mirror_the_rule():
    rows = positives("click", *columns([labels for labels, _ in CASES]))
    verdicts = [verdict for _, verdict in CASES]
    np.testing.assert_array_equal(rows.specific, [verdict == "specific" for verdict in verdicts])
    np.testing.assert_array_equal(rows.shared, [verdict == "shared" for verdict in verdicts])
    np.testing.assert_array_equal(rows.all, [verdict != "none" for verdict in verdicts])


def kind(row, index):
    """The splitter's rule (all others positive), written down once more."""
    if row[index] != 0:
        return 0
    others = [label for i, label in enumerate(row) if i != index and label is not UNKNOWN]
    return 3 if not others else 2 if all(others) else 1


@given(st.lists(st.tuples(*[st.sampled_from([0, 1, UNKNOWN])] * 3), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_positives_are_the_negatives_of_flipped_labels(table):
    flipped = [tuple(label if label is UNKNOWN else 1 - label for label in row) for row in table]
    for index, task in enumerate(("click", "view", "like")):
        rows = positives(task, *columns(table))
        mirrored = negatives(tf.constant([kind(row, index) for row in flipped]))
        for part in ("all", "specific", "shared"):
            np.testing.assert_array_equal(getattr(rows, part), getattr(mirrored, part))
        assert not np.any(rows.specific & rows.shared)
        assert np.all(rows.all | ~(rows.specific | rows.shared))


def test_a_single_task_has_no_specific_and_no_shared_rows():
    rows = positives("a", {"a": tf.constant([1.0, 0.0])}, {"a": tf.constant([1.0, 1.0])})
    np.testing.assert_array_equal(rows.all, [True, False])
    assert not np.any(rows.specific) and not np.any(rows.shared)


@pytest.mark.parametrize("on, count", [("negatives", 1), ("positives", 1), ("both", 2)])
def test_on_names_the_sets(on, count):
    labels, weights = columns([(1, 0, 1), (0, 1, 1)])
    sets = row_sets(on, "click", labels, weights, {"click": tf.constant([0, 2])})
    assert len(sets) == count
    expected = {"negatives": [[False, True]], "positives": [[True, False]], "both": [[False, True], [True, False]]}
    np.testing.assert_array_equal([rows.all for rows in sets], expected[on])


def test_unknown_on_is_named():
    with pytest.raises(ValueError, match=r"`on` should be one of \['negatives', 'positives', 'both'\].*'all'"):
        row_sets("all", "a", {}, {}, {})
