"""The figures of a case against a baseline, by the code that the Evaluator runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from components.tradeoff_metrics.counting.accumulator import BLOCKS, GroupAccumulator
from components.tradeoff_metrics.counting.rows import blocks_of
from components.tradeoff_metrics.summary import summarise
from models.metrics.decision import decide
from models.training.sweep import Outcomes, Trained
from pipeline.experiments.cases import CaseResult

_BATCH = 8192

Thresholds = Literal["validation", "evaluated"]


def measure(
    candidate: CaseResult,
    baseline: CaseResult,
    outcomes: Outcomes,
    tasks: Sequence[str],
    groups: Sequence[str],
    thresholds: Thresholds = "validation",
    *,
    confidence: float = 0.95,
    min_count: int = 1,
) -> dict[str, dict[str, Any]]:
    """The trade-off metrics on test.

    Args:
      candidate: The case.
      baseline: Single-task learning, usually; trained on the same data.
      outcomes: Of test.
      tasks: In the order of ``outcomes``.
      groups: Group keys, the primary one first, as in the settings.
      thresholds: ``validation``: as the product fixes them. ``evaluated``: a ``base_rate`` threshold is fixed on the
        test scores themselves, as the authors of MTA-F do, so that the share of predicted positives on test is train's.
      confidence: Of intervals.
      min_count: Rows that a group needs to enter a gap.

    Returns:
      Metric name → ``value``, ``lower``, ``upper`` (None where there is none) and ``reason``.

    Raises:
      ValueError: A case has no model, or other tasks or rows than the outcomes.
    """
    models = [_trained(case, outcomes, tasks) for case in (candidate, baseline)]
    cuts = [
        _cuts(case, trained, outcomes, thresholds) for case, trained in zip((candidate, baseline), models, strict=True)
    ]
    scores = np.stack([trained.test_scores for trained in models])
    block, lone = None, None
    if outcomes.clusters is not None:
        # As in the evaluation, where the groups of all keys tell rows without a cluster apart.
        texts = [outcomes.groups[group] for group in groups]
        block, lone = blocks_of(outcomes.clusters, BLOCKS, outcomes.labels, outcomes.known, scores, texts)
    values: dict[str, dict[str, Any]] = {}
    for position, group in enumerate(groups):
        accumulator = GroupAccumulator(tasks, np.stack(cuts), blocks=0 if block is None else BLOCKS)
        for start in range(0, len(outcomes.labels), _BATCH):
            rows = slice(start, start + _BATCH)
            accumulator.add_batch(
                outcomes.labels[rows],
                outcomes.known[rows],
                scores[:, rows],
                outcomes.groups[group][rows],
                None if block is None else block[rows],
                None if lone is None else lone[rows],
            )
        name = group if position else None
        values |= summarise(accumulator, group, name, confidence=confidence, min_count=min_count)[1]["values"]
    return values


def _trained(case: CaseResult, outcomes: Outcomes, tasks: Sequence[str]) -> Trained:
    if case.trained is None:
        raise ValueError(f"case `{case.name}` has no model to measure: {case.error}")
    own = [task.name for task in case.settings.tasks]
    if not own == list(tasks) == list(outcomes.tasks):
        raise ValueError(
            f"case `{case.name}` should have the tasks {list(tasks)} of the outcomes {list(outcomes.tasks)}. Received: {own}"
        )
    if case.trained.test_scores.shape != outcomes.labels.shape:
        raise ValueError(
            f"case `{case.name}` should have scores of the shape {outcomes.labels.shape} of the outcomes. "
            f"Received: {case.trained.test_scores.shape}"
        )
    return case.trained


def _cuts(case: CaseResult, trained: Trained, outcomes: Outcomes, thresholds: Thresholds) -> np.ndarray:
    """float64 [T]."""
    names = [task.name for task in case.settings.tasks]
    if thresholds == "validation":
        return np.array([trained.thresholds[name] for name in names])
    if thresholds != "evaluated":
        raise ValueError(f"`thresholds` should be `validation` or `evaluated`. Received: {thresholds!r}")
    scores = {name: trained.test_scores[outcomes.known[:, t] > 0, t] for t, name in enumerate(names)}
    decision = decide(case.settings.tasks, trained.base_rate, scores)
    return np.array([decision.thresholds[name] for name in names])
