"""``runs/<dataset>/summary.json``: the report's summary and what only the runner knows.

The keys are those of ``components/fairness_report/summary.py``, and ``stages`` {node: {state, seconds}} and ``paths``.
``run`` is this run, and ``pushed`` the place where the model stands now: the report may come from cache, and a model that
is pushed once more stands elsewhere. In the file, paths below its own folder are relative to it: the folder may be moved.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Optional

from components.fairness_report.executor import PAGE, SUMMARY
from pipeline.evaluation import check_expected, expected_keys
from pipeline.running.places import RunFolder
from pipeline.running.relocation import for_file
from pipeline.running.run_record import RunRecord
from pipeline.settings.config import RunSettings


def write(settings: RunSettings, folder: RunFolder, record: RunRecord, pushed: Optional[Path]) -> dict[str, Any]:
    """Reads the report's summary and writes the run's, aside and renamed.

    Returns:
      The run's summary, with whole paths.

    Raises:
      ValueError: An expected metric is missing from the evaluation.
      LookupError: A node left no output.
    """
    evaluation = str(record.output("Evaluator", "evaluation").uri)
    thresholds = [(task.name, task.threshold) for task in settings.tasks]
    check_expected(evaluation, expected_keys(thresholds, list(settings.candidate().groups), settings.evaluation))
    report = record.output("FairnessReport", "report").uri
    summary = compose(json.loads((report / SUMMARY).read_text(encoding="utf-8")), folder, record, pushed)
    aside = folder.summary.with_suffix(".writing")
    aside.write_text(json.dumps(for_file(summary, folder.root), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(aside, folder.summary)
    return summary


def compose(reported: dict[str, Any], folder: RunFolder, record: RunRecord, pushed: Optional[Path]) -> dict[str, Any]:
    """The run's summary from the report's.

    Raises:
      ValueError: The report's file says another verdict than the gate's.
    """
    # What was decided stands in ML Metadata; the report's file may have been edited.
    blessed = bool(record.output("Gate", "verdict").properties.get("blessed"))
    if bool(reported["blessed"]) != blessed:
        raise ValueError(
            f"{record.output('FairnessReport', 'report').uri / SUMMARY} says that the model was "
            f"{'passed' if reported['blessed'] else 'refused'}, and the gate that it was "
            f"{'passed' if blessed else 'refused'}: the file was changed. Delete its folder, and run again"
        )
    return reported | {
        "run": record.run_id,
        "pushed": str(pushed) if pushed else None,
        "stages": {node.name: {"state": node.state, "seconds": node.seconds} for node in record.nodes.values()},
        "paths": _paths(folder, record, pushed),
    }


def _paths(folder: RunFolder, record: RunRecord, pushed: Optional[Path]) -> dict[str, str]:
    found = {
        "report": str(record.output("FairnessReport", "report").uri / PAGE),
        "model": str(pushed or record.output("Candidate", "model").uri / "Format-Serving"),
        "evaluation": str(record.output("Evaluator", "evaluation").uri),
        "tensorboard": str(record.output("Candidate", "model_run").uri),
        "summary": str(folder.summary),
    }
    if "Tuner" in record.nodes:
        found["trials"] = str(record.output("Tuner", "tuner_results").uri / "trials.json")
    return found
