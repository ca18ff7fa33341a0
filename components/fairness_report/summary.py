"""``summary.json``: what a run found, for people and programs.

``dataset``, ``run``, ``blessed``, ``reasons`` (a sentence per failed bound), ``bounds`` (each: ``setting``, ``metric``,
``group``, ``task``, ``value``, ``interval``, ``limit``, ``minimum``, ``on``, ``margin`` (room to the limit, below zero where
the bound failed), ``ok``, ``sentence`` with the evidence, and ``plain``, the same in a reviewer's words),
``pushed`` (path or null), ``group`` (the primary key), ``rows`` {split: n}, ``left_out`` (sentences on rows of the log that
are in no split), ``arfg``, ``are``, ``delta_p`` (percent, higher is better) and ``negative_transfer_count`` {value,
interval, reason}, ``negative_transfer`` {surely, possibly: tasks}, ``target_gap`` {task: asked, achieved (on validation),
standard_error, upper, held, sure, strength, last_strength, at_bound, epoch, strengths and gaps (by epoch), sentence},
``settings``, ``warnings``, and ``tasks``.

Per task: ``threshold``, ``error``, ``fpr_gap`` and ``tpr_gap``, each {baseline, model, ratio} of {value, interval, reason};
``auc`` {baseline, model}; ``error_difference`` {model}; ``worst_group_error``, ``worst_group_auc``, ``worst_cell_error`` and
``worst_cell_auc`` {baseline, model} of the primary group key, with ``group``, ``side`` and ``left_out``; ``worst``, the same
four {group key: metric} of the other keys; and ``groups``: per group key and value, the counts and the FPR, TPR, error and
AUC of baseline and model. An undefined value is null, and so is an unbounded interval. A metric that is registered besides
(`tradeoff_metrics/registry.py`) stands under its key beside those of its kind.
"""

from __future__ import annotations

import math
from typing import Any, Optional

from components.fairness_report.inputs import RunInputs
from components.tradeoff_metrics.counting.accumulator import MODELS
from components.tradeoff_metrics.figures.transfer import harmed
from components.tradeoff_metrics.figures.worst import METRICS
from components.tradeoff_metrics.judging.bounds import BoundResult
from components.tradeoff_metrics.judging.evidence import left_out_sentences, lone_rows_sentence
from components.tradeoff_metrics.registry import BASELINE_SUFFIX, Metric, ratio_of, summarised
from components.tradeoff_metrics.telling.parts import plain
from components.tradeoff_metrics.telling.sentences import bound_sentence

CANDIDATE, BASELINE = MODELS
WHO = {"baseline": BASELINE, "model": CANDIDATE}


def compose(run: RunInputs) -> dict[str, Any]:
    """The summary of a run; JSON-able, None for what is undefined."""
    tasks = run.settings.task_names
    return {
        "dataset": run.settings.dataset,
        "run": run.run_id,
        "blessed": run.judged.blessed,
        "reasons": list(run.judged.reasons),
        "bounds": [bound_json(result, run) for result in run.judged.bounds],
        "pushed": run.pushed,
        "group": run.settings.groups[0],
        "rows": {split: part["rows"] for split, part in run.counts["splits"].items()},
        "left_out": left_out(run.log_counts),
        **{row.key: estimate(run.primary["values"][row.key]) for row in summarised() if not row.of_task},
        "negative_transfer": dict(zip(("surely", "possibly"), harmed(run.primary), strict=True)),
        "tasks": {task: _task(task, run) for task in tasks},
        "target_gap": run.training[CANDIDATE].get("target_gap", {}),
        "warnings": [*run.log_counts["warnings"], *run.counts["warnings"], *evaluation_warnings(run)],
        "settings": run.settings.run,
    }


def bound_json(result: BoundResult, run: RunInputs) -> dict[str, Any]:
    """A judged bound."""
    bound = result.bound
    details = run.details[bound.group or run.settings.groups[0]]
    margin = result.compared - bound.limit if bound.is_minimum else bound.limit - result.compared
    ends = [result.lower, result.upper]
    return {
        "setting": bound.setting,
        "metric": bound.name.metric,
        "group": bound.group,
        "task": bound.name.task,
        "value": _number(result.value),
        "interval": ends if all(map(math.isfinite, ends)) else None,
        "limit": bound.limit,
        "minimum": bound.is_minimum,
        "on": "interval" if bound.end else "value",
        "margin": _number(margin),
        "ok": result.ok,
        "sentence": result.sentence,
        "plain": plain(bound_sentence(result, details)),
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


def evaluation_warnings(run: RunInputs) -> list[str]:
    """Sentences on what the evaluation met in the test rows."""
    primary = run.primary
    lone = primary["lone_rows"]
    found = [lone_rows_sentence(lone, primary["rows"], primary["cluster"])] if lone else []
    return found + [sentence for details in run.details.values() for sentence in left_out_sentences(details)]


def estimate(detail: dict[str, Any]) -> dict[str, Any]:
    """{value, interval, reason} from the details' {value, lower, upper, reason}."""
    ends = [detail["lower"], detail["upper"]]
    return {"value": detail["value"], "interval": None if None in ends else ends, "reason": detail["reason"]}


def _number(value: float) -> Optional[float]:
    return value if math.isfinite(value) else None


def _task(task: str, run: RunInputs) -> dict[str, Any]:
    return {
        "threshold": {who: run.primary["thresholds"][model][task] for who, model in WHO.items()},
        **{row.key: _sides(row, task, run.primary) for row in summarised() if row.of_task},
        "auc": {who: _auc(run.primary["tasks"][task][model]["auc"]["all"]) for who, model in WHO.items()},
        **_worst(task, run.primary),
        "worst": {key: _worst(task, details) for key, details in run.details.items() if details is not run.primary},
        "groups": {key: _groups(task, key, run) for key in run.details},
    }


def _sides(row: Metric, task: str, details: dict[str, Any]) -> dict[str, Any]:
    """A metric of the model, of the single-task model and their ratio, as far as there are such."""
    ratio = ratio_of(row.key)
    names = {"baseline": row.key + BASELINE_SUFFIX} if row.has_baseline else {}
    names |= {"model": row.key} | ({"ratio": ratio.key} if ratio else {})
    return {who: estimate(details["values"][f"{name}/{task}"]) for who, name in names.items()}


def _worst(task: str, details: dict[str, Any]) -> dict[str, Any]:
    """Metric → who → the worst group or cell of a group key."""
    found = {who: details["tasks"][task][model]["worst"] for who, model in WHO.items()}
    return {metric: {who: worst_json(found[who][metric]) for who in WHO} for metric in METRICS}


def worst_json(detail: dict[str, Any]) -> dict[str, Any]:
    """An estimate with the group and side that it is of, and what has too few rows."""
    return estimate(detail) | {name: detail[name] for name in ("group", "side", "left_out")}


def _groups(task: str, key: str, run: RunInputs) -> dict[str, Any]:
    details = run.details[key]
    result: dict[str, Any] = {}
    for who, model in WHO.items():
        for rate, groups in details["tasks"][task][model]["rates"].items():
            for group, detail in groups.items():
                cell = result.setdefault(group, {"rows": details["group_rows"][group]}).setdefault(who, {})
                cell[rate] = estimate(detail) | {"count": detail["count"], "of": detail["of"]}
        for group, cells in result.items():
            cells[who]["auc"] = _auc(details["tasks"][task][model]["auc"]["groups"][group])
    return result


def _auc(detail: dict[str, Any]) -> dict[str, Any]:
    """An AUC with the number of rows behind it."""
    return estimate(detail) | {"of": detail["negatives"] + detail["positives"]}
