"""The gate: bounds on the trade-off metrics, and a verdict that says why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow_model_analysis as tfma

from components.tradeoff_metrics.accumulator import MODELS
from components.tradeoff_metrics.details import decode_details, load_overall
from components.tradeoff_metrics.names import DETAILS, MetricName, interval_names, suffix
from components.tradeoff_metrics.settings import GateBounds, GateSettings

CANDIDATE, BASELINE = MODELS
Details = dict[str, Any]

# Setting → metric.
_PER_GROUP_KEY = {"arfg_max": "arfg"}
_PER_TASK = {
    "fpr_gap_max": "fpr_gap",
    "fpr_gap_ratio_max": "fpr_gap_ratio",
    "tpr_gap_max": "tpr_gap",
    "tpr_gap_ratio_max": "tpr_gap_ratio",
    "worst_group_error_max": "worst_group_error",
    "min_negatives": "min_negatives",
    "min_positives": "min_positives",
}


@dataclass(frozen=True)
class Bound:
    """A bound on one metric of the candidate in the overall slice.

    Attributes:
        setting: Its key in the settings.
        name: The metric's name.
        group: The group key that it speaks of; None for ARE.
        limit: The value itself is allowed.
        on_interval: Whether it bounds the interval's unfavourable end.
    """

    setting: str
    name: MetricName
    group: Optional[str]
    limit: float
    on_interval: bool

    @property
    def is_minimum(self) -> bool:
        """Whether values below the limit fail, rather than those above."""
        return self.setting.startswith("min_")

    @property
    def key(self) -> str:
        """Key of the metric that is compared."""
        ends = interval_names(self.name)
        return str(ends[1]) if self.on_interval and ends else str(self.name)


@dataclass(frozen=True)
class BoundResult:
    """A bound, what was measured, and a sentence that says so. NaN where undefined or unbounded."""

    bound: Bound
    value: float
    lower: float
    upper: float
    ok: bool
    sentence: str


@dataclass(frozen=True)
class Verdict:
    """Whether the model may be pushed; ``reasons`` has a sentence per failed bound."""

    blessed: bool
    reasons: list[str]
    bounds: list[BoundResult]


def bounds(gate: GateSettings, tasks: Sequence[str], groups: Sequence[str]) -> list[Bound]:
    """The bounds that a gate sets.

    Args:
        gate: Settings.
        tasks: Task names.
        groups: Group names, the primary one first.

    Raises:
        ValueError: The gate names a task or group that does not exist.
    """
    gate.check(tasks, groups)
    on_interval = gate.on == "interval"
    result = []
    if gate.are_max is not None:
        result.append(Bound("are_max", MetricName("are"), None, gate.are_max, on_interval))
    result += _group_bounds(gate, tasks, groups[0], None, on_interval)
    for group, own in gate.per_group.items():
        result += _group_bounds(own, tasks, group, suffix(group, groups), on_interval)
    return result


def _group_bounds(
    own: GateBounds, tasks: Sequence[str], group: str, part: Optional[str], on_interval: bool
) -> list[Bound]:
    result = []
    for setting, limit in own.given().items():
        if setting in _PER_GROUP_KEY:
            assert isinstance(limit, float)
            result.append(Bound(setting, MetricName(_PER_GROUP_KEY[setting], None, part), group, limit, on_interval))
            continue
        limits = limit if isinstance(limit, dict) else dict.fromkeys(tasks, limit)
        for task, number in limits.items():
            result.append(Bound(setting, MetricName(_PER_TASK[setting], task, part), group, number, on_interval))
    return result


def verdict(evaluation_path: str, gate: GateSettings, tasks: Sequence[str], groups: Sequence[str]) -> Verdict:
    """Says whether the model of an evaluation is blessed, and if not, why.

    Args:
        evaluation_path: Folder that TFMA wrote.
        gate: The settings that the EvalConfig was built from.
        tasks: Task names.
        groups: Group names, the primary one first.

    Raises:
        RuntimeError: TFMA's validation and this reading of the same values disagree.
    """
    overall = load_overall(evaluation_path)
    details = {group: _details(overall, group, groups) for group in groups}
    results = [_judge(bound, details[bound.group or groups[0]]) for bound in bounds(gate, tasks, groups)]
    reasons = [result.sentence for result in results if not result.ok]
    validation = tfma.load_validation_result(evaluation_path)
    if validation is None or validation.validation_ok == bool(reasons):
        raise RuntimeError(
            f"TFMA's validation of `{evaluation_path}` and the gate disagree. Gate: {reasons or 'all bounds hold'}. "
            f"TFMA: {validation}"
        )
    return Verdict(validation.validation_ok, reasons, results)


def _details(overall: dict[tuple[str, str, str], Any], group: str, groups: Sequence[str]) -> Details:
    key = str(MetricName(DETAILS, None, suffix(group, groups)))
    if (CANDIDATE, "", key) not in overall:
        raise ValueError(f"the evaluation should hold `{key}` for the group `{group}`; it was made for other settings")
    return decode_details(overall[CANDIDATE, "", key])


def _judge(bound: Bound, details: Details) -> BoundResult:
    measured = details["values"][str(bound.name)]
    value, lower, upper = (math.nan if measured[k] is None else measured[k] for k in ("value", "lower", "upper"))
    compared = value if bound.key == str(bound.name) else upper
    # NaN fails either way, as in TFMA.
    ok = compared >= bound.limit if bound.is_minimum else compared <= bound.limit
    sentence = _sentence(bound, details, value, lower, upper, compared, measured["reason"], ok)
    return BoundResult(bound, value, lower, upper, ok, sentence)


def _sentence(
    bound: Bound, details: Details, value: float, lower: float, upper: float, compared: float, reason: str, ok: bool
) -> str:
    what, limit = _subject(bound), f"{bound.limit:g}"
    if math.isnan(value):
        return f"{what} is undefined, and so cannot be within the bound {limit}: {reason}"
    if math.isnan(compared):
        return f"{what} is {value:.4g} with an unbounded interval, where the gate bounds its upper end by {limit}: {reason}"
    relation = "within" if ok else ("below" if bound.is_minimum else "above")
    interval = "" if math.isnan(lower) else f" [{lower:.4g}, {upper:.4g}]"
    compares = "; its upper end is" if bound.key != str(bound.name) else ","
    return f"{what} is {value:.4g}{interval}{compares} {relation} the bound {limit}{_evidence(bound, details)}"


def _subject(bound: Bound) -> str:
    between = f"between the groups of `{bound.group}`"
    of = f"of task `{bound.name.task}`"
    return {
        "are_max": "ARE",
        "arfg_max": f"ARFG {between}",
        "fpr_gap_max": f"the FPR gap {of} {between}",
        "fpr_gap_ratio_max": f"the FPR gap {of} {between}, relative to the baseline's,",
        "tpr_gap_max": f"the TPR gap {of} {between}",
        "tpr_gap_ratio_max": f"the TPR gap {of} {between}, relative to the baseline's,",
        "worst_group_error_max": f"the error {of} in the worst group of `{bound.group}`",
        "min_negatives": f"the number of known negatives {of} in the smallest group of `{bound.group}`",
        "min_positives": f"the number of known positives {of} in the smallest group of `{bound.group}`",
    }[bound.setting]


def _evidence(bound: Bound, details: Details) -> str:
    """The rates and counts behind a value."""
    metric, task, group = bound.name.metric, bound.name.task, bound.name.group
    if task is None:
        part = "fpr_gap_ratio" if metric == "arfg" else "error_ratio"
        ratios = {t: details["values"][str(MetricName(part, t, group))]["value"] for t in details["tasks"]}
        return ": " + ", ".join(f"`{t}` {ratio:.4g}" for t, ratio in ratios.items() if ratio is not None)
    models = details["tasks"][task]
    if metric in ("min_negatives", "min_positives"):
        rates = models[CANDIDATE]["rates"]["fpr" if metric == "min_negatives" else "tpr"]
        smallest = min(rates, key=lambda name: rates[name]["of"])
        return f": `{smallest}`"
    if metric == "worst_group_error":
        worst = models[CANDIDATE]["worst_group"]["group"]
        return ": " + _rate(models[CANDIDATE], "error", worst)
    kind = metric[:3]
    shown = MODELS if metric.endswith("_ratio") else (CANDIDATE,)
    sides = []
    for model in shown:
        gap = models[model]["gaps"][kind]
        pair = " against ".join(_rate(models[model], kind, gap[end]) for end in ("highest", "lowest"))
        sides.append(f"{model} {pair}" if len(shown) > 1 else pair)
    return ": " + "; ".join(sides)


def _rate(model: Details, kind: str, group: str) -> str:
    rate = model["rates"][kind][group]
    rows = {"fpr": "negatives", "tpr": "positives", "error": "rows"}[kind]
    return f"`{group}` {rate['value']:.4g} ({rate['count']} of {rate['of']} {rows})"
