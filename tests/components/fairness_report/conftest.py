"""Runs made of arrays, whose every figure a test can recompute; the browser that opens their reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.fairness_report.executor import write_report
from components.fairness_report.inputs import RunInputs
from components.fairness_report.settings import ReportSettings
from components.tradeoff_metrics.counting.accumulator import MODELS, GroupAccumulator
from components.tradeoff_metrics.judging import gate
from components.tradeoff_metrics.names import suffix
from components.tradeoff_metrics.summary import summarise
from models.formats.features import group_key
from tests.browser import Browser, started

SPLITS = ("train", "validation", "test")
WHO = {"model": 0, "baseline": 1}


@dataclass
class Rows:
    """Test rows: labels and knowledge [n, T], scores [2, n, T] (candidate, baseline), groups {key: [n]}."""

    tasks: list[str]
    labels: np.ndarray
    known: np.ndarray
    scores: np.ndarray
    groups: dict[str, np.ndarray]
    thresholds: np.ndarray

    def rate(self, kind: str, who: str, task: str, key: str, group: str, threshold: float | None = None) -> float:
        """A rate by its definition."""
        t, m = self.tasks.index(task), WHO[who]
        rows = self.known[:, t] & (self.groups[key] == group)
        above = self.scores[m, :, t] > (self.thresholds[m, t] if threshold is None else threshold)
        if kind == "error":
            return float(np.mean(above[rows] != self.labels[rows, t]))
        return float(np.mean(above[rows & (self.labels[:, t] == (0 if kind == "fpr" else 1))]))

    def count(self, label: int, task: str, key: str, group: str) -> int:
        """Known rows of a label in a group."""
        t = self.tasks.index(task)
        return int(np.sum(self.known[:, t] & (self.labels[:, t] == label) & (self.groups[key] == group)))


def random_rows(
    tasks: list[str], groups: dict[str, list[str]], n: int = 4000, seed: int = 1, shift: float = 0.12
) -> Rows:
    """Rows whose first group of the first key scores higher: unfair, the baseline twice as much. Scores of no bin's edge."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, len(tasks))) < 0.4).astype(int)
    known = rng.random((n, len(tasks))) < 0.95
    column = {key: rng.choice(np.array(values), n) for key, values in groups.items()}
    first = next(iter(groups))
    hurt = (column[first] == groups[first][0])[:, None]
    scores = np.stack([0.3 + 0.3 * labels + factor * shift * hurt for factor in (1, 2)])
    scores = np.clip(scores + rng.normal(0, 0.15, scores.shape), 0.001, 0.999)
    scores = np.floor(scores * 1000) / 1000 + 0.0005
    thresholds = np.full((2, len(tasks)), 0.4815)
    thresholds[1] = 0.5123
    return Rows(tasks, labels, known, scores, column, thresholds)


def run_of(rows: Rows, **changes: Any) -> RunInputs:
    """What the report reads of a run with these test rows."""
    keys = list(rows.groups)
    settings = ReportSettings.model_validate(
        {
            "dataset": "made",
            "tasks": [{"name": task} for task in rows.tasks],
            "groups": keys,
            "features": {"inputs": [{"type": "numeric", "name": "age"}, {"type": "categorical", "name": "device"}]},
            "evaluation": {},
            "gate": {"are_max": 2.0},
            "run": {"fairness": {"strength": 0.2}, "tasks": [{"name": task, "weight": 1.0} for task in rows.tasks]},
            **changes,
        }
    )
    details: dict[str, Any] = {}
    for key in keys:
        accumulator = GroupAccumulator(rows.tasks, rows.thresholds)
        accumulator.add_batch(rows.labels, rows.known.astype(int), rows.scores, rows.groups[key])
        found = summarise(accumulator, key, suffix(key, keys), min_count=settings.evaluation.min_count)[1]
        details[key] = json.loads(json.dumps(found, allow_nan=False))
    results = [
        gate.judge(bound, details[bound.group or keys[0]]) for bound in gate.bounds(settings.gate, rows.tasks, keys)
    ]
    reasons = [result.sentence for result in results if not result.ok]
    return RunInputs(
        settings=settings,
        run_id="2026-01-02T03:04:05.678901",
        judged=gate.Verdict(not reasons, reasons, results),
        details=details,
        slices={model: _slices(rows, m) for m, model in enumerate(MODELS)},
        counts=_counts(rows),
        log_counts={"rows": {}, "capped": {}, "dropped_missing": 6, "side_table_misses": {"users": 7}, "warnings": []},
        training={model: _training(rows, model) for model in MODELS},
        statistics={split: _statistics() for split in SPLITS},
        anomalies={split: [] for split in SPLITS},
        pushed=None if reasons else "/serving/1",
    )


