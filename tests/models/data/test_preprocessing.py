import functools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from models.data.preprocessing import (
    MISSING_CATEGORY,
    PreprocessingSettings,
    feature_vocabulary,
    group_values,
    preprocessing_fn,
    vocabulary_sizes,
)
from models.formats.features import group_vocabulary

SETTINGS = PreprocessingSettings.model_validate(
    {
        "tasks": ["view"],
        "groups": ["gender"],
        "features": {
            "inputs": [
                {"type": "numeric", "name": "age"},
                {"type": "numeric", "name": "income", "scale": "log1p_standardize"},
                {"type": "numeric", "name": "share", "scale": "none"},
                {"type": "numeric", "name": "constant"},
                {"type": "numeric", "name": "never"},
                {"type": "categorical", "name": "city", "vocabulary": 2, "oov_buckets": 3},
                {"type": "categorical", "name": "dense", "vocabulary": 5},
                {"type": "multi_categorical", "name": "genres", "separator": "|"},
                {"type": "multi_categorical", "name": "list", "separator": ""},
            ]
        },
    }
)


def row(age, income, share, city, genres, gender, label=0, weight=1.0, negative=1):
    return {
        "age": age,
        "income": income,
        "share": share,
        "constant": [4.0],
        "never": [],
        "city": city,
        "dense": "x",
        "genres": genres,
        "list": [f"{part}," for part in genres],
        "group/gender": gender,
        "label/view": label,
        "weight/view": weight,
        "negative/view": negative,
    }


TRAIN = [
    row([20.0], [0], [0.5], ["rome"], ["a|b", "c"], "f", label=1, negative=0),
    row([30.0], [9], [-0.5], ["rome"], ["a"], "f", negative=2),
    row([], [99], [], [], ["a | b"], "m", weight=0.0, negative=0),
    row([40.0], [], [1.0], [], [], "unknown", negative=3),
    row([float("nan")], [999], [0.0], ["oslo"], [" ", "|"], "m"),
    row([float("inf")], [5], [0.0], ["  "], ["b"], "f"),
]
LATER = [
    row([50.0], [9], [2.0], ["bern"], ["z"], "x"),
    row([], [], [], ["rome"], ["c|a"], "m"),
]


@pytest.fixture(scope="module", params=["variable", "fixed"])
def transformed(request, tmp_path_factory):
    """Rows after Transform, where what is always there has a variable or a fixed length in the schema."""
    fixed = tf.io.FixedLenFeature if request.param == "fixed" else lambda _, dtype: tf.io.VarLenFeature(dtype)
    spec = {
        **{name: tf.io.VarLenFeature(tf.float32) for name in ("age", "share", "never")},
        "income": tf.io.VarLenFeature(tf.int64),
        "constant": fixed([1], tf.float32),
        **{name: tf.io.VarLenFeature(tf.string) for name in ("city", "genres", "list")},
        "dense": fixed([], tf.string),
        "group/gender": fixed([], tf.string),
        "label/view": fixed([], tf.int64),
        "weight/view": fixed([], tf.float32),
        "negative/view": fixed([], tf.int64),
    }

    def shaped(rows):
        if request.param == "fixed":
            return rows
        return [{key: value if isinstance(value, list) else [value] for key, value in one.items()} for one in rows]

    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))
    function = functools.partial(preprocessing_fn, custom_config={"settings": SETTINGS.model_dump_json(), "code": "1"})
    folder = tmp_path_factory.mktemp("transform")
    with tft_beam.Context(temp_dir=str(folder / "temp")):
        (train, _), transform = (shaped(TRAIN), metadata) | tft_beam.AnalyzeAndTransformDataset(function)
        later, _ = ((shaped(LATER), metadata), transform) | tft_beam.TransformDataset()
        transform | tft_beam.WriteTransformFn(str(folder / "out"))
    return train, later, tft.TFTransformOutput(str(folder / "out"))


def column(rows, name):
    return np.array([row[name] for row in rows])


def test_numbers_are_standardised_and_what_is_missing_is_the_mean(transformed):
    train, later, _ = transformed
    ages = np.array([20.0, 30.0, 40.0])
    expected = (ages - ages.mean()) / ages.std()
    np.testing.assert_allclose(column(train, "age"), [expected[0], expected[1], 0, expected[2], 0, 0], atol=1e-5)
    # Mean and variance are train's.
    np.testing.assert_allclose(column(later, "age"), [(50 - ages.mean()) / ages.std(), 0], atol=1e-5)


def test_log1p_and_no_scale(transformed):
    train, later, _ = transformed
    logs = np.log1p([0, 9, 99, 999, 5])
    expected = (logs - logs.mean()) / logs.std()
    np.testing.assert_allclose(column(train, "income"), [*expected[:3], 0, *expected[3:]], atol=1e-5)
    np.testing.assert_allclose(column(train, "share"), [0.5, -0.5, 0, 1, 0, 0])
    np.testing.assert_allclose(column(later, "share"), [2, 0])


