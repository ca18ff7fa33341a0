"""Each metric over arrays against the class it extends, fed row by row."""

import math
import pickle

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from fairness_indicators.fairness_indicators_metrics import FairnessIndicators
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_model_analysis.metrics import metric_types

from components.batched_evaluation import metrics
from components.batched_evaluation.names import PREFIX, batched_metric, is_batched

CLASSES = [
    (tfma.metrics.AUC, {}),
    (tfma.metrics.AUC, {"num_thresholds": 50, "curve": "PR"}),
    (tfma.metrics.BinaryAccuracy, {"name": "accuracy", "threshold": 0.3}),
    (tfma.metrics.Calibration, {}),
    (tfma.metrics.ExampleCount, {}),
    (FairnessIndicators, {"thresholds": [0.75, 0.25, 0.5]}),
    (tfma.metrics.MeanLabel, {}),
    (tfma.metrics.MeanPrediction, {}),
    (tfma.metrics.WeightedExampleCount, {}),
]
SPEC = tfma.ModelSpec(name="m", label_keys={"t": "l"}, example_weight_keys={"t": "w"})
CONFIG = tfma.EvalConfig(model_specs=[SPEC, tfma.ModelSpec(name="other")])


def element(labels, scores, weights):
    return metric_types.StandardMetricInputs(
        labels={"m": {"t": labels}},
        predictions={"m": {"t": scores}},
        example_weights={"m": {"t": weights}},
    )


def elements(rows, sizes):
    """Rows in elements of the given sizes, the last one with what is left."""
    return [element(*part) for part in zip(*(np.split(a, np.cumsum(sizes)) for a in rows), strict=True) if len(part[0])]


def computations(metric, weighted=True, **options):
    return metric.computations(
        eval_config=CONFIG, model_names=["m"], output_names=["t"], example_weighted=weighted, **options
    )


def computed(metric, inputs, weighted=True, shards=1):
    """What TFMA makes of a slice: combine in shards, merge, extract, derive."""
    result = {}
    for computation in computations(metric, weighted):
        if isinstance(computation, metric_types.DerivedMetricComputation):
            result.update(computation.result(result))
            continue
        combiner = pickle.loads(pickle.dumps(computation.combiner))
        accumulators = [combiner.create_accumulator() for _ in range(shards + 1)]
        for i, one in enumerate(inputs):
            accumulators[i % shards] = combiner.add_input(accumulators[i % shards], one)
        accumulators = [pickle.loads(pickle.dumps(accumulator)) for accumulator in accumulators]
        result.update(combiner.extract_output(combiner.compact(combiner.merge_accumulators(accumulators[::-1]))))
    return {str(key): value for key, value in result.items() if not key.name.startswith("_")}


def ours(metric, options):
    return getattr(metrics, f"{PREFIX}{metric.__name__}").from_config(dict(options))


def random_rows(seed, n):
    rng = np.random.default_rng(seed)
    scores = rng.choice([0.0, 0.2, 0.25, 0.3, 0.5, 0.7501, 1.0, rng.random()], n).astype(np.float32)
    return rng.integers(0, 2, n), scores, rng.integers(0, 3, n).astype(np.float32)


@pytest.mark.parametrize(("metric", "options"), CLASSES, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize(("n", "shards"), [(60, 1), (61, 3), (1, 2)])
def test_arrays_give_what_single_rows_give(metric, options, n, shards):
    rows = random_rows(n, n)
    expected = computed(metric(**options), elements(rows, [1] * (n - 1)))
    found = computed(ours(metric, options), elements(rows, [n // 2, n // 4]), shards=shards)
    assert found.keys() == expected.keys() and found
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-12, nan_ok=True), key


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.floats(-0.5, 1.5, width=32), st.sampled_from([0.0, 1.0, 2.5])), min_size=1
    ),
    st.sampled_from(CLASSES),
)
def test_equal_for_any_rows(rows, chosen):
    metric, options = chosen
    arrays = [np.array(column) for column in zip(*rows, strict=True)]
    expected = computed(metric(**options), elements(arrays, [1] * (len(rows) - 1)))
    found = computed(ours(metric, options), elements(arrays, []))
    for key, value in expected.items():
        assert found[key] == pytest.approx(value, rel=1e-9, abs=1e-12, nan_ok=True), key


