"""A judged bound in one sentence: what was measured, against which limit, from which groups and how many rows."""

from __future__ import annotations

import math
from typing import Any

from components.tradeoff_metrics.counting.accumulator import MODELS
from components.tradeoff_metrics.figures.transfer import harmed
from components.tradeoff_metrics.judging.bounds import Bound, BoundResult
from components.tradeoff_metrics.judging.digits import told_from
from components.tradeoff_metrics.names import MetricName
from models.formats.listing import listed

CANDIDATE, BASELINE = MODELS
Details = dict[str, Any]

ROWS = {"fpr": "negatives", "tpr": "positives", "error": "rows"}
# What an AUC of `worst.py` compares, in words.
AUC_SIDES = {
    "": "",
    "subgroup": "its negatives against its positives",
    "bpsn": "its negatives against the positives of the other groups (BPSN)",
    "bnsp": "its positives against the negatives of the other groups (BNSP)",
}
_COUNTS = ("min_negatives", "min_positives")


def sentence(result: BoundResult, details: Details) -> str:
    """The sentence of a bound.

    Args:
        result: The judged bound; its own sentence is not read.
        details: Of its group key, of the primary one where it has none.
    """
    reason = details["values"][str(result.bound.name)]["reason"]
    bound, value = result.bound, result.value
    what, limit = _subject(bound), f"{bound.limit:g}"
    if math.isnan(value):
        return f"{what} is undefined, and so cannot be within the bound {limit}: {reason}"
    if math.isnan(result.compared):
        return (
            f"{what} is {value:.4g} with an unbounded interval, where the gate bounds its {bound.end} end by {limit}: "
            f"{reason}"
        )
    relation = "within" if result.ok else ("below" if bound.is_minimum else "above")
    lower, upper = (
        told_from(_form, end, bound.limit if bound.end == name and not result.ok else None)
        for name, end in (("lower", result.lower), ("upper", result.upper))
    )
    interval = "" if math.isnan(result.lower) else f" [{lower}, {upper}]"
    compares = f"; its {bound.end} end is" if bound.end else ","
    shown = told_from(_form, value, None if bound.end or result.ok else bound.limit)
    return f"{what} is {shown}{interval}{compares} {relation} the bound {limit}{_evidence(bound, details)}"


def lone_rows_sentence(lone: int, rows: int, cluster: str) -> str:
    """What to know of test rows that have no value of the column that names clusters.

    Args:
        lone: Their number.
        rows: Number of all test rows.
        cluster: The column.
    """
    return (
        f"{lone:,} of {rows:,} test rows have no `{cluster}` (`evaluation.cluster`): intervals take each of them as "
        "independent of all others."
    )


def left_out_sentences(details: Details) -> list[str]:
    """What to know of groups that have too few test rows to enter a gap.

    Args:
        details: Of a group key.
    """
    found = []
    for kind in ("fpr", "tpr"):
        groups = {task: left_out_groups(models[CANDIDATE], kind) for task, models in details["tasks"].items()}
        named = listed((f"in task `{task}` {text}" for task, text in groups.items() if text), "; ")
        if named:
            found.append(
                f"Groups of `{details['group']}` with fewer than {details['min_count']:,} known {ROWS[kind]} in the test "
                f"split (`evaluation.min_count`) enter no {kind.upper()} gap, and no bound rests on them: {named}."
            )
    return found


def _form(value: float, more: int) -> str:
    return f"{value:.{4 + more}g}"


def _subject(bound: Bound) -> str:
    between = f"between the groups of `{bound.group}`"
    of = f"of task `{bound.name.task}`"
    return {
        "are_max": "ARE",
        "delta_p_min": "Δp in percent (higher is better)",
        "error_difference_max": f"the error {of} minus that of the single-task baseline",
        "negative_transfer_count_max": "the number of tasks that are surely worse than the single-task baseline",
        "arfg_max": f"ARFG {between}",
        "fpr_gap_max": f"the FPR gap {of} {between}",
        "fpr_gap_ratio_max": f"the FPR gap {of} {between}, relative to the baseline's,",
        "tpr_gap_max": f"the TPR gap {of} {between}",
        "tpr_gap_ratio_max": f"the TPR gap {of} {between}, relative to the baseline's,",
        "worst_group_error_max": f"the error {of} in the worst group of `{bound.group}`",
        "worst_group_auc_min": f"the AUC {of} in the worst group of `{bound.group}`",
        "worst_cell_error_max": f"the error {of} in the worst cell of label and group of `{bound.group}`",
        "worst_cell_auc_min": f"the lowest subgroup, BPSN or BNSP AUC {of} over the groups of `{bound.group}`",
        "min_negatives": f"the number of known negatives {of} in the smallest group of `{bound.group}`",
        "min_positives": f"the number of known positives {of} in the smallest group of `{bound.group}`",
    }[bound.setting]


