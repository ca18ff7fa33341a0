"""From a verdict to its record, and back to what the report's sentences are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Optional

from components.gate.verdict_record import BoundRecord, VerdictError, VerdictRecord
from components.tradeoff_metrics.judging.bounds import Bound, BoundResult
from components.tradeoff_metrics.judging.gate import Verdict


def to_record(judged: Verdict, *, model: str, evaluation: str) -> VerdictRecord:
    """The record of a verdict.

    Args:
        judged: The verdict.
        model: Digest of the model that was judged.
        evaluation: Digest of the evaluation that was read.
    """
    return VerdictRecord(
        blessed=judged.blessed,
        reasons=tuple(judged.reasons),
        bounds=tuple(_bound_record(result) for result in judged.bounds),
        model=model,
        evaluation=evaluation,
    )


def to_verdict(record: VerdictRecord, bounds: Sequence[Bound]) -> Verdict:
    """The verdict of a record.

    Args:
        record: The record.
        bounds: The bounds of the settings that the record was made with, in their order.

    Raises:
        VerdictError: The record was made for other bounds.
    """
    found = [(bound.setting, bound.group, bound.key, bound.limit) for bound in bounds]
    recorded = [(bound.setting, bound.group, bound.metric, bound.limit) for bound in record.bounds]
    if found != recorded:
        other = sorted({str(bound[0]) for bound in set(found) ^ set(recorded)})
        raise VerdictError(f"the gate's verdict was made for other bounds; they differ in {other[:5]}. Run again")
    results = [_result(bound, told) for bound, told in zip(bounds, record.bounds, strict=True)]
    return Verdict(record.blessed, list(record.reasons), results)


def _bound_record(result: BoundResult) -> BoundRecord:
    return BoundRecord(
        setting=result.bound.setting,
        group=result.bound.group,
        metric=result.bound.key,
        limit=result.bound.limit,
        value=_defined(result.value),
        interval=(_defined(result.lower), _defined(result.upper)),
        ok=result.ok,
        sentence=result.sentence,
    )


def _result(bound: Bound, told: BoundRecord) -> BoundResult:
    lower, upper = told.interval
    return BoundResult(bound, _number(told.value), _number(lower), _number(upper), told.ok, told.sentence)


def _defined(value: float) -> Optional[float]:
    return value if math.isfinite(value) else None


def _number(value: Optional[float]) -> float:
    return math.nan if value is None else value
