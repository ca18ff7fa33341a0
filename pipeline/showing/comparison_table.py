"""Two runs side by side, printed: tables on a terminal, plain lines elsewhere, JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from components.tradeoff_metrics.registry import emitted
from pipeline.showing.comparison import APART, SAME, Cell, CellKey, Changes, Comparison
from pipeline.showing.run_table import NARROWEST_TABLE, changed, changes_json, figure, heading

_MARKS = {"apart": "apart", "overlap": "overlap", "same": "the same figure", "unknown": "no two intervals"}
# Figures of groups that no metric is made of alone.
_RATES = {"fpr": "FPR", "tpr": "TPR", "auc": "AUC"}


def comparison_json(found: Comparison) -> dict[str, Any]:
    """A comparison for programs."""
    sides = {
        name: {
            "id": run.id,
            "run": run.record.run_id,
            "started": run.record.started,
            "blessed": run.blessed,
            "reasons": (run.summary or {})["reasons"],
            "pushed": run.pushed,
        }
        for name, run in (("a", found.a), ("b", found.b))
    }
    return sides | {
        "changes": changes_json(found.changes),
        "same_test_rows": found.same_test_rows,
        "cells": [
            cell.key._asdict()
            | {"a": dict(cell.a), "b": dict(cell.b), "difference": cell.difference, "intervals": cell.intervals}
            for cell in found.cells
        ],
        "only_in": {name: [key._asdict() for key in keys] for name, keys in found.only_in.items()},
        "notes": found.notes,
    }


def name_of(key: CellKey) -> str:
    """A cell in words: ``click · FPR of the model · gender female``."""
    row = emitted().get(key.metric)
    what = row.name if row else _RATES.get(key.metric, key.metric.replace("_", " "))
    named = {"model": " of the model", "baseline": " of the baseline"}
    side = named.get(key.who, " (ratio)") if key.task else ""
    place = " · " + " ".join(filter(None, (key.group_key, key.group))) if key.group_key else ""
    return f"{key.task + ' · ' if key.task else ''}{what}{side}{place}"


def show_comparison(found: Comparison, console: Console, *, everything: bool = False) -> None:
    """Prints two runs side by side: tasks whole; of groups what moved, or ``everything``."""
    for name, run in (("a", found.a), ("b", found.b)):
        console.print(heading(name, run, f"  {run.id}"))
        assert run.summary is not None
        for reason in run.summary["reasons"]:
            console.print(f"     • {reason}")
    console.print()
    _show_changes(found.changes, console)
    of_tasks = [cell for cell in found.cells if cell.key.group_key is None]
    of_groups = [cell for cell in found.cells if cell.key.group_key is not None]
    shown = [cell for cell in of_tasks if everything or cell.intervals != SAME]
    moved = [cell for cell in of_groups if everything or cell.intervals == APART]
    _show_cells("over all rows", shown, console)
    _show_cells("in groups" if everything else "in groups, where the intervals lie apart", moved, console)
    left = len(found.cells) - len(shown) - len(moved)
    if left:
        same = sum(cell.intervals == SAME for cell in found.cells)
        text = (
            f"{left} other figures are not shown, {same} of them the very same in both runs; ALL=1 (--all) shows them"
        )
        console.print(text, style="dim")
    for name, keys in found.only_in.items():
        for key in keys:
            console.print(f"only in {name}: {name_of(key)}")
    for note in found.notes:
        console.print(f"  {note}", style="dim")


def _show_changes(found: Changes, console: Console) -> None:
    lines = changed(found)
    console.print(
        "what differs (a → b):" if lines != ["nothing"] else "settings, code and the log's files are the same"
    )
    for line in lines if lines != ["nothing"] else []:
        console.print(f"  {line}")
    console.print()


def _show_cells(title: str, cells: Sequence[Cell], console: Console) -> None:
    def texts(cell: Cell) -> list[str]:
        move = "undefined" if cell.difference is None else f"{cell.difference:+.4f}"
        return [name_of(cell.key), figure(dict(cell.a)), figure(dict(cell.b)), move, _MARKS[cell.intervals]]

    if not cells:
        console.print(f"{title}: nothing")
    elif not console.is_terminal or console.width < NARROWEST_TABLE:
        console.print(f"{title}: figure, a, b, b − a, intervals", style="bold" if console.is_terminal else None)
        for cell in cells:
            console.print("  " + "  ".join(texts(cell)))
    else:
        table = Table("figure", "a", "b", "b − a", "intervals", title=title, title_justify="left")
        for column in table.columns[1:4]:
            column.justify = "right"
        for cell in cells:
            table.add_row(*texts(cell), style="bold" if cell.intervals == APART else None)
        console.print(table)
