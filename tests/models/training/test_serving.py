import functools
import json

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io, schema_utils

from models.config.settings import FeatureSettings
from models.data.preprocessing import PreprocessingSettings, preprocessing_fn, vocabulary_sizes
from models.metrics.task_scores import score_split
from models.networks.registry import build_network
from models.training.serving import TENSORS_FILE, save_model, tensor_names

RAW = ("age", "clicks", "device/type", "tags")


def example(row, keys=RAW):
    """A serialized tf.Example with the given columns of a raw row; absent where the row has no value."""
    features = {}
    for key in keys:
        values = row[key] if isinstance(row[key], list) else [row[key]]
        if not values:
            continue
        if isinstance(values[0], str):
            features[key] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[v.encode() for v in values]))
        elif isinstance(values[0], float):
            features[key] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            features[key] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def tensors(rows):
    width = max(len(row["tags"]) for row in rows)
    return {
        "age": tf.constant([row["age"][0] if row["age"] else float("nan") for row in rows], tf.float32),
        "clicks": tf.constant([row["clicks"][0] for row in rows], tf.float32),
        "device_type": tf.constant([row["device/type"][0] if row["device/type"] else "" for row in rows]),
        "tags": tf.constant([row["tags"] + [""] * (width - len(row["tags"])) for row in rows]),
    }


@pytest.fixture(scope="module", params=["shared_bottom", "mmoe", "single_task"])
def saved(request, data, make_settings, tmp_path_factory):
    settings = make_settings(model={"network": request.param})
    transform = tft.TFTransformOutput(data.transform_dir)
    sizes = vocabulary_sizes(transform, settings.features.inputs)
    network = build_network(settings.model, settings.features, sizes, ["like", "click", "buy"], 1)
    # Larger weights than the first ones, so that scores spread.
    network.set_weights([weights * 3 for weights in network.get_weights()])
    folder = str(tmp_path_factory.mktemp("saved") / "model")
    save_model(folder, network, transform, settings.features)
    return network, tf.saved_model.load(folder)


def test_both_signatures_and_memory_agree(saved, data):
    network, loaded = saved
    rows = data.raw_validation
    served = loaded.signatures["serving_default"](examples=tf.constant([example(row) for row in rows]))
    plain = loaded.signatures["serving_tensors"](**tensors(rows))
    assert set(served) == set(plain) == {"like", "click", "buy"}

    # Transform wrote row i to shard i mod 3; the files are read in order of their shards.
    order = [index for shard in range(3) for index in range(shard, len(rows), 3)]
    source = data.source("validation")
    memory = score_split(network, source, batch_size=64)
    for task in source.tasks:
        assert served[task].shape == (len(rows), 1)
        np.testing.assert_allclose(served[task], plain[task], atol=1e-6)
        scores = served[task].numpy()[:, 0]
        assert np.ptp(scores) > 0.2
        known = [index for index in order if rows[index][f"weight/{task}"]]
        assert sorted(memory[task].probabilities) == pytest.approx(sorted(scores[known]), abs=1e-5)


def test_labels_and_groups_in_the_examples_change_nothing(saved, data):
    _, loaded = saved
    rows = data.raw_validation[:20]
    bare = loaded.signatures["serving_default"](examples=tf.constant([example(row) for row in rows]))
    full = loaded.signatures["serving_default"](examples=tf.constant([example(row, row.keys()) for row in rows]))
    for task in bare:
        np.testing.assert_array_equal(bare[task], full[task])


def test_missing_values_and_unseen_categories_are_served(saved):
    _, loaded = saved
    empty = {key: [] for key in RAW}
    unseen = {"age": [30.0], "clicks": [50], "device/type": ["fridge"], "tags": ["nope", "t0,nope"]}
    scores = loaded.signatures["serving_default"](examples=tf.constant([example(empty), example(unseen)]))
    assert all(np.all((values >= 0) & (values <= 1)) for values in scores.values())
    padded = loaded.signatures["serving_tensors"](
        age=tf.constant([np.nan, 30.0], tf.float32),
        clicks=tf.constant([np.nan, 50.0], tf.float32),
        device_type=tf.constant(["", "fridge"]),
        tags=tf.constant([["", ""], ["nope", "t0,nope"]]),
    )
    for task, values in scores.items():
        np.testing.assert_allclose(values, padded[task], atol=1e-6)


