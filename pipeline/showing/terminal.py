"""What a person reads in the terminal: stages while the run goes on, the table and the verdict at its end."""

from __future__ import annotations

import time
from typing import Any, Optional

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from components.tradeoff_metrics.registry import summarised

__all__ = ["Stages", "show"]


class Stages:
    """Shows events as they come: a spinner on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console):
        self._console = console
        self._started: dict[str, float] = {}
        self._status: Optional[Status] = None

    def show(self, event: dict[str, Any]) -> str:
        """Shows one event and returns its kind."""
        kind = event["kind"]
        if kind == "stage":
            self._stage(event)
        elif kind == "note":
            self._console.print(f"    {event['text']}", style="dim")
        elif kind == "warning":
            self._console.print(Text.assemble("    ", ("warning", "yellow"), f" {event['text']}"))
        return str(kind)

    def _stage(self, event: dict[str, Any]) -> None:
        name, state = event["name"], event["state"]
        if state == "running":
            self._started[name] = event["at"]
            self._spin(name)
            return
        if state == "cached":
            self._started[name] = -1
            return
        self.close()
        start = self._started.get(name, event["at"])
        took = "unchanged, from cache" if start < 0 else f"{event['at'] - start:5.0f} s"
        self._console.print(f"  {name:<20} {took}")

    def _spin(self, name: str) -> None:
        self.close()
        if self._console.is_terminal:
            self._status = self._console.status(f"{name} (since {time.strftime('%H:%M:%S')})")
            self._status.start()

    def close(self) -> None:
        """Ends the spinner."""
        if self._status is not None:
            self._status.stop()
            self._status = None


# Told in lines of their own.
_OWN_LINES = ("arfg", "are", "delta_p", "negative_transfer_count")


def _number(value: Optional[float]) -> str:
    return "undefined" if value is None else f"{value:.4f}"


def _with_interval(estimate: dict[str, Any]) -> str:
    interval = estimate.get("interval")
    if estimate["value"] is None:
        return "undefined"
    if not interval:
        return f"{_number(estimate['value'])} (interval unbounded)"
    return f"{_number(estimate['value'])} [{interval[0]:.4f}, {interval[1]:.4f}]"


def show(summary: dict[str, Any], console: Console) -> None:
    """Prints the end of a run from its summary."""
    console.print()
    table = Table(
        title=f"{summary['dataset']}: test split, {summary['rows']['test']:,} rows, gaps between {summary['group']}",
        title_justify="left",
    )
    for column in ("task", "error: single-task", "model", "ratio", "FPR gap: single-task", "model", "ratio"):
        table.add_column(column, justify="left" if column == "task" else "right")
    for task, figures in summary["tasks"].items():
        error, gap = figures["error"], figures["fpr_gap"]
        table.add_row(
            task,
            *(_number(error[who]["value"]) for who in ("baseline", "model", "ratio")),
            *(_number(gap[who]["value"]) for who in ("baseline", "model", "ratio")),
        )
    console.print(table)
    for sentence in summary["left_out"]:
        console.print(sentence, style="dim")
    for key, meaning in (
        ("arfg", "ARFG, average relative fairness gap"),
        ("are", "ARE,  average relative error       "),
    ):
        console.print(f"{meaning}  {_with_interval(summary[key])}   (below 1: better than training the tasks apart)")
        if summary[key].get("reason"):
            console.print(f"      {summary[key]['reason']}", style="yellow")
    for row in summarised():
        if not row.of_task and row.key not in _OWN_LINES:
            console.print(f"{row.title}  {_with_interval(summary[row.key])}")
    _transfer(summary, console)
    _worst(summary, console)
    for target in summary.get("target_gap", {}).values():
        console.print(target["sentence"], style="dim" if target["held"] else "yellow")
    cluster = summary["settings"]["evaluation"]["cluster"]
    drawn = f"values of `{cluster}` are resampled" if cluster else "rows are taken as independent"
    console.print(f"intervals: {drawn}", style="dim")
    _verdict(summary, console)


def _transfer(summary: dict[str, Any], console: Console) -> None:
    """Δp, and the tasks that are worse than when they are trained apart."""
    change = summary["delta_p"]
    value, interval = change["value"], change["interval"]
    ends = f" [{interval[0]:+.2f}, {interval[1]:+.2f}]" if interval else " (interval unbounded)"
    text = "undefined" if value is None else f"{value:+.2f} %{ends}"
    console.print(f"Δp,   mean relative change of error  {text}   (above 0: better than training the tasks apart)")
    if summary["negative_transfer_count"]["value"] is None:
        console.print(f"negative transfer: undefined, {summary['negative_transfer_count']['reason']}")
        return
    for how, style in (("surely", "yellow"), ("possibly", "dim")):
        named = [
            f"{task} ({_points(summary['tasks'][task]['error_difference']['model'])})"
            for task in summary["negative_transfer"][how]
        ]
        if named or how == "surely":
            console.print(
                f"negative transfer, {how:<8} {', '.join(named) or 'no task'}", style=style if named else "dim"
            )


def _points(estimate: dict[str, Any]) -> str:
    """An error's difference in percentage points, with its interval."""
    lower, upper = estimate["interval"]
    return f"error {100 * estimate['value']:+.2f} points, {100 * lower:+.2f} to {100 * upper:+.2f}"


def _worst(summary: dict[str, Any], console: Console) -> None:
    """Per task the worst group and the worst cell of label and group."""
    table = Table(title=f"worst off, groups of {summary['group']} (single-task, then model)", title_justify="left")
    table.add_column("task")
    for column in ("error, worst group", "error, worst label × group", "AUC, worst group"):
        table.add_column(column, justify="right")
    for task, figures in summary["tasks"].items():
        cells = [
            " → ".join(_worst_one(figures[metric][who]) for who in ("baseline", "model"))
            for metric in ("worst_group_error", "worst_cell_error", "worst_group_auc")
        ]
        table.add_row(task, *cells)
    console.print(table)


def _worst_one(worst: dict[str, Any]) -> str:
    if worst["value"] is None:
        return "undefined"
    return f"{_number(worst['value'])} {worst['group']}" + (f" {worst['side']}" if worst["side"] else "")


def _verdict(summary: dict[str, Any], console: Console) -> None:
    if summary["blessed"]:
        console.print(Text.assemble(("passed the gate", "bold green"), f" and pushed to {summary['pushed']}"))
    else:
        console.print(Text.assemble(("refused by the gate", "bold red"), ", not pushed:"))
    for reason in summary["reasons"]:
        console.print(f"  • {reason}")
    for name, path in summary["paths"].items():
        console.print(f"  {name:<12} {path}", style="dim")
