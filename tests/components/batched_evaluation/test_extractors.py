"""Batches joined ahead of the models, and split by slice behind them."""

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.testing.util import assert_that
from fairness_indicators import fairness_indicators_metrics as indicators
from tensorflow_model_analysis import constants

from components.batched_evaluation.extractors import BatchRowsFn, batched_extractors, split_by_slice
from components.batched_evaluation.slices import SliceCounter, slice_specs


def record_batch(start, rows, column="x"):
    return {"arrow_record_batch": pa.RecordBatch.from_pydict({column: [[i] for i in range(start, start + rows)]})}


def joined(sizes, target, column=lambda i: "x"):
    fn = BatchRowsFn(target)
    fn.start_bundle()
    starts = np.cumsum([0, *sizes])
    result = []
    for i, size in enumerate(sizes):
        result += list(fn.process(record_batch(int(starts[i]), size, column(i))))
    return [batch["arrow_record_batch"] for batch in [*result, *(value.value for value in fn.finish_bundle())]]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1, 2, 4, 8, 16], [15, 16]),
        ([30], [30]),
        ([3, 3], [6]),
        ([0, 10, 0], [10]),
        ([0], []),
        ([], []),
        ([9, 1], [10]),
    ],
)
def test_batches_are_joined_in_order_up_to_the_target(sizes, expected):
    batches = joined([s for s in sizes if s] if 0 not in sizes else sizes, 10)
    assert [batch.num_rows for batch in batches] == expected
    values = [row[0] for batch in batches for row in batch.column(0).to_pylist()]
    assert values == list(range(sum(sizes)))


def test_a_column_that_a_batch_lacks_is_empty_in_its_rows():
    (batch,) = joined([2, 3], 100, column=lambda i: "xy"[i])
    columns = {name: batch.column(i).to_pylist() for i, name in enumerate(batch.schema.names)}
    assert columns == {"x": [[0], [1], None, None, None], "y": [None, None, [2], [3], [4]]}


def test_no_row_is_lost_in_a_pipeline():
    def check(batches):
        assert sum(batch["arrow_record_batch"].num_rows for batch in batches) == 60
        assert max(batch["arrow_record_batch"].num_rows for batch in batches) <= 10

    with beam.Pipeline() as pipeline:
        batches = pipeline | beam.Create([record_batch(i, 3) for i in range(20)]) | beam.ParDo(BatchRowsFn(8))
        assert_that(batches, check)


