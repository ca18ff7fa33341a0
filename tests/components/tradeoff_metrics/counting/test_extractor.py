"""Decision thresholds that a model carries."""

import json
from types import SimpleNamespace

import pytest
import tensorflow_model_analysis as tfma

from components.tradeoff_metrics.counting.extractor import custom_extractors, model_thresholds, read_thresholds


def write(folder, content):
    path = folder / "assets.extra" / "decision.json"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="utf-8")
    return str(folder)


def test_thresholds_of_both_models(tmp_path):
    candidate = write(tmp_path / "c", json.dumps({"thresholds": {"like": 0.5, "click": 1}, "rule": {}}))
    baseline = write(tmp_path / "b", json.dumps({"thresholds": {"like": 0.25, "click": 0.75, "other": 0.1}}))
    specs = [tfma.ModelSpec(name=name, label_keys={"like": "l", "click": "c"}) for name in ("candidate", "baseline")]
    models = [
        SimpleNamespace(model_name="candidate", model_path=candidate),
        SimpleNamespace(model_name="baseline", model_path=baseline),
    ]
    expected = {"candidate": {"like": 0.5, "click": 1.0}, "baseline": {"like": 0.25, "click": 0.75}}
    config = tfma.EvalConfig(model_specs=specs)
    assert model_thresholds(models, config) == expected
    assert model_thresholds({model.model_name: model for model in models}, config) == expected


def test_a_model_without_decision_file_is_named(tmp_path):
    config = tfma.EvalConfig(model_specs=[tfma.ModelSpec(name="candidate", label_keys={"like": "l"})])
    model = SimpleNamespace(model_name="candidate", model_path=str(tmp_path / "model"))
    with pytest.raises(
        FileNotFoundError, match=f"the model `{tmp_path}/model` should carry .*decision.json.*no such file"
    ):
        custom_extractors(model, config)


@pytest.mark.parametrize(
    "content", ['{"thresholds": {"like": 0.5}}', '{"thresholds": {"like": 0.5, "click": "base_rate"}}', "{}"]
)
def test_a_decision_file_without_a_number_for_a_task_is_named(tmp_path, content):
    with pytest.raises(
        ValueError, match=r"assets.extra/decision.json` should hold a number for each of .*`click`.*Received"
    ):
        read_thresholds(write(tmp_path / "model", content), ["like", "click"])


def test_thresholds_are_added_ahead_of_slicing(tmp_path, save_model):
    thresholds = {"like": 0.5, "click": 0.25}
    path = save_model(tmp_path / "model", "candidate", thresholds)
    spec = tfma.ModelSpec(name="candidate", signature_name="serving_default", label_keys={"like": "l", "click": "c"})
    config = tfma.EvalConfig(model_specs=[spec], slicing_specs=[tfma.SlicingSpec()])
    model = tfma.default_eval_shared_model(path, model_name="candidate", eval_config=config)
    stages = [extractor.stage_name for extractor in custom_extractors(model, config)]
    assert stages.index("ExtractDecisionThresholds") == stages.index("ExtractSliceKeys") - 1
