"""Predictions of several models in one pass, against each model's own and TFMA's extractor."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow.python.eager import context
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.extractors import predictions_extractor
from tensorflow_model_analysis.utils import model_util

from components.batched_evaluation import predictions
from components.batched_evaluation.predictions import PredictTogetherFn, predictions_extractor_of

VOCABULARY = ["a", "b", "c"]


class Model(tf.Module):
    """Parses a number and a text, looks the text up in a table of its own, and gives a score for each task."""

    def __init__(self, factors):
        super().__init__()
        values = tf.constant(VOCABULARY)
        initializer = tf.lookup.KeyValueTensorInitializer(values, tf.range(len(VOCABULARY), dtype=tf.int64))
        self.table = tf.lookup.StaticHashTable(initializer, -1)
        self.factors = {task: tf.Variable(factor) for task, factor in factors.items()}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        spec = {"x": tf.io.FixedLenFeature([], tf.float32), "c": tf.io.FixedLenFeature([], tf.string)}
        parsed = tf.io.parse_example(examples, spec)
        raised = parsed["x"] + tf.cast(self.table.lookup(parsed["c"]), tf.float32)
        return {task: tf.sigmoid(factor * raised)[:, tf.newaxis] for task, factor in self.factors.items()}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def plain(self, x):
        return {"click": x}


def examples(n):
    rng = np.random.default_rng(n)
    result = []
    for _ in range(n):
        example = tf.train.Example()
        example.features.feature["x"].float_list.value.append(rng.normal())
        example.features.feature["c"].bytes_list.value.append(rng.choice([*VOCABULARY, "elsewhere"]).encode())
        result.append(example.SerializeToString())
    return np.array(result, object)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Paths of three models by name; the last has one task."""
    factors = {
        "candidate": {"click": 0.5, "like": -1.0},
        "baseline": {"click": 2.0, "like": 0.1},
        "single": {"click": 1.0},
    }
    paths = {}
    for name, weights in factors.items():
        model, path = Model(weights), str(tmp_path_factory.mktemp(name))
        tf.saved_model.save(model, path, signatures={"serving_default": model.serve, "plain": model.plain})
        paths[name] = path
    return paths


def shared_models(models, names, signature="serving_default"):
    config = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(name=n, signature_name=signature, model_type=tfma.TF_GENERIC, is_baseline=n == "baseline")
            for n in names
        ]
    )
    return [tfma.default_eval_shared_model(models[n], model_name=n, eval_config=config) for n in names], config


def together(models, names, signature="serving_default"):
    shared, _ = shared_models(models, names, signature)
    fn = PredictTogetherFn({m.model_name: m.model_loader for m in shared}, dict.fromkeys(names, signature))
    fn.setup()
    return fn


@pytest.mark.parametrize("names", [("candidate", "baseline"), ("baseline", "single", "candidate")])
@pytest.mark.parametrize("n", [1, 17])
def test_equals_tfmas_own_extractor(models, names, n):
    shared, config = shared_models(models, names)
    stock = model_util.ModelSignaturesDoFn(
        model_specs=list(config.model_specs),
        eval_shared_models={m.model_name: m for m in shared},
        output_keypath=[constants.PREDICTIONS_KEY],
        signature_names={name: ["serving_default"] for name in names},
        prefer_dict_outputs=False,
    )
    stock.setup()
    batch = {constants.INPUT_KEY: examples(n), constants.FEATURES_KEY: {"x": np.zeros(n)}, "more": {"kept": 1}}
    (expected,) = stock.process(batch)
    (found,) = together(models, names).process(batch)
    assert found.keys() == expected.keys() and found["more"] == {"kept": 1}
    for name in names:
        left, right = found[constants.PREDICTIONS_KEY][name], expected[constants.PREDICTIONS_KEY][name]
        if name == "single":
            left, right = {"click": left}, {"click": right}
        assert left.keys() == right.keys()
        for task in left:
            assert left[task].shape == right[task].shape == (n, 1)
            np.testing.assert_allclose(left[task], right[task], rtol=1e-6)


def test_what_models_share_is_parsed_once(models):
    fn = together(models, ("candidate", "baseline"))
    context.context().enable_graph_collection()
    try:
        list(fn.process({constants.INPUT_KEY: examples(3)}))
        graphs = context.context().export_run_metadata().function_graphs
    finally:
        context.context().disable_graph_collection()
    parsers = [
        sum(node.op == "ParseExampleV2" for node in graph.post_optimization_graph.node)
        + sum(
            node.op == "ParseExampleV2" for f in graph.post_optimization_graph.library.function for node in f.node_def
        )
        for graph in graphs
    ]
    # Each model has a parser of its own before TensorFlow's optimiser has looked at both.
    assert parsers == [1]


def test_a_missing_signature_is_named(models):
    with pytest.raises(ValueError, match="model `candidate` should have a signature `other`. It has: .*'plain'"):
        together(models, ("candidate", "baseline"), "other")


def test_a_signature_that_takes_no_examples_is_named(models):
    with pytest.raises(ValueError, match="signature `plain` of the model `candidate` should take one string tensor"):
        together(models, ("candidate", "baseline"), "plain")


def test_one_model_is_left_to_tfma(models):
    one, both = (
        predictions_extractor_of(*shared_models(models, n)) for n in (("candidate",), ("candidate", "baseline"))
    )
    assert one.stage_name == both.stage_name == predictions_extractor.PREDICTIONS_EXTRACTOR_STAGE_NAME
    assert isinstance(both.ptransform, predictions._Predict) and not isinstance(one.ptransform, predictions._Predict)
