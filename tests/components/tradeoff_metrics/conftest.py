"""Tiny SavedModels whose scores are columns of the examples, so that a test dictates them."""

import json
import os

import pytest
import tensorflow as tf

TASKS = ["like", "click"]


@pytest.fixture(scope="session")
def save_model():
    def save(path, column_prefix, thresholds):
        """A model whose score of a task is the column ``<column_prefix>_<task>``."""

        class Model(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
            def serve(self, examples):
                columns = {f"{column_prefix}_{task}": tf.io.FixedLenFeature([], tf.float32) for task in TASKS}
                parsed = tf.io.parse_example(examples, columns)
                return {task: parsed[f"{column_prefix}_{task}"] for task in TASKS}

        model = Model()
        tf.saved_model.save(model, str(path), signatures={"serving_default": model.serve})
        if thresholds is not None:
            os.makedirs(os.path.join(path, "assets.extra"), exist_ok=True)
            with open(os.path.join(path, "assets.extra", "decision.json"), "w", encoding="utf-8") as file:
                json.dump({"thresholds": thresholds, "rule": {}}, file)
        return str(path)

    return save


@pytest.fixture(scope="session")
def write_examples():
    def write(path, rows, compression=None):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with tf.io.TFRecordWriter(str(path), compression) as writer:
            for row in rows:
                example = tf.train.Example()
                for name, value in row.items():
                    feature = example.features.feature[name]
                    if isinstance(value, str):
                        feature.bytes_list.value.append(value.encode())
                    elif isinstance(value, int):
                        feature.int64_list.value.append(value)
                    else:
                        feature.float_list.value.append(value)
                writer.write(example.SerializeToString())
        return str(path)

    return write
