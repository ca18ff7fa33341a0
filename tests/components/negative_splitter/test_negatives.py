import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from components.negative_splitter.columns import single_values
from components.negative_splitter.negatives import TaskRules, label_matrix, negative_kinds, task_labels
from components.negative_splitter.settings import TaskLabelSettings
from models.formats.features import NOT_A_NEGATIVE, SHARED_NEGATIVE, SPECIFIC_NEGATIVE, UNDETERMINED_NEGATIVE

LABELS = st.sampled_from([1, 2, 3, 5]).flatmap(
    lambda tasks: hnp.arrays(
        np.int8, st.tuples(st.integers(1, 30), st.just(tasks)), elements=st.sampled_from([-1, 0, 1])
    )
)
RULES = ["all_others_positive", "any_other_positive"]


def kind_of(row, task, rule):
    """The definition, read word by word for one row and one task."""
    if row[task] != 0:
        return NOT_A_NEGATIVE
    others = [label for other, label in enumerate(row) if other != task and label != -1]
    if not others:
        return UNDETERMINED_NEGATIVE
    enough = all if rule == "all_others_positive" else any
    return SPECIFIC_NEGATIVE if enough(label == 1 for label in others) else SHARED_NEGATIVE


@given(LABELS, st.sampled_from(RULES))
def test_kinds_follow_the_definition(labels, rule):
    expected = [[kind_of(row, task, rule) for task in range(len(row))] for row in labels.tolist()]
    assert negative_kinds(labels, rule).tolist() == expected


@given(LABELS, st.sampled_from(RULES))
def test_kinds_partition_the_negatives(labels, rule):
    kinds = negative_kinds(labels, rule)
    np.testing.assert_array_equal(kinds != NOT_A_NEGATIVE, labels == 0)
    parts = [kinds == kind for kind in (SHARED_NEGATIVE, SPECIFIC_NEGATIVE, UNDETERMINED_NEGATIVE)]
    np.testing.assert_array_equal(sum(part.astype(int) for part in parts), (labels == 0).astype(int))


@given(LABELS)
def test_the_wider_rule_contains_the_papers(labels):
    paper, wider = (negative_kinds(labels, rule) == SPECIFIC_NEGATIVE for rule in RULES)
    assert not (paper & ~wider).any()
    if labels.shape[1] <= 2:
        np.testing.assert_array_equal(paper, wider)


@given(LABELS, st.sampled_from(RULES), st.randoms())
def test_the_order_of_tasks_does_not_matter(labels, rule, random):
    order = list(range(labels.shape[1]))
    random.shuffle(order)
    np.testing.assert_array_equal(negative_kinds(labels[:, order], rule), negative_kinds(labels, rule)[:, order])


def test_with_one_task_all_negatives_are_undetermined():
    assert negative_kinds(np.array([[0], [1], [-1]], np.int8), "all_others_positive").tolist() == [[3], [0], [0]]


def test_the_papers_eight_cells():
    # Three tasks: of the first task's negatives only "0 1 1" is specific (cell E), the other three are shared.
    cells = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], np.int8)
    kinds = negative_kinds(cells, "all_others_positive")[:, 0]
    assert kinds.tolist() == [1, 1, 1, 2, 0, 0, 0, 0]


def column(values, kind="number"):
    inner = pa.float32() if kind == "number" else pa.large_binary()
    array = pa.array([None if v is None else [v] for v in values], pa.large_list(inner))
    return single_values(pa.RecordBatch.from_arrays([array], ["c"]), "c", kind, "train")


def rules(**settings):
    return TaskRules.parse(TaskLabelSettings(name="t", column="c", **settings))


def test_labels_of_numbers_with_markers_of_missing_values():
    task = rules(positive="> 3", negative="<= 3", missing=(-1,))
    assert task_labels(task, column([5, 3, -1, None, 4]), "train").tolist() == [1, 0, -1, -1, 1]


def test_labels_of_texts():
    task = rules(positive='== "yes"', missing=("?",))
    assert task_labels(task, column([b"yes", b"no", b"?", None, b""], "string"), "train").tolist() == [1, 0, -1, -1, -1]


def test_a_missing_number_is_never_matched():
    # Missing numbers are held as 0, which both rules below would match.
    for positive in ("== 0", "< 1", "!= 4"):
        assert task_labels(rules(positive=positive), column([None, 0]), "train").tolist() == [-1, 1]


def test_a_value_that_matches_neither_rule():
    task = rules(positive="== 1", negative="== 0")
    with pytest.raises(ValueError) as error:
        task_labels(task, column([1, 0, 7, 8]), "validation")
    for part in (
        "task `t`",
        "column `c`",
        "split `validation`",
        "7.0",
        "neither",
        "`positive: == 1`",
        "`negative: == 0`",
    ):
        assert part in str(error.value)


def test_a_value_that_matches_both_rules():
    task = rules(positive='in ["a", "b"]', negative='!= "a"')
    with pytest.raises(
        ValueError, match=r"split `train`: the value 'b' matches both `positive: .*` and `negative: .*`"
    ):
        task_labels(task, column([b"a", b"b"], "string"), "train")


def test_two_tasks_on_one_column():
    tasks = [rules(positive="> 1"), rules(positive="> 3")]
    assert label_matrix(tasks, {"c": column([1, 2, 4, None])}, "train").tolist() == [[0, 0], [1, 0], [1, 1], [-1, -1]]


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"positive": "yes"}, "task `t`, key `positive`: a rule should be"),
        ({"positive": "> 0", "negative": "<"}, "task `t`, key `negative`: a rule should be"),
        (
            {"positive": "> 0", "negative": '== "no"'},
            "task `t`: `positive: > 0` reads column `c` as a number, `negative: ",
        ),
        ({"positive": "> 0", "missing": ("none",)}, "task `t`: .* `missing: in .'none'.` as a string"),
    ],
)
def test_rules_that_cannot_be_used(settings, message):
    with pytest.raises(ValueError, match=message):
        rules(**settings)