def _slices(rows: Rows, model: int) -> list[Any]:
    result = []
    for key, values in [("", [""]), *((key, sorted(set(column))) for key, column in rows.groups.items())]:
        for value in values:
            inside = rows.groups[key] == value if key else np.ones(len(rows.labels), bool)
            outputs = {task: {"": _metrics(rows, model, t, inside)} for t, task in enumerate(rows.tasks)}
            result.append((((group_key(key), str(value)),) if key else (), outputs))
    return result


def _metrics(rows: Rows, model: int, t: int, inside: np.ndarray) -> dict[str, Any]:
    inside = inside & rows.known[:, t]
    labels, scores = rows.labels[inside, t], rows.scores[model, inside, t]
    both = 0 < labels.sum() < len(labels)
    found = {"example_count": float(len(labels)), "weighted_example_count": float(len(labels))}
    found["auc"] = float(roc_auc_score(labels, scores)) if both else float("nan")
    found["accuracy"] = float(np.mean((scores > 0.5) == labels)) if len(labels) else float("nan")
    for name, label in (("false_positive_rate", 0), ("true_positive_rate", 1)):
        chosen = scores[labels == label]
        rate = float(np.mean(chosen > 0.5)) if len(chosen) else float("nan")
        found[f"fairness_indicators_metrics/{name}@0.50"] = rate
    # As TFMA's messages have them once they are dictionaries.
    return {name: {"doubleValue": "NaN" if np.isnan(value) else value} for name, value in found.items()} | {
        "auc_diff": {"doubleValue": 0.0}
    }


