"""Data of the training curves of both models, from ``training.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from components.fairness_report.inputs import RunInputs
from components.fairness_report.sections.rates import short
from components.fairness_report.summary import WHO
from models.formats import strict_json
from models.formats.listing import listed

Record = dict[str, Any]

# Drawn where a record has them: what a task weighs, its λ, and how its gate mixes the experts.
_OPTIONAL = ("weight", "strength", "gates")


def training_data(run: RunInputs) -> dict[str, Any]:
    """Per model: what was trained, and its figures by epoch.

    Returns:
        {who: {network, parameters, epochs, kept_epoch, rows_per_second, seconds, fairness, weights {task: share}, loss
        {train, validation}, notes [sentences], tasks {task: {loss, validation_loss, auc, fpr_gap, threshold, fairness {part:
        values}, and of `weight` (where it moves), `strength` and `gates` those that were recorded, `gate_names` [names]
        where the training names what its gates mix}}}}; lists over epochs.

    Raises:
        ValueError: A task's gates and their names differ in number.
    """
    return {who: _model(run.training[model], run, who) for who, model in WHO.items()}


def _model(training: dict[str, Any], run: RunInputs, who: str) -> dict[str, Any]:
    history = training["history"]
    weights = {task.name: task.weight if who == "model" else 1.0 for task in run.settings.tasks}
    total = sum(weights.values())
    return {
        "network": training["network"],
        "parameters": training["parameters"],
        "epochs": training["epochs"],
        "kept_epoch": training["kept_epoch"],
        "rows_per_second": short(training["rows_per_second"]),
        "seconds": short(training["seconds"]["fit"]),
        "fairness": fairness_text(training),
        "weights": {task: short(weight / total) for task, weight in weights.items()},
        "loss": {split: [short(record["loss"][split]) for record in history] for split in ("train", "validation")},
        "tasks": {
            task: _task(history, task) | _gate_names(history, task, training.get("gate_names", {}).get(task))
            for task in training["tasks"]
        },
        "notes": sharing_notes(training.get("sharing", {})),
    }


def fairness_text(training: Mapping[str, Any]) -> str:
    """The fairness loss of a training, its mode, and its λ by task or what λ was learned for."""
    fairness = training["fairness"]
    if fairness["mode"] == "none":
        return "none"
    asked = fairness.get("target_gap")
    targets = asked if isinstance(asked, dict) else {} if asked is None else dict.fromkeys(training["tasks"], asked)
    given = {task: value for task, value in training["first_strength"].items() if task not in targets}
    parts = [fairness["loss"], fairness["mode"]]
    if targets:
        parts.append(f"λ learned for FPR gaps of at most {_by_task(targets, training['tasks'])}")
    if given:
        parts.append(f"λ {_by_task(given, training['tasks'])}")
    return ", ".join(parts)


def _by_task(values: Mapping[str, float], tasks: Sequence[str]) -> str:
    """One number where all tasks have it, each with its task otherwise."""
    if set(values) == set(tasks) and len(set(values.values())) == 1:
        return f"{next(iter(values.values())):g}"
    return " and ".join(f"{value:g} ({task})" for task, value in values.items())


def sharing_notes(sharing: Mapping[str, Any]) -> list[str]:
    """What a network's strategy decided on sharing, in words."""
    notes = []
    closed = sharing.get("closed_gates", [])
    if closed:
        names = listed(closed)
        notes.append(
            f"The gates of these tasks are closed, since sharing did not lower their train loss: {names}. They are their "
            "single-task networks, whatever the gates of the last epoch show."
        )
    for task, choices in (sharing.get("architecture") or {}).items():
        notes.append(f"{task} takes, from the input on: {', '.join(choices)}.")
    parameters = sharing.get("parameters", {})
    if "full" in parameters:
        notes.append(
            f"The network that was found has {parameters['network']:,} parameters; {parameters['full']:,} with all private "
            f"and public encoders, {parameters['single_task']:,} as single-task networks."
        )
    return notes


def _gate_names(history: list[Record], task: str, names: Optional[list[str]]) -> Record:
    """The names of what a task's gate mixes; nothing where there is no gate or no name."""
    recorded = [gates for record in history if (gates := record["tasks"][task].get("gates")) is not None]
    if not names or not recorded:
        return {}
    for gates in recorded:
        if len(gates) != len(names):
            raise ValueError(
                f"training.json: task `{task}`: expected as many `gates` as `gate_names` {names}. Received: {gates}"
            )
    return {"gate_names": list(names)}


def _task(history: list[Record], task: str) -> dict[str, Any]:
    records = [record["tasks"][task] for record in history]

    def of(split: str, key: str) -> list[Optional[float]]:
        return [short(record[split].get(key)) for record in records]

    fairness = [record["train"]["fairness"] for record in records]
    parts = dict.fromkeys(part for found in fairness for part in found)
    result: dict[str, Any] = {
        "loss": of("train", "loss"),
        "validation_loss": of("validation", "loss"),
        "auc": of("validation", "auc"),
        "fpr_gap": of("validation", "fpr_gap"),
        "threshold": of("validation", "threshold"),
        "fairness": {part: [short(found.get(part)) for found in fairness] for part in parts},
    }
    for key in _OPTIONAL:
        values = [record.get(key, record["train"].get(key)) for record in records]
        # Weights that never move are told once, beside the loss.
        if any(value is not None for value in values) and (key != "weight" or any(v != values[0] for v in values)):
            result[key] = strict_json.defined(values)
    return result