def test_unweighted_counts_are_rows_not_elements():
    rows = random_rows(5, 40)
    count = ours(tfma.metrics.ExampleCount, {})
    ((_, found),) = computed(count, elements(rows, [11, 20]), weighted=False).items()
    assert found == 40
    ((_, weighted),) = computed(count, elements(rows, [11, 20])).items()
    assert weighted == rows[2].sum() != 40


def test_unweighted_metrics_ignore_weights():
    rows = random_rows(6, 40)
    (mean,) = computed(ours(tfma.metrics.MeanLabel, {}), elements(rows, [7]), weighted=False).values()
    assert mean == pytest.approx(rows[0].mean())


def test_fractional_labels_are_split_as_in_tfma():
    rng = np.random.default_rng(7)
    rows = rng.random(50), rng.random(50), np.ones(50)
    for metric, options in CLASSES[:4]:
        expected = computed(metric(**options), elements(rows, [1] * 49))
        assert computed(ours(metric, options), elements(rows, [])) == pytest.approx(expected, rel=1e-9)


def test_no_rows_give_what_tfma_gives():
    for metric, options in CLASSES:
        expected, found = computed(metric(**options), []), computed(ours(metric, options), [])
        assert found.keys() == expected.keys()
        for key, value in expected.items():
            assert found[key] == value or math.isnan(found[key]) and math.isnan(value), key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": [0.1, np.nan]}, "predictions of model `m`, output `t` should be numbers. Received: 1 NaN"),
        ({"labels": [0, 2]}, r"labels of output `t` should be in \[0, 1\]: 2.0"),
        ({"labels": [0, -1]}, "labels of output `t`"),
        ({"labels": [0, np.nan]}, "labels of output `t`"),
        ({"scores": [0.1, 0.2, 0.3]}, "should be one number a row. Received: 2, 3 and 2 numbers"),
        ({"weights": [1.0, 1.0, 1.0]}, "should be one number a row. Received: 2, 2 and 3 numbers"),
    ],
)
@pytest.mark.parametrize("metric", [tfma.metrics.AUC, FairnessIndicators])
def test_bad_rows_are_refused(metric, change, message):
    arrays = {"labels": [0, 1], "scores": [0.1, 0.9], "weights": [1.0, 1.0]} | change
    with pytest.raises(ValueError, match=message):
        computed(ours(metric, {}), [element(*(np.array(arrays[name]) for name in ("labels", "scores", "weights")))])


def test_keys_names_and_settings_are_those_of_the_class():
    for metric, options in CLASSES:
        original, batched = metric(**options), ours(metric, options)
        assert isinstance(batched, metric) and batched.name == original.name
        assert batched.get_config() == original.get_config()
        keys = [[computation.keys for computation in computations(m)] for m in (original, batched)]
        assert keys[0] == keys[1]


def test_what_needs_more_than_two_classes_is_refused():
    with pytest.raises(ValueError, match="batched metrics are binary ones"):
        computations(ours(tfma.metrics.AUC, {}), sub_keys=[metric_types.SubKey(class_id=1)])
    with pytest.raises(ValueError, match="batched metrics are binary ones"):
        computations(ours(tfma.metrics.MeanLabel, {}), class_weights={0: 2.0})


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (tfma.metrics.SquaredPearsonCorrelation(), "no batched form of the combiner _SquaredPearson"),
        (tfma.metrics.CalibrationPlot(), "no batched form of what is derived from a histogram: .*calibration"),
    ],
)
def test_what_has_no_array_form_is_refused(metric, message):
    with pytest.raises(TypeError, match=message):
        computations(metrics._batched(type(metric))())


def test_config_names_class_and_module():
    stock = tfma.MetricConfig(class_name="AUC", config='{"num_thresholds": 9}')
    batched = batched_metric(stock)
    assert (batched.class_name, batched.config) == ("BatchedAUC", stock.config)
    assert batched.module == metrics.__name__
    assert is_batched(tfma.EvalConfig(metrics_specs=[tfma.MetricsSpec(metrics=[stock, batched])]))
    assert not is_batched(tfma.EvalConfig(metrics_specs=[tfma.MetricsSpec(metrics=[stock])]))
