"""Generated evaluation data, models whose scores are columns of it, and evaluations by TFMA and by ours."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.tradeoff_metrics.counting.extractor import custom_extractors

TASKS = ["like", "click"]
MODELS = ["candidate", "baseline"]


def random_rows(seed, n):
    """Rows of columns, each a list of values: rare groups, missing labels, slices with no value or with two."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        row = {
            "group/gender": [rng.choice(["f", "m", "ü"], p=[0.5, 0.45, 0.05])],
            "group/age": [rng.choice(["young", "old"])],
            "hour": [int(rng.integers(0, 3))],
        }
        country = rng.choice(["", "at", "be", "at be"])
        if country:
            row["country"] = country.split()
        for task in TASKS:
            known = rng.random() < 0.8
            label = int(known and rng.random() < 0.3)
            row |= {f"label/{task}": [label], f"weight/{task}": [int(known)]}
            row[f"negative/{task}"] = [0 if label else int(rng.integers(1, 3)) if known else 3]
            for model in MODELS:
                row[f"{model}_{task}"] = [float(random_scores(rng, 1, label)[0])]
        rows.append(row)
    return rows


def random_scores(rng, n, labels):
    """Some on thresholds, on edges of TFMA's buckets and at both ends, the others anywhere."""
    scores = np.clip(rng.normal(0.4 + 0.2 * np.asarray(labels), 0.2, n), 0, 1)
    special = rng.choice([0.0, 1.0, 0.25, 0.5, 0.75, 0.6], n)
    edges = rng.integers(0, 10001, n) / 10000
    kind = rng.random(n)
    return np.where(kind < 0.15, special, np.where(kind < 0.3, edges, scores)).astype(np.float32)


@pytest.fixture(scope="session")
def write_rows():
    def write(path, rows):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for row in rows:
                example = tf.train.Example()
                for name, values in row.items():
                    feature = example.features.feature[name]
                    if isinstance(values[0], str):
                        feature.bytes_list.value.extend(value.encode() for value in values)
                    elif isinstance(values[0], int):
                        feature.int64_list.value.extend(values)
                    else:
                        feature.float_list.value.extend(values)
                writer.write(example.SerializeToString())

    return write


@pytest.fixture(scope="session")
def column_models(tmp_path_factory):
    """Paths of two models by name: the score of a task is the column ``<model>_<task>``."""

    class Model(tf.Module):
        def __init__(self, prefix):
            super().__init__()
            self.prefix = prefix

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve(self, examples):
            columns = {f"{self.prefix}_{task}": tf.io.FixedLenFeature([], tf.float32) for task in TASKS}
            parsed = tf.io.parse_example(examples, columns)
            return {task: parsed[f"{self.prefix}_{task}"] for task in TASKS}

    paths = {}
    for name in MODELS:
        model, path = Model(name), tmp_path_factory.mktemp(name)
        tf.saved_model.save(model, str(path), signatures={"serving_default": model.serve})
        (path / "assets.extra").mkdir(exist_ok=True)
        (path / "assets.extra" / "decision.json").write_text(
            json.dumps({"thresholds": {"like": 0.6, "click": 0.4}}), encoding="utf-8"
        )
        paths[name] = str(path)
    return paths


@pytest.fixture(scope="session")
def evaluate(column_models):
    """Evaluates and returns {(slice, model, output, metric, weighted, diff): value}."""

    def evaluate(config, data, output, workers=1):
        flags = [] if workers == 1 else ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
        shared = [
            tfma.default_eval_shared_model(column_models[name], model_name=name, eval_config=config) for name in MODELS
        ]
        tfma.run_model_analysis(
            shared,
            config,
            data_location=str(data),
            output_path=str(output),
            extractors=custom_extractors(shared, config),
            pipeline_options=PipelineOptions(flags),
        )
        return values(output)

    return evaluate


def values(output):
    found = {}
    for path in tf.io.gfile.glob(f"{output}/metrics-*"):
        for record in tf.data.TFRecordDataset(path).as_numpy_iterator():
            metrics = metrics_for_slice_pb2.MetricsForSlice.FromString(record)
            keys = metrics.slice_key.single_slice_keys
            where = tuple((key.column, getattr(key, key.WhichOneof("kind"))) for key in keys)
            for pair in metrics.metric_keys_and_values:
                key, kind = pair.key, pair.value.WhichOneof("type")
                value = getattr(pair.value, kind)
                name = (where, key.model_name, key.output_name, key.name, key.example_weighted.value, key.is_diff)
                found[name] = value.value if kind == "double_value" else value
    return found


@pytest.fixture(scope="session")
def rows_module():
    """The generators of this file, for tests that call them."""
    import types

    return types.SimpleNamespace(random_rows=random_rows, random_scores=random_scores)
