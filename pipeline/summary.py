"""``summary.json``: what a run found, for people and programs.

``dataset``, ``run``, ``blessed``, ``reasons`` (one sentence per failed bound), ``group`` (the primary key), ``rows``
{split: n}, ``left_out`` (sentences on rows of the log that are in no split), ``arfg`` and ``are`` {value, interval,
reason}, ``pushed`` (path or null), ``paths``, ``settings``, ``stages`` {node: {state, seconds}}, ``warnings``, and
``tasks``: per task ``threshold``, ``error``, ``fpr_gap``, ``tpr_gap`` and ``worst_group_error``, each {baseline, model,
ratio} of {value, interval, reason}, and ``groups``: per group key and value, the counts and the FPR, TPR and error of
baseline and model. An undefined value is null, and so is an unbounded interval.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Optional

from components.tradeoff_metrics.details import load_details
from components.tradeoff_metrics.gate import Verdict, verdict
from pipeline.config import RunSettings
from pipeline.evaluation import check_expected, expected_keys
from pipeline.places import RunFolder
from pipeline.run_record import RunRecord

_WHO = {"baseline": "baseline", "model": "candidate"}


def write(settings: RunSettings, folder: RunFolder, record: RunRecord, pushed: Optional[Path]) -> dict[str, Any]:
    """Reads the evaluation and writes the summary, aside and renamed.

    Raises:
      ValueError: An expected metric is missing from the evaluation.
    """
    evaluation = str(record.output("Evaluator", "evaluation").uri)
    tasks, groups = [task.name for task in settings.tasks], list(settings.candidate().groups)
    thresholds = [(task.name, task.threshold) for task in settings.tasks]
    check_expected(evaluation, expected_keys(thresholds, groups, settings.evaluation))
    judged = verdict(evaluation, settings.gate, tasks, groups)
    details = {group: load_details(evaluation, group) for group in groups}
    summary = compose(settings, record, judged, details, pushed) | {"paths": _paths(folder, record, pushed)}
    aside = folder.summary.with_suffix(".writing")
    aside.write_text(json.dumps(summary, indent=2, allow_nan=False) + "\n")
    os.replace(aside, folder.summary)
    return summary


def compose(
    settings: RunSettings,
    record: RunRecord,
    judged: Verdict,
    details: dict[str, dict[str, Any]],
    pushed: Optional[Path],
) -> dict[str, Any]:
    """The summary without the paths."""
    groups = list(settings.candidate().groups)
    primary = details[groups[0]]
    counts = json.loads((record.output("NegativeSplitter", "counts").uri / "counts.json").read_text())
    log_counts = json.loads(record.output("InteractionLogGen", "examples").properties["row_counts"])
    return {
        "dataset": settings.dataset,
        "run": record.run_id,
        "blessed": judged.blessed,
        "reasons": list(judged.reasons),
        "pushed": str(pushed) if pushed else None,
        "group": groups[0],
        "rows": {split: part["rows"] for split, part in counts["splits"].items()},
        "left_out": left_out(log_counts),
        "arfg": _estimate(primary["values"]["arfg"]),
        "are": _estimate(primary["values"]["are"]),
        "tasks": {task.name: _task(task.name, primary, details) for task in settings.tasks},
        "warnings": counts["warnings"],
        "stages": {node.name: {"state": node.state, "seconds": node.seconds} for node in record.nodes.values()},
        "settings": settings.model_dump(mode="json"),
    }


def left_out(log_counts: dict[str, Any]) -> list[str]:
    """Sentences on rows of the log that no split holds, and on rows that found nothing in a side table."""
    sentences = [
        f"`{split}` is a sample of {log_counts['rows'][split]:,} of {log_counts['rows'][split] + count:,} rows "
        "(`log.max_rows`)"
        for split, count in log_counts["capped"].items()
        if count
    ]
    if log_counts["dropped_missing"]:
        sentences.append(f"{log_counts['dropped_missing']:,} rows lack a value of `log.drop_missing` and were dropped")
    for table, count in log_counts["side_table_misses"].items():
        if count:
            sentences.append(f"{count:,} rows found no match in side table `{table}`: its columns are missing there")
    return sentences


def _estimate(plain: dict[str, Any]) -> dict[str, Any]:
    bounds = [plain["lower"], plain["upper"]]
    return {"value": plain["value"], "interval": None if None in bounds else bounds, "reason": plain["reason"]}


def _task(task: str, primary: dict[str, Any], details: dict[str, dict[str, Any]]) -> dict[str, Any]:
    values = primary["values"]

    def triple(metric: str, ratio: Optional[str]) -> dict[str, Any]:
        named = {"baseline": f"{metric}_baseline/{task}", "model": f"{metric}/{task}"}
        if ratio:
            named["ratio"] = f"{ratio}/{task}"
        return {who: _estimate(values[key]) for who, key in named.items()}

    return {
        "threshold": {who: primary["thresholds"][model][task] for who, model in _WHO.items()},
        "error": triple("error", "error_ratio"),
        "fpr_gap": triple("fpr_gap", "fpr_gap_ratio"),
        "tpr_gap": triple("tpr_gap", "tpr_gap_ratio"),
        "worst_group_error": triple("worst_group_error", None),
        "groups": {key: _groups(detail["tasks"][task], detail["group_rows"]) for key, detail in details.items()},
    }


def _groups(models: dict[str, Any], rows: dict[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for who, model in _WHO.items():
        for rate, groups in models[model]["rates"].items():
            for group, plain in groups.items():
                cell = result.setdefault(group, {"rows": rows[group]}).setdefault(who, {})
                cell[rate] = _estimate(plain) | {"count": plain["count"], "of": plain["of"]}
    return result


def _paths(folder: RunFolder, record: RunRecord, pushed: Optional[Path]) -> dict[str, str]:
    model_run = record.output("Candidate", "model_run").uri
    return {
        "model": str(pushed or record.output("Candidate", "model").uri / "Format-Serving"),
        "evaluation": str(record.output("Evaluator", "evaluation").uri),
        "tensorboard": str(model_run),
        "summary": str(folder.summary),
    }
