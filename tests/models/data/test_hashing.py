"""Features whose ids are hashes: no vocabulary, the same ids in training and serving, tables of a stated size."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from pydantic import ValidationError

from models.config.settings import CategoricalFeature, FeatureSettings, MultiCategoricalFeature
from models.data.preprocessing import PreprocessingSettings, feature_vocabulary, vocabulary_sizes
from models.training.job import TrainingJob
from models.training.run import run_job

BUCKETS = 64
HASHED = {
    "inputs": [
        {"type": "numeric", "name": "age"},
        {"type": "categorical", "name": "device/type", "hash_buckets": BUCKETS},
        {"type": "multi_categorical", "name": "tags", "hash_buckets": 2 * BUCKETS, "embedding": 2},
    ]
}


@pytest.fixture(scope="module")
def hashed(make_data):
    """The small log through Transform with hashed features."""
    return make_data(features=HASHED)


@pytest.mark.parametrize("kind", [CategoricalFeature, MultiCategoricalFeature])
@pytest.mark.parametrize("other", [{"vocabulary": 1000}, {"oov_buckets": 1}, {"vocabulary": 5, "oov_buckets": 2}])
def test_a_vocabulary_beside_a_hash_is_refused(kind, other):
    """Even where the value is the default's: what is written would not be done."""
    name = kind.model_fields["type"].annotation.__args__[0]
    with pytest.raises(ValidationError, match="`hash_buckets` gives ids without a vocabulary; remove") as error:
        kind(type=name, name="item", hash_buckets=100, **other)
    for key in other:
        assert f"`{key}`" in str(error.value)


def test_a_table_of_one_row_is_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        CategoricalFeature(type="categorical", name="item", hash_buckets=1)


@pytest.mark.parametrize("given", [{"hash_buckets": 100}, {"vocabulary": 7}, {}, {"embedding": 3, "hash_buckets": 9}])
@pytest.mark.parametrize("kind", [CategoricalFeature, MultiCategoricalFeature])
def test_what_is_written_as_json_is_read_again(kind, given):
    feature = kind(type=kind.model_fields["type"].annotation.__args__[0], name="item", **given)
    again = kind.model_validate_json(feature.model_dump_json())
    assert again == feature
    assert kind.model_validate(feature.model_copy(update={"embedding": None}).model_dump()).embedding is None
    written = set(feature.model_dump())
    assert ("vocabulary" in written) == ("hash_buckets" not in given) == ("oov_buckets" in written)
    assert ("hash_buckets" in written) == ("hash_buckets" in given)


def test_transforms_settings_leave_out_what_transform_does_not_read(make_settings):
    narrow, wide = (
        PreprocessingSettings.of(make_settings(features=_with_embedding(width))).model_dump_json() for width in (2, 64)
    )
    assert narrow == wide and f'"hash_buckets":{BUCKETS}' in narrow
    assert PreprocessingSettings.model_validate_json(narrow).model_dump_json() == narrow


def _with_embedding(width):
    inputs = [{**one, "embedding": width} if one["type"] != "numeric" else one for one in HASHED["inputs"]]
    return {"inputs": inputs}


def test_there_is_no_vocabulary_and_sizes_are_the_buckets(hashed):
    output = tft.TFTransformOutput(hashed.transform_dir)
    for name in ("device/type", "tags"):
        assert output.vocabulary_file_by_name(feature_vocabulary(name)) is None
    inputs = FeatureSettings.model_validate(HASHED).inputs
    assert vocabulary_sizes(output, inputs) == {"device/type": BUCKETS, "tags": 2 * BUCKETS}


def test_ids_are_tensorflows_fingerprints(hashed):
    """An oracle of its own: the hash that TensorFlow documents as stable, on what the raw rows hold."""
    source = dataclasses.replace(hashed.source("validation"), features=FeatureSettings.model_validate(HASHED))
    spec = {
        "device/type": source.feature_spec["device/type"],
        "tags": source.feature_spec["tags"],
    }
    found = {"device/type": [], "tags": []}
    for record in tf.data.TFRecordDataset(source.files(), "GZIP"):
        parsed = tf.io.parse_single_example(record, spec)
        found["device/type"].append(int(parsed["device/type"]))
        found["tags"].append(parsed["tags"].values.numpy().tolist())
    rows = [row for shard in range(3) for row in hashed.raw_validation[shard::3]]
    for row, device, tags in zip(rows, found["device/type"], found["tags"], strict=True):
        value = (row["device/type"] or ["__missing__"])[0]
        assert device == int(tf.strings.to_hash_bucket_fast(value, BUCKETS))
        parts = [part for cell in row["tags"] for part in cell.split(",")]
        assert tags == tf.strings.to_hash_bucket_fast(parts, 2 * BUCKETS).numpy().tolist() if parts else tags == []


def test_trains_and_serves_unseen_values(hashed, make_settings, tmp_path):
    """A value that train has not: with a hash it is an id like any other, and the model answers."""
    settings = make_settings(features=HASHED, training={"epochs": 1, "optimizer": "lazy_adam"})
    job = TrainingJob(
        settings=settings,
        code="1",
        train_files=hashed.patterns("train"),
        validation_files=hashed.patterns("validation"),
        transform_dir=hashed.transform_dir,
        model_dir=str(tmp_path / "model"),
        log_dir=str(tmp_path / "log"),
    )
    run_job(job, report=lambda line: None)
    serve = tf.saved_model.load(str(tmp_path / "model")).signatures["serving_tensors"]
    devices = ["phone", "never seen", "", "never seen"]
    scores = serve(
        age=tf.constant([30.0] * 4),
        device_type=tf.constant(devices),
        tags=tf.constant([["t0"], ["brand new"], [""], ["brand new"]]),
    )
    for task in ("like", "click", "buy"):
        values = scores[task].numpy().ravel()
        assert np.isfinite(values).all() and values[1] == values[3]
        assert ((values > 0) & (values < 1)).all()
