import numpy as np
import pytest

from components.negative_splitter.counts import SplitCounts
from components.negative_splitter.report import check_columns, check_labels, value_warnings, warnings
from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings, TaskLabelSettings

SPLITS = ["train", "validation", "test"]
SETTINGS = NegativeSplitterSettings(
    tasks=(
        TaskLabelSettings(name="click", column="clicks", positive="> 0"),
        TaskLabelSettings(name="like", column="rating", positive='== "up"', missing=("?",)),
    ),
    groups=(GroupSettings(name="sex", column="sex"), GroupSettings(name="both", cross=("sex", "sex"))),
    min_specific=50,
)


def cells(rows=1000, known=1000, positives=400, shared=500, specific=100):
    undetermined = known - positives - shared - specific
    assert undetermined >= 0
    return {
        "rows": rows,
        "known": known,
        "positives": positives,
        "shared": shared,
        "specific": specific,
        "undetermined": undetermined,
    }


def task(**groups):
    groups = groups or {"female": cells(), "male": cells()}
    total = {key: sum(cell[key] for cell in groups.values()) for key in cells()}
    kinds = {kind: total[kind] for kind in ("shared", "specific", "undetermined")}
    by_key = {"sex": groups, "both": {"a": cells(), "b": cells()}}
    return {"known": total["known"], "positives": total["positives"], "kinds": kinds, "groups": by_key}


def report(split="train", **tasks):
    """A report without fault, but for the tasks given for ``split``."""
    healthy = {name: {"rows": 2000, "tasks": {"click": task(), "like": task()}} for name in SPLITS}
    healthy[split]["tasks"].update(tasks)
    return healthy


def test_a_report_without_fault():
    check_labels(report(), SETTINGS)
    assert warnings(report(), SETTINGS) == []


def columns_in(split):
    return [f"{split} column"]


def test_columns_that_are_there():
    present = {"clicks": 1, "rating": 5, "sex": 5}
    check_columns({split: SplitCounts(5, present) for split in SPLITS}, SETTINGS, SPLITS, columns_in)


def test_columns_that_are_absent_and_splits_without_rows():
    counts = {
        "train": SplitCounts(1500, {"clicks": 0, "rating": 5, "sex": 5}),
        "validation": SplitCounts(5, {"clicks": 1, "rating": 5, "sex": 0}),
    }
    with pytest.raises(ValueError) as error:
        check_columns(counts, SETTINGS, SPLITS, columns_in)
    message = str(error.value)
    assert "split `train`, task `click`: column `clicks` has no value in any of 1,500 rows" in message
    assert "split `train`: columns found are `train column`" in message
    assert "split `validation`, group `sex`: column `sex` has no value in any of 5 rows" in message
    assert "split `test`: expected rows. Received: none" in message
    assert message.count("\n") == 5


@pytest.mark.parametrize(
    "positives, known, expected",
    [
        (0, 1000, "matches none of 1,000 known values"),
        (1000, 1000, "matches all of 1,000"),
        (0, 0, "one of `missing`: '?'"),
    ],
)
def test_a_rule_that_divides_nothing(positives, known, expected):
    cell = cells(known=known, positives=positives, shared=known - positives, specific=0)
    with pytest.raises(ValueError) as error:
        check_labels(report(like=task(female=cell, male=cells(0, 0, 0, 0, 0))), SETTINGS)
    assert expected in str(error.value)
    for part in ("task `like`", '`positive: == "up"`', "column `rating`", "split `train`"):
        assert part in str(error.value)


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize(
    ("positives", "known", "expected"),
    [
        (0, 900, "0 positives among 1,800 known labels"),
        (900, 900, "0 negatives among 1,800 known labels"),
        (0, 0, "0 positives among 0 known labels"),
    ],
)
def test_a_split_without_positives_or_without_negatives_of_a_task(split, positives, known, expected):
    cell = cells(known=known, positives=positives, shared=known - positives, specific=0)
    with pytest.raises(ValueError) as error:
        check_labels(report(split=split, like=task(female=cell, male=cell)), SETTINGS)
    message = str(error.value)
    assert f"task `like` (column `rating`): expected positives and negatives in split `{split}`" in message
    assert f"Received: {expected}; give the split more rows" in message and "split by hash" in message
    assert "`click`" not in message and message.count("\n") == 1


def test_a_split_is_asked_as_a_whole_and_groups_are_warned_of():
    empty = cells(positives=0, shared=900)
    found = report(split="test", like=task(female=empty, male=cells()))
    check_labels(found, SETTINGS)


def test_thousands_of_groups_are_cut_at_five():
    """A warning a task, not 27 KB of names."""
    full = cells(rows=12, known=12, positives=12, shared=0, specific=0)
    few = cells(rows=12, known=12, positives=2, shared=10, specific=0)
    groups = {f"city {number:04}": full if number % 2 else few for number in range(3000)}
    found = warnings(report(split="test", click=task(**groups)), SETTINGS)
    assert max(map(len, found)) < 700
    assert any(
        "city 0001 (12 rows), city 0003 (12 rows)" in text and "and 1,495 more: the false" in text for text in found
    )
    assert any("city 0000: 0 of 10; city 0002: 0 of 10" in text and "and 1,495 more): " in text for text in found)


