"""The model card: the fields of Google's model card schema 0.0.2, from the run and the ``model_card`` settings."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Optional

from components.fairness_report.inputs import CANDIDATE, RunInputs
from components.fairness_report.rendering import environment
from components.fairness_report.sections.training import fairness_text
from components.fairness_report.settings import ModelCardSettings
from components.tradeoff_metrics.registry import summarised
from models.config.settings import Settings
from models.formats.listing import MOST_LISTED, listed

SCHEMA_VERSION = "0.0.2"
_RATES = {"fpr": "false positive rate", "tpr": "true positive rate", "error": "error", "auc": "AUC"}


def model_card(run: RunInputs, summary: dict[str, Any], pictures: dict[str, Path]) -> dict[str, Any]:
    """The card of a run's model; JSON-able, absent fields left out.

    Args:
        run: The run.
        summary: Its summary.
        pictures: Title → PNG of each figure; embedded.
    """
    card, training = run.settings.model_card, run.training[CANDIDATE]
    return {
        "schema_version": SCHEMA_VERSION,
        "model_details": _details(card, run),
        "model_parameters": {
            "model_architecture": _architecture(training),
            "data": [_data(split, rows, run) for split, rows in summary["rows"].items()],
            "input_format": "serialized tf.Example with the features "
            + ", ".join(f"{feature.name} ({feature.type})" for feature in run.settings.features.inputs),
            "output_format": "per task the probability of a positive; positive above the threshold: "
            + ", ".join(f"{task} {found['threshold']['model']:.4f}" for task, found in summary["tasks"].items()),
        },
        "quantitative_analysis": {
            "performance_metrics": _metrics(summary),
            "graphics": {
                "description": "Figures of the fairness report of this run",
                "collection": [
                    {"name": title, "image": base64.b64encode(path.read_bytes()).decode()}
                    for title, path in pictures.items()
                ],
            },
        },
        "considerations": _considerations(card, run, summary),
    }


def render_model_card(card: dict[str, Any]) -> str:
    """The card as one HTML file."""
    return environment().get_template("model_card.html.j2").render(card=card)


def _details(card: ModelCardSettings, run: RunInputs) -> dict[str, Any]:
    tasks = ", ".join(run.settings.task_names)
    overview = card.overview or f"Predicts {tasks} for each impression; compared with single-task models by group."
    version = _given(card.version)
    if "name" not in version and run.run_id:
        version["name"] = run.run_id
    return _filled(
        name=card.name or f"Multi-task model of {run.settings.dataset}",
        overview=overview,
        documentation=card.documentation,
        owners=[_given(owner) for owner in card.owners],
        version=version,
        licenses=[_given(license) for license in card.licenses],
        references=[{"reference": reference} for reference in card.references],
    )


def _architecture(training: dict[str, Any]) -> str:
    return f"{training['network']}, {training['parameters']:,} parameters; fairness loss: {fairness_text(training)}"


def _data(split: str, rows: int, run: RunInputs) -> dict[str, Any]:
    tasks = run.counts["splits"][split]["tasks"]
    rates = listed(
        f"{task} {counts['positives'] / counts['known']:.1%} of {counts['known']:,}"
        for task, counts in tasks.items()
        if counts["known"]
    )
    groups = [f"{key}: {_largest(found['group_rows'])}" for key, found in run.details.items()]
    return {
        "name": f"{run.settings.dataset}, {split} split",
        "description": f"{rows:,} rows; positives among known labels: {rates}",
        "sensitive": {"sensitive_data": groups},
    }


def _largest(rows: dict[str, int]) -> str:
    """Groups with their rows in the test split; the largest ones where they are many."""
    order = sorted(rows, key=lambda group: -rows[group]) if len(rows) > MOST_LISTED else list(rows)
    return listed(f"{group} ({rows[group]:,} test rows)" for group in order)


def _metrics(summary: dict[str, Any]) -> list[dict[str, Any]]:
    rows, groups_of = [row for row in summarised() if row.card_name], f"groups of {summary['group']}"
    where = {row.key: groups_of if row.of_group else None for row in rows}
    found = [_metric(row.card_name, summary[row.key], where[row.key]) for row in rows if not row.of_task]
    for task, figures in summary["tasks"].items():
        names = {row.key: row.card_name for row in rows if row.scope == "task"} | {"auc": "AUC"}
        names |= {row.key: row.card_name for row in rows if row.scope == "group_task"}
        found += [_metric(f"{task}: {name}", figures[key]["model"], where.get(key)) for key, name in names.items()]
        for key, groups in figures["groups"].items():
            for group, cells in groups.items():
                found += [
                    _metric(f"{task}: {name}", cells["model"][rate], f"{key}: {group}") for rate, name in _RATES.items()
                ]
    return [metric for metric in found if metric is not None]


def _metric(kind: str, estimate: dict[str, Any], where: Optional[str] = None) -> Optional[dict[str, Any]]:
    """A metric that is defined; the schema has no other."""
    if estimate["value"] is None:
        return None
    ends = estimate["interval"]
    return _filled(
        type=kind,
        value=estimate["value"],
        slice=where,
        confidence_interval={"lower_bound": ends[0], "upper_bound": ends[1]} if ends else None,
    )


def _considerations(card: ModelCardSettings, run: RunInputs, summary: dict[str, Any]) -> dict[str, Any]:
    measured = [bound["plain"] for bound in summary["bounds"] if not bound["ok"]]
    verdict = "passed the gate" if summary["blessed"] else "was refused by the gate"
    targets = [target["sentence"] for target in summary["target_gap"].values()]
    return _filled(
        users=_described(card.users),
        use_cases=_described(card.use_cases),
        limitations=_described([*card.limitations, *summary["warnings"], *summary["left_out"]]),
        tradeoffs=_described([*card.tradeoffs, f"The model {verdict} of this run.", *measured, *targets]),
        ethical_considerations=[_given(risk) for risk in card.ethical_considerations],
    )


def _described(texts: Any) -> list[dict[str, str]]:
    return [{"description": text} for text in texts]


def _given(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude_none=True)


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, [], {})}
