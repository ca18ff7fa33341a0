"""Keys are parsed into what they were built from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.tradeoff_metrics import names
from components.tradeoff_metrics.names import MetricName

WORD = st.text(st.characters(blacklist_characters="/@", blacklist_categories=("Cs",)), min_size=1, max_size=8)


@given(
    st.lists(WORD | st.sampled_from(["lower", "upper"]), min_size=1, max_size=3, unique=True),
    st.lists(WORD | st.sampled_from(["lower", "upper"]), min_size=1, max_size=3, unique=True),
)
def test_every_key_is_parsed_into_its_parts_and_no_two_are_equal(tasks, groups):
    keys = names.all_keys(tasks, groups)
    assert len(set(keys)) == len(keys)
    for key in keys:
        parsed = MetricName.parse(key)
        assert str(parsed) == key
        assert parsed.task in (None, *tasks) and parsed.group in (None, *groups[1:])
        assert parsed.end in (None, "lower", "upper")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("arfg", MetricName("arfg")),
        ("arfg/upper", MetricName("arfg", end="upper")),
        ("arfg@age/lower", MetricName("arfg", group="age", end="lower")),
        ("fpr_gap/click", MetricName("fpr_gap", "click")),
        ("fpr_gap/lower", MetricName("fpr_gap", "lower")),
        ("fpr_gap/lower/lower", MetricName("fpr_gap", "lower", end="lower")),
        ("fpr_gap/click@age", MetricName("fpr_gap", "click", "age")),
        ("fpr_gap/click@age/upper", MetricName("fpr_gap", "click", "age", "upper")),
        ("delta_p/lower", MetricName("delta_p", end="lower")),
        ("negative_transfer_count", MetricName("negative_transfer_count")),
        ("worst_cell_auc_baseline/click@age", MetricName("worst_cell_auc_baseline", "click", "age")),
        ("tradeoff_details@age", MetricName("tradeoff_details", group="age")),
    ],
)
def test_examples(key, expected):
    assert MetricName.parse(key) == expected


@pytest.mark.parametrize(
    "key",
    [
        "auc",
        "fpr_gap",
        "arfg/click",
        "are@",
        "negative_transfer",
        "delta_p/click",
        "arfg@age/middle",
        "fpr_gap/click/middle",
        "arfg@a/b/c",
    ],
)
def test_keys_of_others_are_refused(key):
    with pytest.raises(ValueError, match="not a key of the trade-off metrics"):
        MetricName.parse(key)


def test_primary_group_has_no_suffix_and_carries_the_values_over_all_rows():
    keys = names.all_keys(["click"], ["gender", "age"])
    assert "arfg" in keys and "arfg@age" in keys and "arfg@gender" not in keys
    assert "are" in keys and "are@age" not in keys and "error/click@age" not in keys
    assert {"delta_p/lower", "negative_transfer_count/upper", "error_difference/click/upper"} <= set(keys)
    assert "worst_cell_error/click@age/lower" in keys and "delta_p@age" not in keys
    assert "min_negatives/click" in keys and "min_negatives/click/lower" not in keys


@pytest.mark.parametrize(
    ("tasks", "groups", "message"),
    [
        ([], ["gender"], "one task or more"),
        (["click"], [], "one group or more"),
        (["a/b"], ["gender"], "without `/` and `@`. Received: `a/b`"),
        (["click"], ["a@b"], "name of a group"),
        (["click", "click"], ["gender"], "task `click` stands twice"),
    ],
)
def test_names_that_keys_cannot_hold_are_refused(tasks, groups, message):
    with pytest.raises(ValueError, match=message):
        names.check_names(tasks, groups)
