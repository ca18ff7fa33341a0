"""Reading what TFMA wrote."""

import json
import zlib

import pytest
import tensorflow as tf
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as tfma_writer

from components.tradeoff_metrics.details import decode_details, load_details, load_overall


def write(path, *slices):
    """An evaluation of (slice key, metrics) pairs, as TFMA's writer leaves it."""
    with tf.io.TFRecordWriter(str(path / "metrics-00000-of-00001.tfrecord")) as writer:
        for slice_key, metrics in slices:
            proto = tfma_writer.convert_slice_metrics_to_proto((slice_key, metrics), None)
            writer.write(proto.SerializeToString())
    return str(path)


def key(name, model="candidate", output="", is_diff=False):
    return metric_types.MetricKey(name=name, model_name=model, output_name=output, is_diff=is_diff)


def packed(group, primary):
    return zlib.compress(json.dumps({"group": group, "primary": primary}).encode())


def test_only_the_overall_slice_is_read_and_no_differences_of_models(tmp_path):
    path = write(
        tmp_path,
        ((("group/gender", "f"),), {key("auc", output="click"): 0.1}),
        (
            (),
            {
                key("auc", output="click"): 0.7,
                key("auc", "baseline", "click"): 0.6,
                key("auc", "candidate", "click", True): 0.1,
            },
        ),
        ((("group/gender", "m"),), {key("auc", output="click"): 0.2}),
    )
    assert load_overall(path) == {("candidate", "click", "auc"): 0.7, ("baseline", "click", "auc"): 0.6}


def test_details_are_found_by_group_and_the_primary_one_without_a_name(tmp_path):
    metrics = {key("tradeoff_details@age"): packed("age", False), key("tradeoff_details"): packed("gender", True)}
    path = write(tmp_path, ((), metrics | {key("arfg"): 1.0}))
    assert load_details(path)["group"] == load_details(path, "gender")["group"] == "gender"
    assert load_details(path, "age") == {"group": "age", "primary": False}
    assert decode_details(load_overall(path)["candidate", "", "tradeoff_details@age"])["group"] == "age"
    with pytest.raises(ValueError, match=r"no details of the group key `country`; it has those of `age`, `gender`"):
        load_details(path, "country")


def test_an_evaluation_without_rows_is_named(tmp_path):
    path = write(tmp_path, ((("group/gender", "f"),), {key("arfg"): float("nan")}))
    with pytest.raises(ValueError, match=f"the evaluation `{tmp_path}` has no overall slice"):
        load_overall(path)
