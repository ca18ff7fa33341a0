"""The gate's verdict, which says why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow_model_analysis as tfma

from components.tradeoff_metrics.counting.accumulator import MODELS
from components.tradeoff_metrics.details import decode_details, load_overall
from components.tradeoff_metrics.judging.bounds import Bound, BoundResult, bounds
from components.tradeoff_metrics.names import DETAILS, MetricName, suffix
from components.tradeoff_metrics.settings import GateSettings
from components.tradeoff_metrics.telling.sentences import verdict_sentence

CANDIDATE, BASELINE = MODELS
Details = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Whether the model may be pushed; ``reasons`` has a sentence per failed bound."""

    blessed: bool
    reasons: list[str]
    bounds: list[BoundResult]


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
    results = [judge(bound, details[bound.group or groups[0]]) for bound in bounds(gate, tasks, groups)]
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


def judge(bound: Bound, details: Details) -> BoundResult:
    """Holds a bound against the details of its group key, of the primary one where it has none."""
    measured = details["values"][str(bound.name)]
    value, lower, upper = (math.nan if measured[k] is None else measured[k] for k in ("value", "lower", "upper"))
    result = BoundResult(bound, value, lower, upper, False, "")
    # NaN fails either way, as in TFMA.
    ok = result.compared >= bound.limit if bound.is_minimum else result.compared <= bound.limit
    result = replace(result, ok=ok)
    return replace(result, sentence=verdict_sentence(result, details))
