"""Reads what the metrics left in an evaluation: values and details of the overall slice.

Details of a group key (JSON, compressed, as the bytes value of ``tradeoff_details[@group]``; None stands for NaN):
    group, primary, confidence, quantile (None: infinite), min_count, cluster, lone_rows (without a value of it), rows,
    group_rows {group: rows}, thresholds {model: {task: number}}
    values {metric name: {value, lower, upper, reason}}
    tasks {task: {model: {
        rates {fpr|tpr|error: {group: {value, lower, upper, reason, count, of}}},
        gaps {fpr|tpr: {value, lower, upper, reason, highest, lowest, left_out, holds_zero}},
        auc {all, groups {group}: {value, lower, upper, reason, negatives, positives}},
        worst {worst_group_error|worst_group_auc|worst_cell_error|worst_cell_auc: {value, lower, upper, reason, group, side,
            left_out [[group, side]], and count, of (errors) or negatives, positives (AUCs)}},
        design_effects {fpr|tpr: {all, groups {group: effect}}}}}}
    histograms {task: {model: {thresholds, groups {group: {"0"|"1": [cells, counts]}}}}}: cell i holds the scores above
        threshold i − 1, up to and with threshold i
"""

from __future__ import annotations

import json
import zlib
from typing import Any, Optional

import tensorflow_model_analysis as tfma

from components.tradeoff_metrics.names import DETAILS, MetricName
from models.formats.listing import quoted

MetricValue = Any


def load_overall(evaluation_path: str) -> dict[tuple[str, str, str], MetricValue]:
    """Metrics of the overall slice by (model name, output name, name).

    Args:
        evaluation_path: Folder that TFMA wrote.

    Returns:
        Floats, bytes, or TFMA's message where a metric is neither (plots, intervals of its own).

    Raises:
        ValueError: There is no overall slice: the evaluated split had no rows.
    """
    for slice_metrics in tfma.load_metrics(evaluation_path):
        if slice_metrics.slice_key.single_slice_keys or slice_metrics.HasField("cross_slice_key"):
            continue
        result: dict[tuple[str, str, str], MetricValue] = {}
        for pair in slice_metrics.metric_keys_and_values:
            kind = pair.value.WhichOneof("type")
            value: MetricValue = pair.value
            if kind == "double_value":
                value = pair.value.double_value.value
            elif kind == "bytes_value":
                value = pair.value.bytes_value
            if not pair.key.is_diff:
                result[pair.key.model_name, pair.key.output_name, pair.key.name] = value
        return result
    raise ValueError(f"the evaluation `{evaluation_path}` has no overall slice: the evaluated split had no rows")


def decode_details(value: bytes) -> dict[str, Any]:
    """Details from the bytes of their metric."""
    return json.loads(zlib.decompress(value))


def load_details(evaluation_path: str, group: Optional[str] = None) -> dict[str, Any]:
    """Details of a group key by its name; of the primary one where ``group`` is None.

    Raises:
        ValueError: The evaluation has no such group key.
    """
    found = {
        details["group"]: details
        for (_, _, name), value in load_overall(evaluation_path).items()
        if name.partition("@")[0] == DETAILS and MetricName.parse(name)
        for details in [decode_details(value)]
    }
    for name, details in found.items():
        if name == group or (group is None and details["primary"]):
            return details
    raise ValueError(f"`{evaluation_path}` has no details of the group key `{group}`; it has those of {quoted(found)}")
