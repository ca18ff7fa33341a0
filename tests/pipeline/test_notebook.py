"""The notebook, and TFMA's own API on what the evaluation writes: neither has our code on the path."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from components.tradeoff_metrics.counting.extractor import custom_extractors
from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from pipeline.evaluation import build_eval_config, fairness_indicator_key
from tests.pipeline.recorded import sample_settings, summary

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "pipeline" / "notebooks" / "review.ipynb"
TASKS = ("click", "like")
MODELS = ("candidate", "baseline")
ROWS = 400
Columns = dict[str, np.ndarray]


def draw() -> Columns:
    rng = np.random.default_rng(7)
    columns: Columns = {"group/gender": rng.choice(["female", "male"], ROWS)}
    for task in TASKS:
        columns[f"label/{task}"] = (rng.random(ROWS) < 0.4).astype(int)
        columns[f"weight/{task}"] = (rng.random(ROWS) < 0.9).astype(int)
        for model in MODELS:
            # Far from the threshold, so that it does not matter in which precision a score is compared.
            columns[f"{model}/{task}"] = np.where(rng.random(ROWS) < 0.3 + 0.4 * columns[f"label/{task}"], 0.75, 0.25)
    return columns


def save_model(folder: Path, name: str) -> str:
    """A model whose scores are columns of the examples."""

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
            spec = {f"{name}/{task}": tf.io.FixedLenFeature([], tf.float32) for task in TASKS}
            return {task: tf.io.parse_example(examples, spec)[f"{name}/{task}"] for task in TASKS}

    model = Model()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.serve})
    (folder / "assets.extra").mkdir(exist_ok=True)
    (folder / "assets.extra" / "decision.json").write_text(
        json.dumps({"thresholds": dict.fromkeys(TASKS, 0.5)}), encoding="utf-8"
    )
    return str(folder)


def write_examples(path: Path, columns: Columns) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in range(ROWS):
            example = tf.train.Example()
            for name, values in columns.items():
                feature, value = example.features.feature[name], values[row].item()
                if isinstance(value, str):
                    feature.bytes_list.value.append(value.encode())
                elif isinstance(value, int):
                    feature.int64_list.value.append(value)
                else:
                    feature.float_list.value.append(value)
            writer.write(example.SerializeToString())


@pytest.fixture(scope="module")
def columns() -> Columns:
    return draw()


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory, columns: Columns) -> Path:
    """A small evaluation with the configuration that the pipeline makes, our own metrics included."""
    folder = tmp_path_factory.mktemp("evaluation")
    write_examples(folder / "rows.tfrecord", columns)
    config = build_eval_config(
        [(task, "base_rate") for task in TASKS],
        ["gender"],
        EvaluationSettings(slice_negative_kinds=False, fairness_thresholds=[0.5]),
        GateSettings(are_max=2.0),
        code="test",
    )
    shared = [
        tfma.default_eval_shared_model(save_model(folder / name, name), model_name=name, eval_config=config)
        for name in MODELS
    ]
    tfma.run_model_analysis(
        shared,
        config,
        data_location=str(folder / "rows.tfrecord"),
        output_path=str(folder / "output"),
        extractors=custom_extractors(shared, config),
        pipeline_options=PipelineOptions([]),
    )
    return folder / "output"


ALONE = """
import importlib.util, json, sys
for ours in ("models", "components", "pipeline"):
    assert importlib.util.find_spec(ours) is None, ours
