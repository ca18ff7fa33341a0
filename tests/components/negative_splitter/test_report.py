import pytest

from components.negative_splitter.counts import SplitCounts
from components.negative_splitter.report import check_columns, check_labels, warnings
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
    assert "split `train`: columns found are ['train column']" in message
    assert "split `validation`, group `sex`: column `sex` has no value in any of 5 rows" in message
    assert "split `test`: expected rows. Received: none" in message
    assert message.count("\n") == 5


@pytest.mark.parametrize(
    "positives, known, expected",
    [
        (0, 1000, "matches none of 1,000 known values"),
        (1000, 1000, "matches all of 1,000"),
        (0, 0, "one of `missing` ['?']"),
    ],
)
def test_a_rule_that_divides_nothing(positives, known, expected):
    cell = cells(known=known, positives=positives, shared=known - positives, specific=0)
    with pytest.raises(ValueError) as error:
        check_labels(report(like=task(female=cell, male=cells(0, 0, 0, 0, 0))), SETTINGS)
    assert expected in str(error.value)
    for part in ("task `like`", '`positive: == "up"`', "column `rating`", "split `train`"):
        assert part in str(error.value)


def test_a_one_sided_rule_outside_train_is_a_warning():
    cell = cells(positives=0, shared=900)
    found = report(split="test", like=task(female=cell, male=cell))
    check_labels(found, SETTINGS)
    assert any(
        "Task `like` has 0 positives among 2,000 known labels in split `test`" in w for w in warnings(found, SETTINGS)
    )


@pytest.mark.parametrize("split", SPLITS)
def test_a_group_with_one_value(split):
    one = {"male": cells(), "unknown": cells(rows=1000)}
    with pytest.raises(ValueError) as error:
        check_labels(report(split=split, click=task(**one), like=task(**one)), SETTINGS)
    expected = f"group `sex` (column `sex`): expected two values or more in split `{split}`. Received: ['male']"
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
        "no negatives in split `test` for sex = female: the false positive rate is undefined" in w for w in found
    )


def test_one_task_has_one_warning():
    single = SETTINGS.model_copy(update={"tasks": SETTINGS.tasks[:1]})
    cell = cells(shared=0, specific=0)
    found = report(click=task(female=cell, male=cell))
    for split in SPLITS:
        del found[split]["tasks"]["like"]
    (warning,) = warnings(found, single)
    assert "Task `click` is the only one" in warning and "vanilla" in warning
