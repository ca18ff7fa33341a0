"""What to know of the rows that an evaluation rests on: rows without a cluster, groups that are too small."""

from __future__ import annotations

from components.tradeoff_metrics.families.gaps import left_out_groups
from components.tradeoff_metrics.telling.parts import CANDIDATE, ROWS, Details
from models.formats.listing import listed


def lone_rows_sentence(lone: int, rows: int, cluster: str) -> str:
    """What to know of test rows that have no value of the column that names clusters.

    Args:
        lone: Their number.
        rows: Number of all test rows.
        cluster: The column.
    """
    return (
        f"{lone:,} of {rows:,} test rows have no `{cluster}` (`evaluation.cluster`): intervals take each of them as "
        "independent of all others."
    )


def left_out_sentences(details: Details) -> list[str]:
    """What to know of groups that have too few test rows to enter a gap.

    Args:
        details: Of a group key.
    """
    found = []
    for kind in ("fpr", "tpr"):
        groups = {task: left_out_groups(models[CANDIDATE], kind) for task, models in details["tasks"].items()}
        named = listed((f"in task `{task}` {text}" for task, text in groups.items() if text), "; ")
        if named:
            found.append(
                f"Groups of `{details['group']}` with fewer than {details['min_count']:,} known {ROWS[kind]} in the test "
                f"split (`evaluation.min_count`) enter no {kind.upper()} gap, and no bound rests on them: {named}."
            )
    return found
