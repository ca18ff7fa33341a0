"""Data of the page's verdict: bounds, the largest gaps, and gaps that widened unguarded."""

from __future__ import annotations

from typing import Any, Optional

from components.fairness_report.inputs import CANDIDATE, RunInputs
from components.fairness_report.rates_section import ratio_name
from components.fairness_report.sentences import Sentence, bound_sentence, gap_evidence, gap_sentence
from components.tradeoff_metrics.gate import Bound

_UNITS = {"fpr_gap": "points", "tpr_gap": "points", "worst_group_error": "percent"}
_TITLES = {
    "arfg": "ARFG, gaps relative to single-task models",
    "are": "ARE, errors relative to single-task models",
    "fpr_gap": "FPR gap",
    "fpr_gap_ratio": "FPR gap relative to the single-task model",
    "tpr_gap": "TPR gap",
    "tpr_gap_ratio": "TPR gap relative to the single-task model",
    "worst_group_error": "Error in the worst group",
    "min_negatives": "Negatives in the smallest group",
    "min_positives": "Positives in the smallest group",
}


def verdict_data(run: RunInputs, summary: dict[str, Any]) -> dict[str, Any]:
    """The verdict: bounds with their sentences, those that failed first, and the largest gap of each task."""
    bounds = []
    for result, found in zip(run.judged.bounds, summary["bounds"], strict=True):
        details = run.details[result.bound.group or run.settings.groups[0]]
        bounds.append(
            found
            | {
                "title": _TITLES[result.bound.name.metric],
                "unit": _unit(result.bound),
                "parts": bound_sentence(result, details),
            }
        )
    return {
        "blessed": run.judged.blessed,
        "pushed": run.pushed,
        "bounds": sorted(bounds, key=lambda bound: bound["ok"]),
        "largest": [found for task in run.settings.task_names if (found := _largest_gap(task, run))],
        "widened": widened_gaps(run),
    }


def _unit(bound: Bound) -> str:
    if bound.is_minimum:
        return "count"
    return _UNITS.get(bound.name.metric, "ratio")


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