def test_a_batch_of_no_rows_is_served(saved):
    _, loaded = saved
    scores = loaded.signatures["serving_default"](examples=tf.constant([], tf.string))
    assert all(values.shape == (0, 1) for values in scores.values())


def test_a_row_is_served_alike_alone_and_among_others(saved, data):
    _, loaded = saved
    serve = loaded.signatures["serving_default"]
    examples = [example(row) for row in data.raw_validation[:10]]
    together = serve(examples=tf.constant(examples))
    for index, one in enumerate(examples):
        alone = serve(examples=tf.constant([one]))
        for task in together:
            np.testing.assert_allclose(alone[task][0], together[task][index], atol=1e-6)


def named(*names):
    return FeatureSettings.model_validate({"inputs": [{"type": "numeric", "name": name} for name in names]})


def test_tensor_names_are_plain_where_they_can_be():
    names = {
        "age": "age",
        "device/type": "device_type",
        "2nd": "f_2nd",
        "marital-status": "marital_status",
        "_x": "f__x",
    }
    assert tensor_names(named(*names)) == names


@pytest.mark.parametrize(
    "names", [("年龄", "性别"), ("a/b", "a.b"), ("a/b", "a_b"), ("2nd", "f_2nd"), ("é", "e\u0301"), ("Age", "age")]
)
def test_features_that_would_share_a_tensor_have_one_each(names):
    tensors = tensor_names(named(*names))
    assert len(set(tensors.values())) == 2
    assert all(tensors[name] == name for name in names if name.isascii() and name.isidentifier())


def test_a_name_that_a_signature_has_for_itself_is_no_tensor_s():
    assert tensor_names(named("self"))["self"].startswith("self_")


class WeighedSum(tf.Module):
    """Stands for a network: the first feature weighs 1, the second 10."""

    variables = ()

    def __init__(self, names):
        super().__init__()
        self._names = names

    def call(self, features, training, seed):
        return {"task": tf.add_n([features[name] * 10**i for i, name in enumerate(self._names)])}


@pytest.mark.parametrize("names", [("年龄", "性别"), ("a/b", "a_b"), ("class", "self")])
def test_each_feature_reaches_the_model_by_its_own_tensor(names, tmp_path):
    spec = {name: tf.io.VarLenFeature(tf.float32) for name in names}
    inputs = [{"type": "numeric", "name": name, "scale": "none"} for name in names]
    features = FeatureSettings.model_validate({"inputs": inputs})
    settings = PreprocessingSettings(tasks=(), groups=(), features=features)
    function = functools.partial(preprocessing_fn, custom_config={"settings": settings.model_dump_json()})
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    with tft_beam.Context(temp_dir=str(tmp_path / "temp")):
        _, transform = ([{name: [1.0] for name in names}], metadata) | tft_beam.AnalyzeAndTransformDataset(function)
        transform | tft_beam.WriteTransformFn(str(tmp_path / "transform"))
    metadata_io.write_metadata(metadata, str(tmp_path / "transform" / "metadata"))
    folder = str(tmp_path / "model")
    save_model(folder, WeighedSum(names), tft.TFTransformOutput(str(tmp_path / "transform")), features)

    tensors = json.loads((tmp_path / "model" / TENSORS_FILE).read_text(encoding="utf-8"))
    assert sorted(tensors.values()) == sorted(names)
    values = {name: 0.1 + i for i, name in enumerate(names)}
    serve = tf.saved_model.load(folder).signatures["serving_tensors"]
    score = serve(**{tensor: tf.constant([values[name]]) for tensor, name in tensors.items()})["task"]
    assert score.numpy().ravel() == pytest.approx(1 / (1 + np.exp(-(0.1 + 11.0))), abs=1e-6)
