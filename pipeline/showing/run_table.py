"""The list of runs, printed: a table on a terminal, plain lines elsewhere, JSON for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pipeline.settings import known_settings
from pipeline.showing.comparison import Changes, changes
from pipeline.showing.history import Run

# A terminal that is narrower gets lines: folded into columns, nothing could be read.
NARROWEST_TABLE = 110
_INDENT = 13
_LONGEST_VALUE = 40


def when(run: Run) -> str:
    """When a run began, in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.record.started))


def _seconds(seconds: Optional[float]) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def ended(run: Run) -> str:
    """How a run ended: ``finished in 86 s``, ``failed at Transform after 12 s``, ``killed at Candidate``."""
    at = f" at {run.at}" if run.at else ""
    if run.state == "killed":
        return f"killed{at or ' between two stages'}"
    between = {"finished": " in ", "failed": " after ", "running": " for "}[run.state]
    return f"{run.state}{at}{between}{_seconds(run.seconds)}"


def verdict(run: Run) -> str:
    """The verdict, and where the model went."""
    if run.blessed is None:
        return "no verdict"
    if not run.blessed:
        return "refused"
    if run.pushed is None:
        return "passed, not pushed"
    path = Path(run.pushed)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"passed, pushed to {shown}" + ("" if path.is_dir() else " (no longer there)")


def figure(estimate: Optional[dict[str, Any]]) -> str:
    """A value with its interval."""
    if estimate is None:
        return ""
    if estimate["value"] is None:
        return "undefined"
    if "interval" not in estimate:
        return f"{estimate['value']:.4f}"
    if not estimate["interval"]:
        return f"{estimate['value']:.4f} (interval unbounded)"
    return "{:.4f} [{:.4f}, {:.4f}]".format(estimate["value"], *estimate["interval"])


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def changed(found: Optional[Changes]) -> list[str]:
    """A sentence per setting that changed against the run before; None is the first run."""
    if found is None:
        return ["first run"]
    lines = [f"{d.key}: {_value(d.a)} → {_value(d.b)}" for d in found.settings]
    if found.data:
        lines.append("the log's files")
    if found.code:
        lines.append(f"code of {', '.join(found.code)}")
    if found.not_compared:
        lines.append(f"not known of both runs: {', '.join(found.not_compared)}")
    return lines or ["nothing"]


def stages(run: Run, *, short: bool = False) -> list[str]:
    """A line per stage that ran, with its time, then what came from cache; ``short`` counts what took no time."""
    lines, quick, cached = [], 0, []
    for name, stage in run.stages.items():
        if stage["state"] == "cached":
            cached.append(name)
        elif short and stage["state"] == "finished" and stage["seconds"] < 1:
            quick += 1
        else:
            state = "" if stage["state"] == "finished" else f"{stage['state']} "
            lines.append(f"{name} {state}{_seconds(stage['seconds'])}".rstrip())
    if quick:
        lines.append(f"{quick} under 1 s")
    if cached:
        lines.append(f"{len(cached)} from cache" if short else f"from cache: {', '.join(cached)}")
    return lines or ["none was started"]


def _before(found: Sequence[Run]) -> dict[str, Optional[Changes]]:
    """Run id → changes against the dataset's run before it."""
    previous = {(run.dataset, run.number + 1): run for run in found}
    pairs = [(run, previous.get((run.dataset, run.number))) for run in found]
    return {run.id: changes(before, run) if before else None for run, before in pairs}


def runs_json(found: Sequence[Run]) -> list[dict[str, Any]]:
    """The runs for programs, newest first."""
    before = _before(found)
    return [
        {
            "id": run.id,
            "dataset": run.dataset,
            "number": run.number,
            "run": run.record.run_id,
            "started": run.record.started,
            "seconds": run.seconds,
            "state": run.state,
            "at": run.at,
            "stages": run.stages,
            "arfg": run.estimate("arfg"),
            "are": run.estimate("are"),
            "blessed": run.blessed,
            "pushed": run.pushed,
            "report": None if run.report is None else str(run.report),
            "changed": None if (found_changes := before[run.id]) is None else changes_json(found_changes),
            "settings": run.settings or known_settings.from_nodes(run.record),
            "settings_are_whole": run.settings is not None,
        }
        for run in found
    ]


def changes_json(found: Changes) -> dict[str, Any]:
    """Changes for programs."""
    return {
        "settings": [difference._asdict() for difference in found.settings],
        "not_compared": found.not_compared,
        "data": found.data,
        "code": found.code,
    }


_STYLES = {"failed": "red", "killed": "red", "running": "cyan", "refused": "red", "passed": "green"}


def coloured(text: str) -> Text:
    """``text`` in the colour of its first word."""
    return Text(text, _STYLES.get(text.partition(" ")[0].rstrip(","), ""))


def heading(name: str, run: Run, more: str = "") -> Text:
    """One line on a run: what it is called here, when it began, how it ended, its verdict."""
    return Text("  ").join(
        [Text.assemble((name, "bold"), more), Text(when(run)), coloured(ended(run)), coloured(verdict(run))]
    )


def show_runs(found: Sequence[Run], console: Console) -> None:
    """Prints the runs, newest first."""
    before = _before(found)
    if not console.is_terminal or console.width < NARROWEST_TABLE:
        for run in found:
            _show_lines(run, before[run.id], console)
        return
    heads = ("run", "when, how it ended, verdict", "ARFG, then ARE", "changed against the run before", "stages")
    table = Table(*(Column(head, overflow="fold", no_wrap=head == "run") for head in heads), show_lines=True)
    for run in found:
        table.add_row(
            Text(run.id, "bold"),
            Text("\n").join([Text(when(run)), coloured(ended(run)), coloured(verdict(run))]),
            "\n".join(figure(run.estimate(name)) for name in ("arfg", "are")),
            *("\n".join(lines) for lines in (changed(before[run.id]), stages(run, short=True))),
        )
    console.print(table)


def _show_lines(run: Run, changes: Optional[Changes], console: Console) -> None:
    console.print(heading(run.id, run), soft_wrap=True)
    figures = [
        (name.upper(), figure(estimate)) for name in ("arfg", "are") if (estimate := run.estimate(name)) is not None
    ]
    lists = [("changed", changed(changes)), ("stages", stages(run, short=console.is_terminal))]
    for label, text in [*figures, *((label, " · ".join(lines)) for label, lines in lists)]:
        hanging = Text(text).wrap(console, max(20, console.width - _INDENT))
        for number, line in enumerate(hanging):
            start = label if number == 0 else ""
            console.print(f"    {start:<{_INDENT - 4}}{line.plain.rstrip()}", soft_wrap=True)
