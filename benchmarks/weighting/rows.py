"""The weighting experiment's figures as tables: one of the trained models, one of the weights' paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.quality import qualities
from benchmarks.tables import MeanInterval, mean_interval
from benchmarks.weighting.cases import STL, UNIFORM, Run
from models.training.sweep import Outcomes
from pipeline.experiments.cases import CaseResult
from pipeline.experiments.runner import trained_of

FIGURES = ["error", "auc", "loss"]


def choose(runs: Sequence[Run], results: Mapping[str, CaseResult]) -> dict[str, Mapping[str, Any]]:
    """Method → the candidate with the highest mean AUC on validation, whose labels are right, over all tasks and seeds.

    Raises:
      RuntimeError: No training of a method came to an end.
    """
    found: dict[str, dict[int, list[float]]] = {}
    weightings: dict[int, Mapping[str, Any]] = {}
    for run in runs:
        trained = results[run.case.name].trained
        candidates = found.setdefault(run.method, {})
        weightings[id(run.weighting)] = run.weighting
        if trained is not None:
            values = [figures["auc"] for figures in trained.validation.values()]
            candidates.setdefault(id(run.weighting), []).append(float(np.mean(values)))
    for method, by_candidate in found.items():
        if not by_candidate:
            raise RuntimeError(f"none of the trainings that choose the numbers of `{method}` came to an end")
    best = {method: max(scores, key=lambda key: np.mean(scores[key])) for method, scores in found.items()}
    return {method: weightings[key] for method, key in best.items()}


def model_rows(
    dataset: str, noisy: str, runs: Sequence[Run], results: Mapping[str, CaseResult], outcomes: Outcomes
) -> pd.DataFrame:
    """A row per training and task; ``weight`` is the task's mean weight in the last epoch.

    Trainings that failed or are still to come have none.
    """
    rows = []
    for run in runs:
        trained = trained_of(run.case, results)
        if trained is None:
            continue
        weights = trained.history[-1]["tasks"]
        for task, quality in qualities(run.case.settings, trained, outcomes).items():
            rows.append(
                {
                    "dataset": dataset,
                    "method": run.method,
                    "setting": setting_words(run.weighting),
                    "noise": run.noise,
                    "seed": run.seed,
                    "task": task,
                    "noisy": task == noisy,
                    **quality._asdict(),
                    "weight": weights[task]["weight"],
                    "seconds": trained.seconds,
                }
            )
    return pd.DataFrame(rows)


def path_rows(dataset: str, runs: Sequence[Run], results: Mapping[str, CaseResult]) -> pd.DataFrame:
    """A row per training of several tasks, epoch (from 1) and task, with the task's mean weight in the epoch."""
    rows = []
    for run in runs:
        trained = trained_of(run.case, results)
        for index, record in enumerate([] if trained is None or run.method == STL else trained.history):
            for task, figures in record["tasks"].items():
                key = {"dataset": dataset, "method": run.method, "noise": run.noise, "seed": run.seed}
                rows.append({**key, "epoch": index + 1, "task": task, "weight": figures["weight"]})
    return pd.DataFrame(rows)


def setting_words(weighting: Mapping[str, Any]) -> str:
    """The numbers of a weighting, such as ``step 0.1``."""
    return ", ".join(f"{key} {value}" for key, value in weighting.items() if key != "method")


def clean_means(models: pd.DataFrame) -> pd.DataFrame:
    """Mean figures of the tasks whose labels are right, and their logarithmic mean error, by training."""
    clean = models[~models["noisy"]].assign(log_error=lambda rows: np.log(rows["error"]))
    keys = ["dataset", "method", "noise", "seed"]
    return clean.groupby(keys, sort=False)[[*FIGURES, "log_error"]].mean()


def compared(models: pd.DataFrame, against: str, figure: str) -> dict[tuple[str, str, float], MeanInterval]:
    """What wrong labels of one task do to the others, over seeds, each paired with the same seed of what it is compared to.

    Args:
      models: From ``model_rows``.
      against: ``clean``: the same method without wrong labels. ``uniform``: uniform weights with the same wrong labels.
      figure: ``error``: the per cent by which the geometric mean of the clean tasks' errors is higher. ``auc``: the
        difference of their mean AUC.

    Returns:
      (data set, method, share of wrong labels) → mean and interval. Seeds that lack one of the two are left out.

    Raises:
      ValueError: Another word for ``against`` or ``figure``.
    """
    if against not in ("clean", "uniform") or figure not in ("error", "auc"):
        raise ValueError(
            "`against` should be `clean` or `uniform`, and `figure` `error` or `auc`. "
            f"Received: {against!r}, {figure!r}"
        )
    means = clean_means(models[models["method"] != STL])["log_error" if figure == "error" else "auc"]
    found: dict[tuple[str, str, float], list[float]] = {}
    for (dataset, method, noise, seed), value in means.items():
        other = (dataset, method, 0.0, seed) if against == "clean" else (dataset, UNIFORM, noise, seed)
        values = found.setdefault((dataset, method, noise), [])
        if other in means.index:
            difference = value - means[other]
            values.append(100 * np.expm1(difference) if figure == "error" else difference)
    return {key: mean_interval(values) for key, values in found.items()}


def noisy_weights(models: pd.DataFrame) -> dict[tuple[str, str, float], MeanInterval]:
    """(data set, method, share of wrong labels) → the noisy task's weight in the last epoch."""
    noisy = models[models["noisy"] & (models["method"] != STL)]
    groups = noisy.groupby(["dataset", "method", "noise"], sort=False)["weight"]
    return {key: mean_interval(values) for key, values in groups}
