"""Means with intervals against SciPy's own, and files that keep what is not theirs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.tables import (
    MeanInterval,
    markdown,
    mean_interval,
    merge_rows,
    read_rows,
    replace_between_marks,
    show,
)


@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_interval_is_students(count, confidence):
    values = np.random.default_rng(count).normal(3, 2, count)
    found = mean_interval(values, confidence)
    lower, upper = stats.t.interval(confidence, count - 1, loc=values.mean(), scale=stats.sem(values))
    assert (found.lower, found.upper, found.number) == (pytest.approx(lower), pytest.approx(upper), count)


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    found = [mean_interval(rng.normal(0, 1, 4)) for _ in range(2000)]
    assert np.mean([each.lower <= 0 <= each.upper for each in found]) == pytest.approx(0.95, abs=0.015)


def test_a_single_value_has_no_interval_and_none_has_no_mean():
    alone, none = mean_interval([2.0]), mean_interval([])
    assert alone.mean == 2 and math.isnan(alone.half) and alone.number == 1
    assert math.isnan(none.mean) and none.number == 0
    assert show(alone, 2) == "2.00"
    assert show(none) == "–"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match=r"values should be finite. Received: \[1.0, (nan|inf)\]"):
        mean_interval([1.0, value])


def test_a_confidence_that_is_no_share_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1. Received: 95"):
        mean_interval([1.0, 2.0], 95)


def test_shown_with_digits_and_sign():
    found = MeanInterval(0.12345, 0.0051, 3)
    assert show(found) == "0.123 ± 0.005"
    assert show(found, 2, sign=True) == "+0.12 ± 0.01"
    assert show(MeanInterval(-1.0, 0.5, 3), 1, sign=True) == "-1.0 ± 0.5"


def test_a_table_aligns_figures_to_the_right_and_keeps_bars_inside_cells():
    assert markdown(["a", "b", "c"], [["x", "y|z", "1"]], texts=2) == [
        "| a | b | c |",
        "|---|---|--:|",
        "| x | y\\|z | 1 |",
    ]


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="should have 2 cells"):
        markdown(["a", "b"], [["1", "2", "3"]])


def test_a_table_replaces_what_stands_between_its_marks_alone(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(
        "# Title\n\n<!-- one -->\nold\n<!-- end of one -->\n\ntext\n<!-- two -->\nkept\n<!-- end of two -->\n",
        encoding="utf-8",
    )
    for lines in (["new", "lines"], ["again"]):
        replace_between_marks(path, "one", lines)
    assert path.read_text(encoding="utf-8") == (
        "# Title\n\n<!-- one -->\nagain\n<!-- end of one -->\n\ntext\n<!-- two -->\nkept\n<!-- end of two -->\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "no marks",
        "<!-- one -->\nnever ends",
        "<!-- end of one -->\n<!-- one -->",
        "<!-- one --><!-- end of one --><!-- one --><!-- end of one -->",
    ],
)
def test_marks_that_are_not_there_once_are_refused_and_the_file_left(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="README.md should hold `<!-- one -->`"):
        replace_between_marks(path, "one", ["new"])
    assert path.read_text(encoding="utf-8") == text


def test_rows_of_a_data_set_replace_its_own_alone_and_keep_the_order(tmp_path):
    path, order = tmp_path / "rows.csv", ["first", "second"]
    for dataset, values in (("second", [1.0]), ("first", [2.0, 3.0]), ("second", [4.123456789])):
        merge_rows(path, pd.DataFrame({"dataset": dataset, "setting": "", "value": values}), order)
    found = read_rows(path)
    assert list(zip(found["dataset"], found["value"], strict=True)) == [("first", 2), ("first", 3), ("second", 4.12346)]
    # An empty text stays one.
    assert found["setting"].tolist() == ["", "", ""]


def test_rows_may_replace_those_that_share_several_keys(tmp_path):
    path, keys = tmp_path / "rows.csv", ("dataset", "network")
    for network, value in (("one", 1.0), ("two", 2.0), ("one", 3.0)):
        merge_rows(path, pd.DataFrame({"dataset": ["first"], "network": network, "value": value}), ["first"], keys)
    found = read_rows(path)
    assert dict(zip(found["network"], found["value"], strict=True)) == {"two": 2, "one": 3}


def test_rows_of_a_seed_are_replaced_and_stay_in_order(tmp_path):
    path, keys = tmp_path / "rows.csv", ("dataset", "seed")
    for seed, value in ((2, 0.5), (1, 0.4), (2, 0.1)):
        merge_rows(path, pd.DataFrame({"dataset": ["d", "d"], "seed": seed, "value": [value, 9]}), ["d"], keys)
    found = read_rows(path)
    assert found["seed"].tolist() == [1, 1, 2, 2] and found["value"].tolist() == [0.4, 9, 0.1, 9]


def test_rows_of_an_unknown_data_set_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'other' is not in list"):
        merge_rows(tmp_path / "rows.csv", pd.DataFrame({"dataset": ["other"], "value": [1.0]}), ["first"])


def test_no_rows_leave_the_file_as_it_is(tmp_path):
    path = tmp_path / "rows.csv"
    with pytest.raises(ValueError, match="Received none: no training came to an end"):
        merge_rows(path, pd.DataFrame(), ["first"])
    assert not path.exists()