@pytest.mark.parametrize("split", SPLITS)
def test_a_group_with_one_value(split):
    one = {"male": cells(), "unknown": cells(rows=1000)}
    with pytest.raises(ValueError) as error:
        check_labels(report(split=split, click=task(**one), like=task(**one)), SETTINGS)
    expected = f"group `sex` (column `sex`): expected two values or more in split `{split}`. Received: `male`, and"
    assert expected in str(error.value)
    assert "1,000 of 2,000 rows" in str(error.value)
    assert "`both`" not in str(error.value)


@pytest.mark.parametrize(
    "split, expected", [("train", "no fairness term for this head"), ("test", "a gap that is mostly noise")]
)
def test_few_specific_negatives(split, expected):
    groups = {"female": cells(specific=49), "male": cells(specific=50), "unknown": cells(specific=0)}
    (warning,) = warnings(report(split=split, click=task(**groups)), SETTINGS)
    for part in (
        "Task `click`",
        "50",
        f"split `{split}`",
        "sex",
        "female: 49 of 600",
        "any_other_positive",
        "merge groups",
    ):
        assert part in warning
    assert expected in warning
    assert "male: 50" not in warning.replace("female", "") and "unknown" not in warning


def test_the_wider_rule_is_not_advised_to_who_has_it():
    wider = SETTINGS.model_copy(update={"rule": "any_other_positive"})
    (warning,) = warnings(report(click=task(female=cells(specific=0), male=cells())), wider)
    assert "any_other_positive" not in warning and "merge groups" in warning


def test_validation_is_not_held_to_the_minimum():
    assert warnings(report(split="validation", click=task(female=cells(specific=0), male=cells())), SETTINGS) == []


def test_a_group_without_negatives():
    groups = {"female": cells(positives=1000, shared=0, specific=0), "male": cells()}
    found = warnings(report(split="test", click=task(**groups)), SETTINGS)
    assert any(
        "no negatives in split `test` for sex = female (1,000 rows): the false positive rate is undefined" in w
        for w in found
    )


def test_one_task_has_one_warning():
    single = SETTINGS.model_copy(update={"tasks": SETTINGS.tasks[:1]})
    cell = cells(shared=0, specific=0)
    found = report(click=task(female=cell, male=cell))
    for split in SPLITS:
        del found[split]["tasks"]["like"]
    (warning,) = warnings(found, single)
    assert "Task `click` is the only one" in warning and "vanilla" in warning


def counted(missing=0, **splits):
    """Counts in which the group `sex` has the given rows by value; `missing` of them have no value in the column."""
    found = {}
    for split, values in splits.items():
        rows = sum(values.values())
        cells = {value: np.array([[0, number, 0, 0, 0]] * 2) for value, number in values.items()}
        found[split] = SplitCounts(rows, {"sex": rows - missing}, {"sex": cells, "both": cells})
    return found


MARKS = [
    "\\N",
    "NULL",
    "null",
    "None",
    "nan",
    "NaN",
    "NA",
    "N/A",
    "n/a",
    "-",
    "?",
    '""',
    "missing",
    "<NA>",
    "undefined",
    " ",
]


@pytest.mark.parametrize("mark", [*MARKS, " Unknown ", "(null)", "-999", "'NULL'", "."])
def test_a_value_that_looks_like_a_missing_mark(mark):
    (warning,) = value_warnings(counted(train={"F": 10, mark: 1200}, test={mark: 3}), SETTINGS)
    assert warning.startswith(f"Group `sex`, column `sex`: the value {mark!r} (1,200 rows of split `train`) looks like")
    assert "`read.missing`" in warning and "`values`" in warning and "real value" in warning


def test_a_missing_mark_that_train_does_not_have():
    (warning,) = value_warnings(counted(train={"F": 10}, test={"NULL": 3}), SETTINGS)
    assert "(no row of split `train`, 3 of `test`)" in warning


@pytest.mark.parametrize("value", ["female", "Nan Province", "none of the above", "0", "x", "national", "1", "NAM"])
def test_values_that_look_like_values(value):
    assert value_warnings(counted(train={value: 10, "unknown": 4}, missing=4), SETTINGS) == []


def test_values_that_somebody_named_are_not_warned_about():
    mapped = GroupSettings(name="sex", column="sex", values={"-": "NA", "F": "f"}, other="unknown")
    settings = SETTINGS.model_copy(update={"groups": (mapped, GroupSettings(name="age", column="age", buckets=(1, 2)))})
    assert value_warnings(counted(train={"NA": 10, "f": 5, "unknown": 3}), settings) == []


def test_the_word_unknown_in_the_log_is_told_from_missing_values():
    found = counted(train={"F": 10, "unknown": 7}, test={"F": 1, "unknown": 2}, missing=2)
    (warning,) = value_warnings(found, SETTINGS)
    assert "`sex`: the value 'unknown' (5 rows of split `train`) is taken for a missing one" in warning
    assert "give it another name with `values`" in warning