def _counts(rows: Rows) -> dict[str, Any]:
    def cells(inside: np.ndarray, t: int) -> dict[str, int]:
        known = inside & rows.known[:, t]
        positives = int((known & (rows.labels[:, t] == 1)).sum())
        negatives = int(known.sum()) - positives
        kinds = {"shared": negatives - negatives // 4, "specific": negatives // 4, "undetermined": 0}
        return {"rows": int(inside.sum()), "known": int(known.sum()), "positives": positives, **kinds}

    everyone = np.ones(len(rows.labels), bool)
    tasks = {}
    for t, task in enumerate(rows.tasks):
        total = cells(everyone, t)
        tasks[task] = {
            "known": total["known"],
            "positives": total["positives"],
            "kinds": {kind: total[kind] for kind in ("shared", "specific", "undetermined")},
            "groups": {
                key: {str(value): cells(column == value, t) for value in sorted(set(column))}
                for key, column in rows.groups.items()
            },
        }
    part = {"rows": len(rows.labels), "tasks": tasks}
    return {"splits": {split: part for split in SPLITS}, "warnings": ["Task `x` has few negatives."]}


def _training(rows: Rows, model: str) -> dict[str, Any]:
    fairness = {"head": 0.02, "shared": 0.01} if model == "candidate" else {}

    def record(epoch: int) -> dict[str, Any]:
        validation = {"loss": 0.5 / (epoch + 1), "auc": 0.8, "threshold": 0.5, "fpr_gap": 0.1 / (epoch + 1)}
        train = {"loss": 0.6 / (epoch + 1), "auc": 0.8, "fairness": fairness}
        tasks = {task: {"train": train, "validation": validation} for task in rows.tasks}
        loss = {"train": 0.6 / (epoch + 1), "validation": 0.5 / (epoch + 1)}
        return {"epoch": epoch, "loss": loss, "tasks": tasks}

    return {
        "network": "mmoe" if model == "candidate" else "single_task",
        "parameters": 1234,
        "epochs": 4,
        "kept_epoch": 3,
        "rows_per_second": 1000.0,
        "seconds": {"fit": 4.2},
        "fairness": {"mode": "mtaf" if fairness else "none", "loss": "mmd", "strength": 0.2},
        "first_strength": dict.fromkeys(rows.tasks, 0.2),
        "tasks": rows.tasks,
        "history": [record(epoch) for epoch in range(4)],
    }


def _statistics() -> Any:
    result = statistics_pb2.DatasetFeatureStatisticsList()
    data = result.datasets.add()
    age = data.features.add(type=statistics_pb2.FeatureNameStatistics.INT)
    age.path.step.append("age")
    age.num_stats.common_stats.num_missing, age.num_stats.common_stats.num_non_missing = 1, 3
    age.num_stats.mean, age.num_stats.std_dev, age.num_stats.max = 30, 5, 40
    histogram = age.num_stats.histograms.add(type=statistics_pb2.Histogram.STANDARD)
    for number in (1, 3):
        histogram.buckets.add(sample_count=number)
    device = data.features.add(type=statistics_pb2.FeatureNameStatistics.STRING)
    device.path.step.append("device")
    device.string_stats.common_stats.num_non_missing = 4
    device.string_stats.unique = 2
    for label, number in (("<b>phone</b>", 3), ("tv", 1)):
        device.string_stats.rank_histogram.buckets.add(label=label, sample_count=number)
    return result


@pytest.fixture(scope="session")
def made() -> Any:
    """The makers of this file, for tests that call them."""
    import types

    return types.SimpleNamespace(random_rows=random_rows, run_of=run_of, Rows=Rows)


@pytest.fixture(scope="session")
def rows() -> Rows:
    """Two tasks not in alphabetical order, two group keys of two and three values."""
    return random_rows(["like", "click"], {"gender": ["female", "male"], "age": ["old", "mid", "young"]})


@pytest.fixture(scope="session")
def run(rows: Rows) -> RunInputs:
    """A run whose gate passes."""
    return run_of(rows)


@pytest.fixture(scope="session")
def refused(rows: Rows) -> RunInputs:
    """A run whose gate refuses: bounds of every kind, of which some hold."""
    bounds = {
        "are_max": 0.5, "arfg_max": 0.1, "fpr_gap_max": {"click": 0.02, "like": 0.9}, "fpr_gap_ratio_max": 0.1,
        "tpr_gap_max": 0.01, "worst_group_error_max": 0.05, "worst_group_auc_min": 0.99,
        "worst_cell_error_max": {"like": 0.01}, "worst_cell_auc_min": {"click": 0.1}, "delta_p_min": 90,
        "error_difference_max": {"like": -0.5}, "negative_transfer_count_max": 0, "min_negatives": 5000, "min_positives": 10,
        "per_group": {"age": {"fpr_gap_max": 0.9, "worst_cell_error_max": {"click": 0.99}}},
    }  # fmt: skip
    return run_of(rows, gate=bounds)


@pytest.fixture(scope="session")
def swapped(rows: Rows) -> RunInputs:
    """A run whose candidate is the model of `rows` that is the more unfair, and the worse."""
    return run_of(Rows(rows.tasks, rows.labels, rows.known, rows.scores[::-1], rows.groups, rows.thresholds))


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the report of a run and returns its page."""

    def write(run: RunInputs, metadata: str | None = None, frontier: str | None = None) -> Path:
        folder = tmp_path_factory.mktemp("report")
        write_report(folder, run, metadata, frontier)
        return folder / "index.html"

    return write


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with started() as running:
        yield running


@pytest.fixture(scope="session")
def evaluated(made: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Artifacts of a hostile data set, see ``evaluations.py``."""
    from tests.components.fairness_report.evaluations import evaluate

    return evaluate(tmp_path_factory.mktemp("evaluated"), made)
