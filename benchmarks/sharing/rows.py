"""The sharing experiment's figures as tables: one by task, one by network and weighting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality import qualities
from benchmarks.sharing.cases import STL, Run
from benchmarks.sharing.transfer import error_difference
from benchmarks.tables import mean_interval
from models.training.sweep import Outcomes, Trained
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.runner import trained_of

Seeds = dict[int, Trained]


def by_model(runs: Sequence[Run], results: Mapping[str, CaseResult]) -> dict[tuple[str, str], Seeds]:
    """(network, weighting) → seed → training; those that failed or are still to come are left out."""
    found: dict[tuple[str, str], Seeds] = {}
    for run in runs:
        trained = trained_of(run.case, results)
        if trained is not None:
            found.setdefault((run.network, run.weighting), {})[run.seed] = trained
    return found


def rows(
    dataset: str, runs: Sequence[Run], results: Mapping[str, CaseResult], outcomes: Outcomes
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every network and weighting with two seeds or more against the single-task models of the same seeds.

    Returns:
      A row for each task (``value`` ± ``half`` is the difference of errors), and a row for each network and weighting.

    Raises:
      ValueError: Fewer than two seeds of the single-task models came to an end.
    """
    found = by_model(runs, results)
    alone = next((seeds for (network, _), seeds in found.items() if network == STL), {})
    if len(alone) < 2:
        raise ValueError(
            f"{dataset}: two single-task models or more are needed. Received those of seeds {sorted(alone)}"
        )
    settings = {(run.network, run.weighting): run.case.settings for run in runs}
    tasks, models = [], []
    for (network, weighting), seeds in found.items():
        both = sorted(set(seeds) & set(alone))
        if len(both) < 2:
            continue
        key = {"dataset": dataset, "network": network, "weighting": weighting, "seeds": len(both)}
        own = _errors({seed: seeds[seed] for seed in both}, settings[network, weighting], outcomes)
        base = _errors({seed: alone[seed] for seed in both}, settings[network, weighting], outcomes)
        differences = []
        for index, task in enumerate(outcomes.tasks):
            difference = error_difference(
                {seed: seeds[seed] for seed in both}, {seed: alone[seed] for seed in both}, outcomes, task
            )
            differences.append(difference)
            figures = {"error": own[:, index].mean(), "error_alone": base[:, index].mean()}
            verdict = {"harmed": difference.harmed, "helped": difference.helped}
            tasks.append({**key, "task": task, **figures, **difference._asdict(), **verdict})
        models.append({**key, **_summary(own, base, differences, [seeds[seed] for seed in both])})
    return pd.DataFrame(tasks), pd.DataFrame(models)


def _errors(seeds: Seeds, settings: Any, outcomes: Outcomes) -> np.ndarray:
    """float64 [S, T]."""
    return np.array([[q.error for q in qualities(settings, seeds[s], outcomes).values()] for s in sorted(seeds)])


def _summary(
    own: np.ndarray, base: np.ndarray, differences: Sequence[Any], trained: Sequence[Trained]
) -> dict[str, Any]:
    transfer = mean_interval(delta_p(own, base))
    return {
        "harmed": sum(difference.harmed for difference in differences),
        "helped": sum(difference.helped for difference in differences),
        "delta_p": transfer.mean,
        "delta_p_half": transfer.half,
        # Architecture learning finds networks of different sizes.
        "parameters": min(each.parameters for each in trained),
        "parameters_most": max(each.parameters for each in trained),
        "seconds": float(np.mean([each.seconds for each in trained])),
        "epochs": float(np.mean([len(each.history) for each in trained])),
    }


def delta_p(own: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Δp of each seed, float64 [S]: −100 times the mean over tasks of the relative change of the error; above 0 is better.

    Args:
      own: Errors [S, T].
      base: Of single-task learning, [S, T].
    """
    return -100 * (own / base - 1).mean(axis=1)
