"""What the reader has to say of a log that it read: counted in every worker, summed, and said once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class Notices:
    """Counts by kind and subject, each with the example that comes first in the order of texts.

    What is kept does not depend on which worker saw which rows: counts of the log are summed, those of side tables, which
    every worker reads whole, are taken once, and examples are compared.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], tuple[int, str]] = {}
        self.of_tables: dict[tuple[str, str], tuple[int, str]] = {}

    def add(self, kind: str, subject: str, count: int, example: str) -> None:
        """Counts ``count`` more of what ``kind`` says of ``subject`` (a file, column or table); nothing where it is 0."""
        if not count:
            return
        before, kept = self.found.get((kind, subject), (0, example))
        self.found[kind, subject] = (before + int(count), min(kept, example))

    def taken(self) -> Notices:
        """What was found so far, which is then no longer here."""
        taken = Notices()
        taken.found, taken.of_tables = self.found, self.of_tables
        self.found, self.of_tables = {}, {}
        return taken

    def about_tables(self) -> Notices:
        """The same, as found in side tables."""
        notices = Notices()
        notices.of_tables = self.found
        return notices

    def merge(self, others: Iterable[Notices]) -> Notices:
        """Adds what ``others`` hold; returns itself."""
        for other in others:
            for (kind, subject), (count, example) in other.found.items():
                self.add(kind, subject, count, example)
            self.of_tables.update(other.of_tables)
        return self

    def __bool__(self) -> bool:
        return bool(self.found or self.of_tables)

    def to_json(self) -> list[list[Any]]:
        """[kind, subject, count, example] each, sorted."""
        return sorted([*key, *value] for part in (self.found, self.of_tables) for key, value in part.items())

    @classmethod
    def from_json(cls, rows: Sequence[Sequence[Any]]) -> Notices:
        """Inverse of ``to_json``, but for where it was found."""
        notices = cls()
        for kind, subject, count, example in rows:
            notices.add(kind, subject, count, example)
        return notices


def sentences(notices: Notices, counts: Mapping[str, Any]) -> list[str]:
    """The notices as a person reads them, worst first.

    Args:
      notices: all of a log.
      counts: see ``counts.row_counts``.
    """
    read = sum(counts["rows"].values()) + sum(counts["capped"].values()) + counts["dropped_missing"]
    found: list[tuple[str, str]] = []
    for kind, subject, count, example in notices.to_json():
        if kind == "unmatched_key":
            continue
        found.append(
            (kind, _WORDS[kind].format(subject=subject, count=f"{count:,}", of=_share(count, read), example=example))
        )
    order = list(_WORDS)
    texts = [text for _, text in sorted(found, key=lambda pair: (order.index(pair[0]), pair[1]))]
    return _unmatched(notices, counts, read) + texts


def _share(count: int, rows: int) -> str:
    return f"{count:,} of {rows:,} rows ({100 * count / max(rows, 1):.3g} %)"


def _unmatched(notices: Notices, counts: Mapping[str, Any], read: int) -> list[str]:
    """A side table that matches fewer than half of the rows."""
    texts = []
    for table, missed in counts["side_table_misses"].items():
        if 2 * missed > read > 0:
            spelled = notices.found.get(("unmatched_key", table), (0, ""))[1]
            texts.append(
                f"Side table `{table}` has no match for {_share(missed, read)}, whose columns from there are missing"
                + (f": {spelled}" if spelled else "")
                + "; compare how log and table write the key."
            )
    return texts


# Kind → what it says. `unmatched_key` is said with the counts of rows without a match, above.
_WORDS = {
    "no_split_key": (
        "{of} have no value in {subject}, which `split` divides by: they are divided by the row's hash, each by itself."
    ),
    "mark_as_key": (
        "{of} have {example} in column `{subject}`, which `split` divides by: they all fall into one split. Where that "
        "means a missing value, list it in `missing`."
    ),
    "merged_numbers": (
        "Column `{subject}` has values that 32-bit floats cannot tell apart: {example}, and {count} values in all become "
        "equal to their neighbour (counted in batches of 10,000 rows). A numeric feature takes them for equal: make it "
        "smaller, such as hours since a day in place of seconds since 1970, or read it as `categorical`. Rules and buckets "
        "still tell them apart."
    ),
    "whole_decimals": (
        "Column `{subject}` writes {count} whole numbers as decimals ({example}): they are read as whole numbers, so that "
        "equal ids are equal."
    ),
    "large_floats": (
        "Column `{subject}` holds {count} whole floats of 2^53 or more ({example}), where a float stands for several whole "
        "numbers: if these are ids, some may have become equal before this file was written. Write ids as integers or texts."
    ),
    "long_cell": "{subject}: {example}, perhaps because of a stray quote; {count} such rows.",
}
