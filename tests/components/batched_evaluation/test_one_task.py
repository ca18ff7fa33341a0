"""Evaluations of models with one task, whose only output TFMA takes out of its dictionary."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from sklearn.metrics import roc_auc_score

from components.batched_evaluation.outputs import STAGE, named_outputs, named_outputs_extractor
from components.tradeoff_metrics.counting.extractor import custom_extractors
from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from pipeline.evaluation import build_eval_config

TASK, MODELS = "click", ["candidate", "baseline"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Paths of two models whose only score is the column ``<model>_click``."""

    class Model(tf.Module):
        def __init__(self, prefix):
            super().__init__()
            self.column = f"{prefix}_{TASK}"

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            parsed = tf.io.parse_example(examples, {self.column: tf.io.FixedLenFeature([], tf.float32)})
            return {TASK: parsed[self.column]}

    paths = {}
    for name in MODELS:
        model, path = Model(name), tmp_path_factory.mktemp(name)
        tf.saved_model.save(model, str(path), signatures={"serving_default": model.serve})
        (path / "assets.extra").mkdir(exist_ok=True)
        (path / "assets.extra" / "decision.json").write_text(json.dumps({"thresholds": {TASK: 0.4}}), encoding="utf-8")
        paths[name] = str(path)
    return paths


def eval_config(batched):
    return build_eval_config(
        [(TASK, "base_rate")],
        ["gender"],
        EvaluationSettings(batched=batched, min_count=1),
        GateSettings(arfg_max=9),
        "0",
    )


def evaluate(models, config, data, output):
    """{model: the metrics of all rows, by output}."""
    shared = [tfma.default_eval_shared_model(models[name], model_name=name, eval_config=config) for name in MODELS]
    results = tfma.run_model_analysis(
        shared, config, data_location=data, output_path=str(output), extractors=custom_extractors(shared, config)
    )
    names = {path: name for name, path in models.items()}
    return {names[result.model_location]: dict(result.slicing_metrics)[()] for result in results.get_results()}


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "by row"])
def test_a_single_output_is_found_by_its_name(batched, tmp_path, models, write_rows, rows_module):
    """Against scikit-learn and NumPy on the rows whose label is known."""
    rows = rows_module.random_rows(5, 90)
    for row in rows:
        for column in ("label/like", "weight/like", "negative/like"):
            del row[column]
    write_rows(str(tmp_path / "data" / "rows"), rows)
    found = evaluate(models, eval_config(batched), str(tmp_path / "data" / "rows"), tmp_path / "out")
    known = [row for row in rows if row["weight/click"][0]]
    labels = np.array([row["label/click"][0] for row in known])
    groups = np.array([row["group/gender"][0] for row in known])
    gaps, errors = {}, {}
    for name in MODELS:
        scores = np.array([row[f"{name}_click"][0] for row in known])
        # TFMA's AUC is of 10,000 score buckets.
        assert found[name][TASK][""]["auc"]["doubleValue"] == pytest.approx(roc_auc_score(labels, scores), abs=5e-3)
        positive = scores > 0.4
        rates = [positive[(labels == 0) & (groups == value)].mean() for value in np.unique(groups)]
        gaps[name], errors[name] = np.ptp(rates), np.mean(positive != labels)
    values = found["candidate"][""][""]
    assert values["fpr_gap/click"]["doubleValue"] == pytest.approx(gaps["candidate"])
    assert values["arfg"]["doubleValue"] == pytest.approx(gaps["candidate"] / gaps["baseline"])
    assert values["are"]["doubleValue"] == pytest.approx(errors["candidate"] / errors["baseline"])


def test_names_are_given_to_lone_outputs_only():
    values = np.array([0.5, 0.25])
    mixed = {"candidate": values, "baseline": {"click": values, "like": values}}
    assert named_outputs(mixed, {"candidate": "click"}, True) == {
        "candidate": {"click": values},
        "baseline": mixed["baseline"],
    }
    # What has its name keeps it, and a single model has no level of its own.
    assert named_outputs({"click": values}, {"candidate": "click"}, False) == {"click": values}
    assert named_outputs(values, {"candidate": "click"}, False) == {"click": values}


def test_nothing_is_added_for_models_with_several_tasks():
    several = tfma.EvalConfig(model_specs=[tfma.ModelSpec(name="m", label_keys={"like": "l", "click": "c"})])
    assert named_outputs_extractor(several) is None
    one = tfma.EvalConfig(model_specs=[tfma.ModelSpec(name="m", label_keys={"click": "c"})])
    assert named_outputs_extractor(one).stage_name == STAGE
