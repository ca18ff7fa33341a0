"""A hostile data set through TFMA's own pipeline, with all artifacts that a report reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.types import artifact_utils, standard_artifacts, standard_component_specs
from tfx.utils import json_utils, proto_utils

from components.evaluator import executor as evaluator
from components.fairness_report.settings import ReportSettings
from components.gate import executor as gate
from components.gate.component import GateVerdict
from components.negative_splitter.component import NegativeCounts
from pipeline.evaluation import EXTRACTOR_MODULE, build_eval_config

HARM = "<script>alert(1)</script>"
IMAGE = "<img src=x onerror=alert(2)>"
# Not in alphabetical order. A slash is refused by the settings.
TASKS = ["like", "c\"lick' <b>ü & 点击"]
GROUPS = {"who": [HARM, IMAGE, "a:b, c", "only positives"], "ü & <i>": ["x", "y"]}


class Evaluated(NamedTuple):
    """Artifacts as the component takes them, the settings, and the rows behind them."""

    artifacts: dict[str, list[Any]]
    settings: ReportSettings
    rows: Any


def hostile_rows(made: Any) -> Any:
    rows = made.random_rows(TASKS, GROUPS, n=1200, seed=3)
    rows.labels[rows.groups["who"] == "only positives"] = 1
    return rows


def evaluate(root: Path, made: Any) -> Evaluated:
    """Runs the Evaluator on hostile rows, and writes the other artifacts by hand."""
    rows = hostile_rows(made)
    settings = made.run_of(rows).settings.model_copy(update={"gate": _gate()})
    artifacts = _evaluation(root, rows, settings)
    synthetic = made.run_of(rows)
    for model, key in (("candidate", "model_run"), ("baseline", "baseline_model_run")):
        artifacts[key] = [_folder(standard_artifacts.ModelRun(), root / key)]
        Path(root, key, "training.json").write_text(json.dumps(synthetic.training[model]), encoding="utf-8")
    artifacts["counts"] = [_folder(NegativeCounts(), root / "counts")]
    Path(root, "counts", "counts.json").write_text(json.dumps(synthetic.counts), encoding="utf-8")
    artifacts["statistics"] = [_split(standard_artifacts.ExampleStatistics(), root / "statistics")]
    artifacts["anomalies"] = [_split(standard_artifacts.ExampleAnomalies(), root / "anomalies")]
    for split, found in synthetic.statistics.items():
        _write(root / "statistics" / f"Split-{split}" / "FeatureStats.pb", found.SerializeToString())
        anomalies = anomalies_pb2.Anomalies()
        if split == "test":
            anomalies.anomaly_info["age"].description = f"Out of range {HARM}"
        _write(root / "anomalies" / f"Split-{split}" / "SchemaDiff.pb", anomalies.SerializeToString())
    counts = {"rows": {}, "capped": {}, "dropped_missing": 3, "side_table_misses": {}, "warnings": []}
    artifacts["examples"][0].set_string_custom_property("row_counts", json.dumps(counts))
    pushed = standard_artifacts.PushedModel()
    pushed.set_int_custom_property("pushed", 0)
    artifacts["pushed_model"] = [pushed]
    return Evaluated(artifacts, settings, rows)


def _gate() -> Any:
    from components.tradeoff_metrics.settings import GateSettings

    return GateSettings(are_max=0.3, fpr_gap_max=0.01, min_negatives=1)


def _evaluation(root: Path, rows: Any, settings: ReportSettings) -> dict[str, list[Any]]:
    examples = _split(standard_artifacts.Examples(), root / "examples", ["test"])
    _examples(root / "examples" / "Split-test" / "rows.gz", rows)
    found: dict[str, list[Any]] = {"examples": [examples]}
    for m, (name, key) in enumerate((("candidate", "model"), ("baseline", "baseline_model"))):
        found[key] = [_folder(standard_artifacts.Model(), root / name)]
        _model(root / name / "Format-Serving", m, rows)
    found["evaluation"] = [_folder(standard_artifacts.ModelEvaluation(), root / "evaluation")]
    found["blessing"] = [_folder(standard_artifacts.ModelBlessing(), root / "blessing")]
    config = build_eval_config(
        [(task, "base_rate") for task in rows.tasks], list(rows.groups), settings.evaluation, settings.gate, "0"
    )
    context = evaluator.Executor.Context(tmp_dir=str(root / "tmp"), unique_id="1")
    evaluator.Executor(context).Do(
        {key: found[key] for key in ("examples", "model", "baseline_model")},
        {key: found[key] for key in ("evaluation", "blessing")},
        {
            standard_component_specs.EVAL_CONFIG_KEY: proto_utils.proto_to_json(config),
            standard_component_specs.EXAMPLE_SPLITS_KEY: json_utils.dumps(["test"]),
            standard_component_specs.MODULE_PATH_KEY: EXTRACTOR_MODULE,
            "feature_slicing_spec": None,
        },
    )
    found["verdict"] = [_folder(GateVerdict(), root / "verdict")]
    gate.Executor(context).Do(
        {"evaluation": found["evaluation"], "evaluator_blessing": found["blessing"]},
        {
            "verdict": found["verdict"],
            "blessing": [_folder(standard_artifacts.ModelBlessing(), root / "gate_blessing")],
        },
        {
            "gate": settings.gate.model_dump_json(),
            "tasks": json.dumps(settings.task_names),
            "groups": json.dumps(settings.groups),
        },
    )
    # The report reads the gate's word alone.
    del found["blessing"]
    return found


def _examples(path: Path, rows: Any) -> None:
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for i in range(len(rows.labels)):
            example = tf.train.Example()
            feature = example.features.feature
            for key, column in rows.groups.items():
                feature[f"group/{key}"].bytes_list.value.append(str(column[i]).encode())
            for t, task in enumerate(rows.tasks):
                feature[f"label/{task}"].int64_list.value.append(int(rows.labels[i, t] * rows.known[i, t]))
                feature[f"weight/{task}"].float_list.value.append(float(rows.known[i, t]))
                feature[f"negative/{task}"].int64_list.value.append(int(1 - rows.labels[i, t]))
                for m in (0, 1):
                    feature[f"score_{m}_{t}"].float_list.value.append(float(rows.scores[m, i, t]))
            writer.write(example.SerializeToString())


def _model(path: Path, m: int, rows: Any) -> None:
    """A model whose scores are columns of the examples."""
    names = {task: f"score_{m}_{t}" for t, task in enumerate(rows.tasks)}

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples: Any) -> Any:
            spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in names.values()}
            parsed = tf.io.parse_example(examples, spec)
            return {task: parsed[name] for task, name in names.items()}

    model = Model()
    tf.saved_model.save(model, str(path), signatures={"serving_default": model.serve})
    thresholds = dict(zip(rows.tasks, np.asarray(rows.thresholds)[m].tolist(), strict=True))
    _write(path / "assets.extra" / "decision.json", json.dumps({"thresholds": thresholds, "rule": {}}).encode())


def _folder(artifact: Any, path: Path) -> Any:
    path.mkdir(parents=True, exist_ok=True)
    artifact.uri = str(path)
    return artifact


def _split(artifact: Any, path: Path, splits: Any = ("train", "validation", "test")) -> Any:
    artifact.split_names = artifact_utils.encode_split_names(list(splits))
    return _folder(artifact, path)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
