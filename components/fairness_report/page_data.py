"""The data of the page: one object for what is always shown, and others that are read when they are asked for."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from components.fairness_report.inputs import CANDIDATE, RunInputs
from components.fairness_report.sections.data import dataset_data
from components.fairness_report.sections.histograms import histogram_data
from components.fairness_report.sections.rates import rates_data
from components.fairness_report.sections.tfma import tfma_data
from components.fairness_report.sections.tradeoff import tradeoff_data
from components.fairness_report.sections.training import training_data
from components.fairness_report.sections.verdict import verdict_data

_TOTALS = ("error", "auc")


class PageData(NamedTuple):
    """What the page embeds.

    Attributes:
        main: Read when the page opens.
        histograms: Read when the threshold slider or the score plots come into view.
        tfma: Per task in order, read when the task is shown in TFMA's components.
    """

    main: dict[str, Any]
    histograms: dict[str, Any]
    tfma: list[dict[str, Any]]


def page_data(
    run: RunInputs,
    summary: dict[str, Any],
    earlier: Optional[list[dict[str, Any]]] = None,
    gone: int = 0,
    frontier: Optional[list[dict[str, Any]]] = None,
) -> PageData:
    """Composes the page's data.

    Args:
        run: The run.
        summary: Its summary.
        earlier: Summaries of earlier runs; None where they cannot be known.
        gone: Number of earlier reports whose files are gone.
        frontier: Points of a frontier.
    """
    primary = run.primary
    main = {
        "dataset": run.settings.dataset,
        "run": run.run_id,
        "group": run.settings.groups[0],
        "groups": list(run.settings.groups),
        "tasks": run.settings.task_names,
        "minCount": run.settings.min_count,
        "evaluatedFrom": primary["min_count"],
        "confidence": primary["confidence"],
        "cluster": primary.get("cluster"),
        "on": run.settings.gate.on,
        "arfg": summary["arfg"],
        "are": summary["are"],
        "network": run.training[CANDIDATE]["network"],
        "thresholds": {task: found["threshold"] for task, found in summary["tasks"].items()},
        "totals": {
            task: {name: found[name] for name in _TOTALS} | {"difference": found["error_difference"]["model"]}
            for task, found in summary["tasks"].items()
        },
        "verdict": verdict_data(run, summary),
        "rates": rates_data(run, summary),
        "tradeoff": tradeoff_data(summary, earlier, gone, frontier or []),
        "training": training_data(run),
        "data": dataset_data(run, summary),
        "settings": summary["settings"],
    }
    return PageData(main, histogram_data(run), [tfma_data(task, run) for task in run.settings.task_names])
