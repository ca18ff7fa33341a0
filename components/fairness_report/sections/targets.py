"""What became of `fairness.target_gap`: what was asked for, what validation held of it, and what test shows."""

from __future__ import annotations

from typing import Any

from components.tradeoff_metrics.telling.parts import Sentence
from components.tradeoff_metrics.telling.units import given_points, points


def targets_data(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """A target a task, those that were not held first: ``held`` on validation, ``task``, and the sentence's ``parts``."""
    found = [
        {"task": task, "held": target["held"], "parts": _parts(task, target, summary)}
        for task, target in summary["target_gap"].items()
    ]
    return sorted(found, key=lambda entry: entry["held"])


def _parts(task: str, target: dict[str, Any], summary: dict[str, Any]) -> Sentence:
    told_from = None if target["held"] else target["asked"]
    parts: Sentence = [
        ("text", "on validation: "),
        ("task", task),
        ("text", ", "),
        ("figure", points(target["achieved"], told_from)),
        ("text", " between the groups of "),
        ("group", summary["group"]),
        ("text", ", at most "),
        ("figure", given_points(target["asked"])),
        ("text", " asked for"),
    ]
    if target["held"] and not target["sure"]:
        parts += [
            ("text", ", but validation is too small to be sure: it may be as large as "),
            ("figure", points(target["upper"])),
        ]
    test = summary["tasks"][task]["fpr_gap"]["model"]
    if test["value"] is None:
        return [*parts, ("text", f"; undefined on test: {test['reason']}")]
    missed = target["asked"] if test["value"] > target["asked"] else None
    parts += [("text", "; on test "), ("figure", points(test["value"], missed))]
    if test["interval"] is not None:
        lower, upper = (points(end) for end in test["interval"])
        parts.append(("text", f" ({lower.removesuffix(' points')} to {upper})"))
    return parts