def test_columns_without_spread_or_without_values_are_zero(transformed):
    train, later, _ = transformed
    for name in ("constant", "never"):
        assert not np.any(column(train, name)) and not np.any(column(later, name))


def test_categories_get_an_id_by_frequency_and_others_a_bucket(transformed):
    train, later, output = transformed
    # Two rows from Rome and two without a city; Oslo and white space do not fit the two places. Equals fall.
    assert output.vocabulary_by_name(feature_vocabulary("city")) == [b"rome", MISSING_CATEGORY.encode()]
    ids = column(train, "city").tolist()
    assert ids[:4] == [0, 0, 1, 1] and all(2 <= number < 5 for number in ids[4:])
    assert 2 <= later[0]["city"] < 5 and later[1]["city"] == 0
    assert vocabulary_sizes(output, SETTINGS.features.inputs) == {"city": 5, "dense": 2, "genres": 4, "list": 7 + 1}


def test_multi_categories_are_split_and_stripped(transformed):
    train, later, output = transformed
    a, b, c = (output.vocabulary_by_name(feature_vocabulary("genres")).index(token) for token in (b"a", b"b", b"c"))
    assert [one["genres"].tolist() for one in train] == [[a, b, c], [a], [a, b], [], [], [b]]
    assert [one["genres"].tolist() for one in later] == [[3], [c, a]]


def test_without_separator_values_stay_whole(transformed):
    train, _, output = transformed
    assert output.vocabulary_by_name(feature_vocabulary("list"))[0] in (b"a,", b"a|b,", b"b,", b"c,", b",", b"|,")
    assert [len(one["list"]) for one in train] == [2, 1, 1, 0, 2, 1]


def test_groups_are_ids_and_unknown_is_none(transformed):
    train, later, output = transformed
    assert group_values(output, "gender") == ["f", "m"]
    assert column(train, "group/gender").tolist() == [0, 0, 1, -1, 1, 0]
    # "x" is not among train's values.
    assert column(later, "group/gender").tolist() == [-1, 1]


def test_labels_weights_and_kinds_pass_through(transformed):
    train, _, output = transformed
    assert column(train, "label/view").tolist() == [1, 0, 0, 0, 0, 0]
    assert column(train, "weight/view").tolist() == [1, 1, 0, 1, 1, 1]
    assert column(train, "negative/view").tolist() == [0, 2, 0, 3, 1, 1]
    spec = output.transformed_feature_spec()
    assert spec["label/view"].dtype == spec["negative/view"].dtype == spec["group/gender"].dtype == tf.int64
    assert spec["weight/view"].dtype == spec["age"].dtype == tf.float32
    for name in ("age", "city", "label/view", "group/gender"):
        assert isinstance(spec[name], tf.io.FixedLenFeature) and spec[name].shape == []


def test_features_need_no_label(transformed):
    _, _, output = transformed
    layer = output.transform_features_layer()
    sparse = tf.sparse.from_dense([["rome"]])
    assert set(layer({"city": sparse})) == {"city"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "column `age` is missing from the examples. Received: \\[\\]"),
        ({"age": tf.constant(["x"])}, "column `age` should hold numbers. Received: string"),
    ],
)
def test_wrong_columns_are_named(inputs, message):
    with pytest.raises(ValueError, match=message):
        preprocessing_fn(inputs, {"settings": SETTINGS.model_dump_json()})


def test_a_category_that_is_a_number_is_named():
    features = {"inputs": [{"type": "categorical", "name": "zip"}]}
    settings = PreprocessingSettings.model_validate({"tasks": ["view"], "groups": [], "features": features})
    with pytest.raises(ValueError, match="column `zip` should hold strings. Received: int64"):
        preprocessing_fn({"zip": tf.constant([1], tf.int64)}, {"settings": settings.model_dump_json()})


def test_vocabulary_names_of_different_features_and_groups_differ():
    names = ["a/b", "a_b", "a.b", "a b", "ab", "Ab", "é", "e\u0301", "e", "年龄", "性别"]
    for vocabulary in (feature_vocabulary, group_vocabulary):
        # On a file system that tells no capitals apart.
        assert len({vocabulary(name).lower() for name in names}) == len(names)
    assert feature_vocabulary("city") == "feature_city" and group_vocabulary("age_band") == "group_age_band"


def test_transform_does_not_depend_on_the_model(make_settings):
    base = PreprocessingSettings.of(make_settings())
    features = make_settings().features.model_dump(mode="json")
    features["inputs"][2]["embedding"] = 7
    features["crosses"] = [["age", "tags"]]
    assert PreprocessingSettings.of(make_settings(features=features, model={"network": "mmoe"})) == base
    features["inputs"][2]["vocabulary"] = 9
    assert PreprocessingSettings.of(make_settings(features=features)) != base
