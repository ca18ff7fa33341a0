"""What became of the log's rows, from the pipeline's counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.settings import LogSettings
from models.formats.features import SPLITS
from models.formats.listing import listed


def row_counts(counters: Mapping[str, int], log: LogSettings) -> dict[str, Any]:
    """Numbers of rows: ``rows`` written per split, ``dropped_missing``, ``capped`` (left out by ``max_rows``) per split,
    ``side_table_misses`` (rows read without a match) per side table.
    """
    return {
        "rows": {name: counters.get(f"rows/{name}", 0) for name in SPLITS},
        "dropped_missing": counters.get("dropped", 0),
        "capped": {name: counters.get(f"capped/{name}", 0) for name in SPLITS},
        "side_table_misses": {
            table.name: counters.get(f"misses/{number}", 0) for number, table in enumerate(log.side_tables)
        },
    }


def check_splits(counts: Mapping[str, Any], log: LogSettings) -> None:
    """Checks that every split has rows.

    Raises:
      LogError: one has none; the message names it and the counts of the others.
    """
    most = {str(name): count for name, count in log.max_rows.items()}
    for name in SPLITS:
        if counts["rows"][name]:
            continue
        others = ", ".join(f"{other} {count}" for other, count in counts["rows"].items() if other != name)
        message = f"split `{name}`: expected rows. Received none; the others have: {others}"
        if counts["dropped_missing"]:
            names = listed(log.drop_missing)
            message += f"; {counts['dropped_missing']} rows lacked a value of `log.drop_missing` ({names})"
        if counts["capped"][name]:
            message += (
                f"; it had {counts['capped'][name]}, too many of which are equal for a sample of at most "
                f"{most[name]} (`log.max_rows.{name}`)"
            )
        raise LogError(message)
