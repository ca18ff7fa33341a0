"""Sentences of the summary on rows that no split holds."""

from __future__ import annotations

from typing import Any

from pipeline.summary import left_out


def counts(**changes: Any) -> dict[str, Any]:
    return {
        "rows": {"train": 100, "test": 1_000},
        "capped": {"train": 0, "test": 0},
        "dropped_missing": 0,
        "side_table_misses": {"users": 0},
        **changes,
    }


def test_nothing_left_out_says_nothing() -> None:
    assert left_out(counts()) == []


def test_a_capped_split_names_both_counts() -> None:
    assert left_out(counts(capped={"train": 0, "test": 11_204})) == [
        "`test` is a sample of 1,000 of 12,204 rows (`log.max_rows`)"
    ]


def test_dropped_rows_and_rows_without_a_match_are_counted() -> None:
    first, second = left_out(counts(dropped_missing=6, side_table_misses={"users": 7}))
    assert first.startswith("6 rows lack") and "`log.drop_missing`" in first
    assert second.startswith("7 rows found no match in side table `users`")