def _evidence(bound: Bound, details: Details) -> str:
    """The rates and counts behind a value."""
    metric, task, group = bound.name.metric, bound.name.task, bound.name.group
    if metric == "negative_transfer_count":
        return _transfer(details)
    if task is None:
        part = "fpr_gap_ratio" if metric == "arfg" else "error_ratio"
        ratios = {t: details["values"][str(MetricName(part, t, group))]["value"] for t in details["tasks"]}
        if metric == "delta_p":
            ratios = {t: None if ratio is None else 100 * (1 - ratio) for t, ratio in ratios.items()}
        return ": " + listed(f"`{t}` {ratio:.4g}" for t, ratio in ratios.items() if ratio is not None)
    if metric == "error_difference":
        model, baseline = (details["values"][f"error{end}/{task}"]["value"] for end in ("", "_baseline"))
        return f": {model:.4g} against {baseline:.4g}"
    models = details["tasks"][task]
    if metric in _COUNTS:
        rates = models[CANDIDATE]["rates"]["fpr" if metric == "min_negatives" else "tpr"]
        smallest = min(rates, key=lambda name: rates[name]["of"])
        return f": `{smallest}`"
    if metric.startswith("worst_"):
        return _worst(models[CANDIDATE]["worst"][metric], models[CANDIDATE]["rates"])
    kind = metric[:3]
    shown = MODELS if metric.endswith("_ratio") else (CANDIDATE,)
    sides = []
    for model in shown:
        gap = models[model]["gaps"][kind]
        pair = " against ".join(_rate(models[model], kind, gap[end]) for end in ("highest", "lowest"))
        sides.append(f"{model} {pair}" if len(shown) > 1 else pair)
    left_out = left_out_groups(models[CANDIDATE], kind)
    return f": {'; '.join(sides)}" + (f"; too few {ROWS[kind]}, left out: {left_out}" if left_out else "")


def _transfer(details: Details) -> str:
    surely, perhaps = harmed(details)
    parts = [
        f"{how} " + listed(f"`{task}` {details['values'][f'error_difference/{task}']['value']:+.4g}" for task in tasks)
        for how, tasks in (("surely", surely), ("possibly", perhaps))
        if tasks
    ]
    return f": {'; '.join(parts)}" if parts else ""


def _worst(worst: Details, rates: Details) -> str:
    """The worst group or cell, its rows, and what has too few rows to be judged."""
    if "of" in worst:
        what = f"{worst['side'] or 'rows'}"
        evidence = f": `{worst['group']}` {worst['value']:.4g} ({worst['count']} of {worst['of']} {what})"
    else:
        rows = f"{worst['negatives']} negatives, {worst['positives']} positives"
        evidence = f": `{worst['group']}` {worst['value']:.4g}"
        evidence += f", {AUC_SIDES[worst['side']]}" if worst["side"] else ""
        evidence += f" ({rows})" + (f"; {worst['reason']}" if worst["reason"] and worst["lower"] is not None else "")
    left_out = listed(_too_few(group, side, rates) for group, side in worst["left_out"])
    return evidence + (f"; too few rows, left out: {left_out}" if left_out else "")


def _too_few(group: str, side: str, rates: Details) -> str:
    """A group or cell that is left out, with its rows; of what an AUC compares, with the group's own."""
    kinds = [kind for kind in ("fpr", "tpr") if side not in ("negatives", "positives") or ROWS[kind] == side]
    rows = " and ".join(f"{rates[kind][group]['of']:,} {ROWS[kind]}" for kind in kinds)
    return f"`{group}`" + (f" {side.upper()}" if side in ("bpsn", "bnsp") else "") + f" ({rows})"


def left_out_groups(model: Details, kind: str) -> str:
    """The groups that have too few rows to enter a gap, each with their number; empty where there is none."""
    rates = model["rates"][kind]
    return listed(f"`{group}` {rates[group]['of']:,}" for group in model["gaps"][kind]["left_out"])


def _rate(model: Details, kind: str, group: str) -> str:
    rate = model["rates"][kind][group]
    return f"`{group}` {rate['value']:.4g} ({rate['count']} of {rate['of']} {ROWS[kind]})"