import tensorflow_model_analysis as tfma
result = tfma.load_eval_result(sys.argv[1], model_name="candidate")
overall = dict(result.slicing_metrics)[()]
view = tfma.view.render_slicing_metrics(result, slicing_column="group/gender")
print(json.dumps({
    "slices": sorted(str(key) for key, _ in result.slicing_metrics),
    "are": overall[""][""]["are"]["doubleValue"],
    "accuracy": overall["click"][""]["accuracy"]["doubleValue"],
    "view": sorted(entry["slice"] for entry in view.data),
    "ok": tfma.load_validation_result(sys.argv[1]).validation_ok,
    "metrics": [metric.module for spec in result.config.metrics_specs for metric in spec.metrics],
}))
"""


def known_rows(columns: Columns, task: str, group: str | None) -> np.ndarray:
    known = columns[f"weight/{task}"] == 1
    return known if group is None else known & (columns["group/gender"] == group)


def false_positive_rate(columns: Columns, model: str, task: str, group: str | None) -> float:
    negatives = known_rows(columns, task, group) & (columns[f"label/{task}"] == 0)
    return float(np.mean(columns[f"{model}/{task}"][negatives] > 0.5))


def accuracy(columns: Columns, model: str, task: str, group: str | None = None) -> float:
    known = known_rows(columns, task, group)
    return float(np.mean((columns[f"{model}/{task}"] > 0.5)[known] == columns[f"label/{task}"][known]))


def test_tfma_alone_reads_the_evaluation(evaluation: Path, columns: Columns, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "TF_USE"))}
    done = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(evaluation)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found["slices"] == ["(('group/gender', 'female'),)", "(('group/gender', 'male'),)", "()"]
    assert found["view"] == ["group/gender:female", "group/gender:male"]
    assert found["accuracy"] == pytest.approx(accuracy(columns, "candidate", "click"), abs=1e-6)
    errors = [[1 - accuracy(columns, model, task) for task in TASKS] for model in MODELS]
    assert found["are"] == pytest.approx(np.mean(np.divide(errors[0], errors[1])), abs=1e-6)
    assert found["ok"] is True
    assert any(module.startswith("components.") for module in found["metrics"]), (
        "the evaluation should hold our metrics"
    )


@pytest.fixture(scope="module")
def execute(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], nbformat.NotebookNode]:
    def execute(path: Path) -> nbformat.NotebookNode:
        """Runs the notebook on a summary, in a folder and an environment without our code."""
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = NotebookClient(
            notebook,
            timeout=300,
            kernel_name="python3",
            resources={"metadata": {"path": str(tmp_path_factory.mktemp("elsewhere"))}},
        )
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"FAIR_SUMMARY": str(path)}
        client.execute(env=environment)
        return notebook

    return execute


def outputs(notebook: nbformat.NotebookNode, kind: str) -> list[Any]:
    return [o for cell in notebook.cells for o in cell.get("outputs", []) if o.output_type == kind]


@pytest.fixture(scope="module")
def executed(
    evaluation: Path, execute: Callable[[Path], nbformat.NotebookNode], tmp_path_factory: pytest.TempPathFactory
) -> nbformat.NotebookNode:
    content = summary(sample_settings(), arfg=0.4, blessed=False)
    content |= {"group": "gender", "paths": {"evaluation": str(evaluation)}}
    path = tmp_path_factory.mktemp("run") / "summary.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return execute(path)


def test_the_notebook_tells_the_verdict_and_the_figures(executed: nbformat.NotebookNode) -> None:
    (text,) = [o.text for o in outputs(executed, "stream") if o.name == "stdout"]
    assert text.splitlines() == ["refused by the gate", "  ARFG is 0.4, above the bound 0.4"]
    figures, slices = [o.data["text/html"] for o in outputs(executed, "execute_result")]
    assert "click: fpr_gap model" in figures and "0.08" in figures
    assert "group/gender:female" in slices and "Overall" in slices


def property_of(frame: str, name: str) -> Any:
    """A property that a frame gives its component."""
    (page,) = re.findall(r'srcdoc="([^"]*)"', frame)
    (values,) = re.findall(r"Object\.assign\(element, (.*)\);\n", html.unescape(page))
    return json.loads(values)[name]


def test_the_notebook_shows_tfma_and_fairness_indicators(executed: nbformat.NotebookNode, columns: Columns) -> None:
    slicing, fairness = [o.data["text/html"] for o in outputs(executed, "display_data")]
    assert "tfma-nb-slicing-metrics" in slicing and "fairness-nb-container" in fairness
    assert {entry["slice"] for entry in property_of(slicing, "data")} == {"group/gender:female", "group/gender:male"}
    assert all(list(entry["metrics"]) == ["click"] for entry in property_of(slicing, "data"))
    for name, model in (("slicingMetrics", "candidate"), ("slicingMetricsCompare", "baseline")):
        bars = {entry["sliceValue"]: entry["metrics"] for entry in property_of(fairness, name)}
        assert set(bars) == {"Overall", "female", "male"}
        for value, metrics in bars.items():
            group = None if value == "Overall" else value
            expected = accuracy(columns, model, "click", group)
            assert metrics["accuracy"]["doubleValue"] == pytest.approx(expected, abs=1e-6)
            false_positives = metrics[fairness_indicator_key("false_positive_rate", 0.5, [0.5])]["doubleValue"]
            assert false_positives == pytest.approx(false_positive_rate(columns, model, "click", group), abs=1e-6)


def test_the_notebook_s_frames_hold_the_whole_of_tfmas_bundle(executed: nbformat.NotebookNode) -> None:
    bundle = Path(tfma.__file__).parent / "static" / "vulcanized_tfma.js"
    for frame in (o.data["text/html"] for o in outputs(executed, "display_data")):
        (page,) = re.findall(r'srcdoc="([^"]*)"', frame)
        scripts = re.findall(r"<script>(.*?)</script>", html.unescape(page), re.S)
        assert len(scripts) == 2
        assert scripts[0].replace(r"<\/script", "</script") == bundle.read_text(encoding="utf-8")


def test_the_notebook_needs_a_run(execute: Callable[[Path], nbformat.NotebookNode], tmp_path: Path) -> None:
    with pytest.raises(CellExecutionError, match="nowhere.json"):
        execute(tmp_path / "nowhere.json")


def test_the_notebook_is_committed_without_outputs_and_imports_nothing_of_ours() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and not any(cell.outputs or cell.execution_count for cell in code)
    assert not re.search(r"^\s*(from|import) (pipeline|components|models)", "\n".join(c.source for c in code), re.M)
