"""Data of the page's section on the data: rows, labels, kinds of negatives, anomalies, and the inputs' statistics."""

from __future__ import annotations

from typing import Any, Optional

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.fairness_report.inputs import RunInputs
from components.fairness_report.sections.rates import short

_TOP_VALUES = 3
_NUMERIC = (statistics_pb2.FeatureNameStatistics.INT, statistics_pb2.FeatureNameStatistics.FLOAT)


def dataset_data(run: RunInputs, summary: dict[str, Any]) -> dict[str, Any]:
    """What the page says of the data.

    Returns:
        {rows {split: n}, tasks {task: {split: counts}}, groups {key: {task: {value: counts}}} of the train split,
        ``splits`` of it, anomalies {split: lines}, warnings, left_out, features}.
    """
    splits = run.counts["splits"]
    return {
        "rows": summary["rows"],
        "tasks": {
            task: {split: _total(part["tasks"][task], part["rows"]) for split, part in splits.items()}
            for task in run.settings.task_names
        },
        "groups": {
            key: {
                split: {task: part["tasks"][task]["groups"].get(key, {}) for task in run.settings.task_names}
                for split, part in splits.items()
                if split in ("train", "test")
            }
            for key in run.settings.groups
        },
        "anomalies": run.anomalies,
        "warnings": summary["warnings"],
        "leftOut": summary["left_out"],
        "features": features(run),
    }


def _total(task: dict[str, Any], rows: int) -> dict[str, Any]:
    return {"rows": rows, "known": task["known"], "positives": task["positives"], **task["kinds"]}


def features(run: RunInputs) -> list[dict[str, Any]]:
    """The model's inputs: per split, how many values are missing and how they are distributed (TFDV's statistics)."""
    by_split = {
        split: {feature.path.step[0]: feature for feature in statistics.datasets[0].features if feature.path.step}
        for split, statistics in run.statistics.items()
        if statistics.datasets
    }
    return [
        {
            "name": feature.name,
            "type": feature.type,
            "splits": {
                split: _feature(found[feature.name]) for split, found in by_split.items() if feature.name in found
            },
        }
        for feature in run.settings.features.inputs
    ]


def _feature(feature: Any) -> dict[str, Any]:
    numeric = feature.type in _NUMERIC
    statistics = feature.num_stats if numeric else feature.string_stats
    common = statistics.common_stats
    rows = common.num_missing + common.num_non_missing
    result: dict[str, Any] = {"missing": short(common.num_missing / rows) if rows else None}
    if numeric:
        return result | {
            "mean": short(statistics.mean),
            "std": short(statistics.std_dev),
            "min": short(statistics.min),
            "max": short(statistics.max),
            "histogram": _histogram(statistics),
        }
    ranked = list(statistics.rank_histogram.buckets)
    total = sum(bucket.sample_count for bucket in ranked)
    return result | {
        "unique": int(statistics.unique),
        "top": [[bucket.label, short(bucket.sample_count / total)] for bucket in ranked[:_TOP_VALUES]],
        "histogram": [short(bucket.sample_count / total) for bucket in ranked[:10]],
    }


def _histogram(statistics: Any) -> Optional[list[Optional[float]]]:
    """Shares of the rows per bucket of equal width."""
    for histogram in statistics.histograms:
        if histogram.type == statistics_pb2.Histogram.STANDARD:
            total = sum(bucket.sample_count for bucket in histogram.buckets)
            return [short(bucket.sample_count / total) for bucket in histogram.buckets] if total else None
    return None
