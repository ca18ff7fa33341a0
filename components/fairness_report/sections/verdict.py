"""Data of the page's verdict: bounds, the largest gaps, gaps that widened unguarded, negative transfer, worst cells."""

from __future__ import annotations

from typing import Any, Optional

from components.fairness_report.inputs import CANDIDATE, RunInputs
from components.fairness_report.sections.rates import ratio_name
from components.fairness_report.sections.targets import targets_data
from components.tradeoff_metrics.families.gaps import gap_evidence, gap_sentence
from components.tradeoff_metrics.families.worst import worst_parts
from components.tradeoff_metrics.figures.transfer import harmed
from components.tradeoff_metrics.telling.parts import Sentence
from components.tradeoff_metrics.telling.sentences import bound_sentence


def verdict_data(run: RunInputs, summary: dict[str, Any]) -> dict[str, Any]:
    """The verdict: bounds with their sentences, those that failed first, and the largest gap of each task."""
    bounds = []
    for result, found in zip(run.judged.bounds, summary["bounds"], strict=True):
        details = run.details[result.bound.group or run.settings.groups[0]]
        bounds.append(
            found
            | {
                "title": result.bound.metric.title,
                "has_interval": result.bound.metric.has_interval,
                "unit": result.bound.metric.unit,
                "parts": bound_sentence(result, details),
            }
        )
    return {
        "blessed": run.judged.blessed,
        "pushed": run.pushed,
        "bounds": sorted(bounds, key=lambda bound: bound["ok"]),
        "largest": [found for task in run.settings.task_names if (found := _largest_gap(task, run))],
        "widened": widened_gaps(run),
        "transfer": transfer(run),
        "targets": targets_data(summary),
        "worst": [found for task in run.settings.task_names if (found := _worst_cell(task, run))],
    }


def transfer(run: RunInputs) -> list[dict[str, Any]]:
    """Tasks that are surely worse than their single-task model, then those that may be.

    Each: ``task``, ``surely`` and the sentence's ``parts``.
    """
    found = []
    for surely, tasks in zip((True, False), harmed(run.primary), strict=True):
        for task in tasks:
            difference = run.primary["values"][f"error_difference/{task}"]
            value, lower, upper = (
                f"{100 * difference[end]:+.1f}".replace("-", "−") for end in ("value", "lower", "upper")
            )
            parts: Sentence = [
                ("task", task),
                ("text", ": error "),
                ("figure", f"{value} points"),
                ("text", f" ({lower} to {upper})"),
            ]
            found.append({"task": task, "surely": surely, "parts": parts})
    return found


def _worst_cell(task: str, run: RunInputs) -> Optional[dict[str, Any]]:
    """The cell of label and group with the highest error in a task, over all group keys, of large enough cells."""
    found: list[tuple[float, str, str, dict[str, Any]]] = []
    for key, details in run.details.items():
        rates = details["tasks"][task][CANDIDATE]["rates"]
        for kind, side in (("fpr", "negatives"), ("tpr", "positives")):
            for group, rate in rates[kind].items():
                if rate["value"] is not None and rate["of"] >= run.settings.min_count:
                    error = rate["value"] if kind == "fpr" else 1 - rate["value"]
                    found.append((error, key, group, {"value": error, "of": rate["of"], "side": side}))
    if not found:
        return None
    value, key, group, cell = max(found, key=lambda entry: entry[0])
    parts: Sentence = [("group", group), ("text", " in "), ("task", task), ("text", ": ")]
    return {"key": key, "value": value, "parts": parts + worst_parts("worst_cell_error", cell)}


def _largest_gap(task: str, run: RunInputs) -> Optional[dict[str, Any]]:
    """The group that stands worst in a task by false positives, over all group keys whose groups are large enough."""
    found: list[tuple[float, str, Sentence]] = []
    for key, details in run.details.items():
        gap = details["tasks"][task][CANDIDATE]["gaps"]["fpr"]
        sentence = gap_sentence(task, "fpr", details)
        if sentence is None:
            continue
        rates = details["tasks"][task][CANDIDATE]["rates"]["fpr"]
        if min(rates[gap[end]]["of"] for end in ("highest", "lowest")) < run.settings.min_count:
            continue
        found.append((gap["value"], key, sentence + gap_evidence(task, "fpr", details)))
    if not found:
        return None
    value, key, parts = max(found, key=lambda entry: entry[0])
    return {"key": key, "value": value, "parts": parts}


def widened_gaps(run: RunInputs) -> list[dict[str, Any]]:
    """Gaps that are surely wider than the single-task model's (interval of the ratio above 1) and that no bound guards.

    A mean such as ARFG does not guard a task: the others can make up for it.
    """
    guarded = {
        (result.bound.name.metric.removesuffix("_ratio"), result.bound.name.task, result.bound.group)
        for result in run.judged.bounds
    }
    found = []
    for key, details in run.details.items():
        for task in run.settings.task_names:
            for kind in ("fpr", "tpr"):
                ratio = details["values"][ratio_name(kind, task, key, run)]
                sentence = gap_sentence(task, kind, details)
                if (f"{kind}_gap", task, key) in guarded or sentence is None or not (ratio["lower"] or 0) > 1:
                    continue
                more: Sentence = [
                    ("text", ", "),
                    ("figure", f"{ratio['value']:.1f}"),
                    ("text", " times the single-task gap"),
                ]
                found.append({"key": key, "value": ratio["value"], "parts": sentence + more})
    return sorted(found, key=lambda entry: -entry["value"])
