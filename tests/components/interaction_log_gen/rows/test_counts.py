import pytest

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.rows.counts import check_splits, row_counts
from components.interaction_log_gen.settings import LogSettings

_LOG = LogSettings.model_validate(
    {
        "sources": [{"files": ["log"], "split": "train"}],
        "side_tables": [{"name": name, "files": [name], "key": "k"} for name in ("users", "items")],
        "drop_missing": ["label"],
        "max_rows": {"test": 5},
    }
)


def test_counters_become_counts_by_name() -> None:
    counters = {"rows/train": 5, "rows/validation": 3, "rows/test": 2, "dropped": 4, "capped/test": 7, "misses/1": 6}
    counts = row_counts(counters, _LOG)
    assert counts == {
        "rows": {"train": 5, "validation": 3, "test": 2},
        "dropped_missing": 4,
        "capped": {"train": 0, "validation": 0, "test": 7},
        "side_table_misses": {"users": 0, "items": 6},
    }
    check_splits(counts, _LOG)


@pytest.mark.parametrize(
    ("counters", "message"),
    [
        (
            {"rows/train": 5, "rows/test": 2},
            "split `validation`: expected rows. Received none; the others have: train 5, test 2",
        ),
        ({"dropped": 9}, "train`: .*validation 0, test 0; 9 rows lacked a value of `log.drop_missing` .label.$"),
        (
            {"rows/train": 5, "rows/validation": 3, "capped/test": 7},
            "test`: .*it had 7, too many of which are equal for a sample of at most 5 .`log.max_rows.test`.",
        ),
    ],
)
def test_a_split_without_rows_is_named_with_the_others(counters: dict[str, int], message: str) -> None:
    with pytest.raises(LogError, match=message):
        check_splits(row_counts(counters, _LOG), _LOG)