def batch(n=6, **changes):
    return {
        constants.LABELS_KEY: {"m": {"t": np.arange(n)[:, None]}},
        constants.PREDICTIONS_KEY: {"m": {"t": np.arange(n) / 10}},
        constants.EXAMPLE_WEIGHTS_KEY: {"m": {"t": np.ones((n, 1))}},
        constants.FEATURES_KEY: {
            "group": np.array([[b"f"], [b"m"]] * (n // 2), object),
            "age": np.arange(n),
            "other": np.arange(n),
        },
        constants.INPUT_KEY: np.array([b"serialized"] * n, object),
        "thresholds": {"m": {"t": 0.5}},
    } | changes


SPECS = slice_specs(
    tfma.EvalConfig(
        slicing_specs=[
            tfma.SlicingSpec(),
            tfma.SlicingSpec(feature_keys=["group"]),
            tfma.SlicingSpec(feature_values={"age": "3"}),
        ]
    )
)


def test_a_batch_becomes_one_element_a_slice():
    elements = {
        element[constants.SLICE_KEY_TYPES_KEY][0]: element for element in split_by_slice(batch(), SPECS, SliceCounter())
    }
    expected = {(): range(6), (("group", "f"),): [0, 2, 4], (("group", "m"),): [1, 3, 5], (("age", 3),): [3]}
    assert elements.keys() == expected.keys()
    for key, rows in expected.items():
        element = elements[key]
        assert element[constants.LABELS_KEY]["m"]["t"].tolist() == list(rows)
        assert element[constants.PREDICTIONS_KEY]["m"]["t"].tolist() == [row / 10 for row in rows]
        assert element[constants.EXAMPLE_WEIGHTS_KEY]["m"]["t"].shape == (len(rows),)
        assert element[constants.FEATURES_KEY]["age"].tolist() == list(rows)
        # Only what slices are made of travels on; what all rows share is handed on as it is.
        assert element[constants.FEATURES_KEY].keys() == {"group", "age"}
        assert element["thresholds"] == {"m": {"t": 0.5}} and constants.INPUT_KEY not in element


def test_columns_that_metrics_read_travel_on():
    elements = list(split_by_slice(batch(), SPECS, SliceCounter(), keep=["other", "nowhere"]))
    for element in elements:
        features = element[constants.FEATURES_KEY]
        assert features.keys() == {"group", "age", "other", "nowhere"}
        assert features["other"].tolist() == features["age"].tolist()
        # A row without a text has an empty one.
        assert features["nowhere"].tolist() == [b""] * len(features["age"])


@pytest.mark.parametrize(
    ("key", "values", "message"),
    [
        (constants.LABELS_KEY, None, "`labels/m/t` should be one number in every row. Received: NoneType"),
        (constants.LABELS_KEY, np.zeros((6, 2)), r"`labels/m/t` .* Received: shape \(6, 2\)"),
        (constants.PREDICTIONS_KEY, np.array([b"0.5"] * 6, object), "`predictions/m/t` should be one number"),
        (constants.EXAMPLE_WEIGHTS_KEY, np.zeros((6, 0)), "`example_weights/m/t` should be one number"),
    ],
)
def test_rows_without_one_number_each_are_refused_by_name(key, values, message):
    with pytest.raises(ValueError, match=message):
        list(split_by_slice(batch(**{key: {"m": {"t": values}}}), SPECS, SliceCounter()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: setattr(c.options.compute_confidence_intervals, "value", True), "options.compute_confidence_int"),
        (lambda c: setattr(c.options.min_slice_size, "value", 2), "options.min_slice_size"),
        (lambda c: c.slicing_specs.add(slice_keys_sql="SELECT 1"), "slicing_specs.slice_keys_sql"),
        (lambda c: c.metrics_specs.add(query_key="user"), "metrics_specs.query_key"),
        (lambda c: c.model_specs[0].preprocessing_function_names.append("f"), "preprocessing_function_names"),
    ],
)
def test_what_needs_single_rows_is_refused(change, message):
    config = tfma.EvalConfig(model_specs=[tfma.ModelSpec(name="m")])
    change(config)
    with pytest.raises(ValueError, match=rf"`[a-z_.]*{message}.*` needs single rows; set `evaluation.batched: false`"):
        batched_extractors(None, config)


@pytest.mark.parametrize("metric", [("ExampleCount", ""), ("FairnessIndicators", indicators.__name__)])
def test_metrics_that_may_need_single_rows_are_refused(metric):
    name, module = metric
    ours = tfma.MetricConfig(class_name="FairnessTradeoff", module="components.tradeoff_metrics.metrics")
    spec = tfma.MetricsSpec(metrics=[ours, tfma.MetricConfig(class_name=name, module=module)])
    with pytest.raises(ValueError, match=f"metric `{name}` may need single rows.*`takes_arrays = True`"):
        batched_extractors(None, tfma.EvalConfig(model_specs=[tfma.ModelSpec(name="m")], metrics_specs=[spec]))


def test_stages_are_those_that_tfmas_evaluators_look_for(column_models):
    spec = tfma.ModelSpec(name="candidate", signature_name="serving_default", label_keys={"like": "l"})
    config = tfma.EvalConfig(model_specs=[spec])
    model = tfma.default_eval_shared_model(column_models["candidate"], model_name="candidate", eval_config=config)
    stages = [extractor.stage_name for extractor in batched_extractors(model, config)]
    assert stages[0] == "BatchRows" and stages[-1] == tfma.extractors.SLICE_KEY_EXTRACTOR_STAGE_NAME
    assert "ExtractUnbatchedInputs" not in stages
