"""Two runs side by side: settings that differ, and every figure of their summaries with both intervals.

A *cell* is one figure: of both runs' model, baseline or their ratio, over all rows of a task or in one group.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

from components.tradeoff_metrics.registry import summarised
from pipeline.settings import known_settings
from pipeline.settings.known_settings import Difference
from pipeline.showing.history import HistoryError, Run

APART, OVERLAP, SAME, UNKNOWN = "apart", "overlap", "same", "unknown"
Estimate = Mapping[str, Any]


@dataclass(frozen=True)
class Changes:
    """What is not as in another run.

    Attributes:
      settings: Settings that differ.
      not_compared: Blocks of settings that only one of the two is known to have.
      data: Whether the files of the log are others, or were written anew.
      code: Nodes that ran other code.
    """

    settings: list[Difference]
    not_compared: list[str]
    data: bool
    code: list[str]


class CellKey(NamedTuple):
    """What a figure is of.

    Without a task: over all tasks. Without a group key: over all rows of the task, or the worst group of the primary key;
    with a key and no group: the worst group of that key.
    """

    metric: str
    who: str
    task: Optional[str] = None
    group_key: Optional[str] = None
    group: Optional[str] = None


@dataclass(frozen=True)
class Cell:
    """A figure in both runs.

    Attributes:
      key: What it is of.
      a: Value, interval (null where unbounded, no key where there is none) and, of rates, count and out of how many.
      b: The same of the other run.
      difference: b minus a; None where one is undefined.
      intervals: ``apart`` or ``overlap``; ``same`` where both runs have the very same figure; ``unknown`` where a value is
        undefined, or an interval is missing or unbounded.
    """

    key: CellKey
    a: Estimate
    b: Estimate
    difference: Optional[float]
    intervals: str


@dataclass(frozen=True)
class Comparison:
    """Two runs, ``a`` and ``b``. ``only_in`` has the cells that one alone has; ``notes`` say how to read it."""

    a: Run
    b: Run
    changes: Changes
    same_test_rows: bool
    cells: list[Cell]
    only_in: dict[str, list[CellKey]]
    notes: list[str]


def changes(before: Run, after: Run) -> Changes:
    """What changed from one run to another.

    Where one of them left no whole settings, what the nodes of both were handed is compared instead.
    """
    a, b = before.settings, after.settings
    if a is None or b is None:
        a, b = known_settings.from_nodes(before.record), known_settings.from_nodes(after.record)
    fingerprints = [known_settings.log_fingerprint(run.record) for run in (before, after)]
    return Changes(
        known_settings.differences(a, b),
        known_settings.not_compared(a, b),
        None not in fingerprints and fingerprints[0] != fingerprints[1],
        known_settings.code_differences(before.record, after.record),
    )


def compare(a: Run, b: Run) -> Comparison:
    """Compares two runs that came to a verdict.

    Raises:
      HistoryError: One of them left no summary.
    """
    figures = [dict(_figures(_summary(run))) for run in (a, b)]
    keys = list(figures[0]) + [key for key in figures[1] if key not in figures[0]]
    cells = [_cell(key, figures[0][key], figures[1][key]) for key in keys if all(key in side for side in figures)]
    only_in = {
        "a": [key for key in keys if key not in figures[1]],
        "b": [key for key in keys if key not in figures[0]],
    }
    same = _same_rows(a, b)
    return Comparison(a, b, changes(a, b), same, cells, only_in, _notes(a, b, same, cells))


def _summary(run: Run) -> dict[str, Any]:
    if run.summary is None:
        at = f" at {run.at}" if run.at else ""
        raise HistoryError(
            f"run {run.id} ({run.state}{at}) left no figures to compare: it left no report, or the report was removed; "
            "`make runs` lists the runs that came to a verdict"
        )
    return run.summary


def _figures(summary: Mapping[str, Any]) -> Iterator[tuple[CellKey, Estimate]]:
    for row in summarised():
        # Summaries of earlier versions have ARFG and ARE only.
        if not row.of_task and row.key in summary:
            yield CellKey(row.key, "ratio" if row.unit == "ratio" else "model"), summary[row.key]
    for task, figures in summary["tasks"].items():
        for metric, sides in figures.items():
            if metric not in ("groups", "worst"):
                yield from ((CellKey(metric, who, task), _estimate(side)) for who, side in sides.items())
        for group_key, found in figures.get("worst", {}).items():
            for metric, sides in found.items():
                yield from ((CellKey(metric, who, task, group_key), side) for who, side in sides.items())
        for group_key, groups in figures["groups"].items():
            for group, cell in groups.items():
                for who, rates in cell.items():
                    # Beside the sides stand plain counts, such as the group's rows.
                    for rate, estimate in rates.items() if isinstance(rates, Mapping) else ():
                        yield CellKey(rate, who, task, group_key, group), _estimate(estimate)


def _estimate(value: Any) -> Estimate:
    """A plain number, such as a decision threshold, has no interval."""
    return value if isinstance(value, Mapping) else {"value": value}


def _cell(key: CellKey, a: Estimate, b: Estimate) -> Cell:
    defined = a["value"] is not None and b["value"] is not None
    return Cell(key, a, b, b["value"] - a["value"] if defined else None, _intervals(a, b, defined))


def _intervals(a: Estimate, b: Estimate, defined: bool) -> str:
    if a == b:
        return SAME
    left, right = a.get("interval"), b.get("interval")
    if not defined or not left or not right:
        return UNKNOWN
    return OVERLAP if left[0] <= right[1] and right[0] <= left[1] else APART


def _same_rows(a: Run, b: Run) -> bool:
    """Whether both runs are known to have read the same files and split them in the same way."""
    read = []
    for run in (a, b):
        node = run.record.nodes.get("InteractionLogGen")
        if node is None or "settings" not in node.properties:
            return False
        read.append((node.properties.get("fingerprint"), json.loads(node.properties["settings"])["log"]))
    return read[0] == read[1]


def _notes(a: Run, b: Run, same: bool, cells: list[Cell]) -> list[str]:
    levels = [_summary(run)["settings"]["evaluation"]["confidence"] for run in (a, b)]
    apart = sum(cell.intervals == APART for cell in cells)
    judged = apart + sum(cell.intervals == OVERLAP for cell in cells)
    level = f"{levels[0]:.0%}" if levels[0] == levels[1] else f"{levels[0]:.0%} (a) and {levels[1]:.0%} (b)"
    count = f" (here {apart} of the {judged} that differ)" if judged else ""
    notes = [
        f"Intervals at {level}. Those that lie apart speak for a difference{count}; among many, a few do by chance.",
        "Overlapping intervals do not prove that two figures are equal.",
        "Intervals hold the chance of the test rows and not that of training: another seed alone moves figures too.",
    ]
    if same:
        notes.append(
            "Both runs were judged on the same test rows, and their errors go together: each interval tells how sure that "
            "run's figure is by itself, and a difference smaller than the intervals are wide may still be real."
        )
    else:
        notes.append(
            "The two runs are not known to have been judged on the same test rows (other files, splits or dataset): part of "
            "what moved may be the rows."
        )
    return notes
