import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.config.networks import network_settings
from models.config.settings import FeatureSettings
from models.networks.encoder import FeatureEncoder


def settings_of(*inputs, crosses=()):
    return FeatureSettings.model_validate({"inputs": inputs, "crosses": crosses})


AGE = {"type": "numeric", "name": "age"}
CITY = {"type": "categorical", "name": "city"}
TAGS = {"type": "multi_categorical", "name": "tags", "embedding": 2}
SIZES = {"city": 4, "tags": 3}
BATCH = {
    "age": tf.constant([0.5, -1.0, 2.0]),
    "city": tf.constant([3, 0, 3], tf.int64),
    "tags": tf.constant([[0, 2, -1], [-1, -1, -1], [1, 1, 2]], tf.int64),
}


def encoder_of(*inputs, crosses=(), seed=1, **capacity):
    capacity = {"embedding_units": 5, **capacity}
    return FeatureEncoder(settings_of(*inputs, crosses=crosses), network_settings(**capacity), SIZES, seed)


def weights_by_name(encoder):
    return {variable.name.split("encoder/")[-1]: variable.numpy() for variable in encoder.trainable_variables}


def test_output_is_numbers_and_embeddings_in_declared_order():
    encoder = encoder_of(CITY, AGE, TAGS)
    output = encoder(BATCH).numpy()
    weights = weights_by_name(encoder)
    city, tags = weights["embedding_city/embeddings:0"], weights["embedding_tags/embeddings:0"]
    assert output.shape == (3, 5 + 1 + 2) and output.dtype == np.float32
    np.testing.assert_array_equal(output[:, :5], city[[3, 0, 3]])
    np.testing.assert_array_equal(output[:, 5], [0.5, -1.0, 2.0])
    means = [(tags[0] + tags[2]) / 2, [0, 0], (2 * tags[1] + tags[2]) / 3]
    np.testing.assert_allclose(output[:, 6:], means, rtol=1e-6)


def test_tables_have_one_row_an_id():
    shapes = {name: value.shape for name, value in weights_by_name(built(encoder_of(CITY, TAGS))).items()}
    assert shapes == {"embedding_city/embeddings:0": (4, 5), "embedding_tags/embeddings:0": (3, 2)}


def built(encoder):
    encoder(BATCH)
    return encoder


def test_cross_appends_the_dcn_formula_over_its_features():
    encoder = encoder_of(CITY, AGE, TAGS, crosses=[["age", "city"]])
    output = encoder(BATCH).numpy()
    weights = weights_by_name(encoder)
    kernel = next(value for name, value in weights.items() if name.startswith("cross_0") and "kernel" in name)
    plain = np.concatenate([output[:, 5:6], output[:, :5]], axis=1)
    np.testing.assert_allclose(output[:, 8:], plain * (plain @ kernel) + plain, rtol=1e-5, atol=1e-6)


def test_deep_crosses_run_over_everything():
    plain = encoder_of(CITY, AGE)(BATCH).numpy().astype(np.float64)
    encoder = encoder_of(CITY, AGE, cross_layers=2)
    output = encoder(BATCH).numpy()
    kernels = [value for name, value in weights_by_name(encoder).items() if "kernel" in name]
    assert len(kernels) == 2
    expected = plain
    for kernel in kernels:
        expected = plain * (expected @ kernel) + expected
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)


def test_padding_gets_no_gradient():
    encoder = encoder_of(TAGS)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(encoder(BATCH))
    (gradient,) = tape.gradient(total, encoder.trainable_variables)
    expected = np.array([[0.5], [2 / 3], [0.5 + 1 / 3]]) * np.ones((1, 2))
    np.testing.assert_allclose(tf.convert_to_tensor(gradient), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["city", "tags"])
@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU gathers zeros instead")
def test_an_id_outside_the_table_raises(name):
    bad = {**BATCH, name: BATCH[name] + 3}
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
        encoder_of(CITY, TAGS)(bad)


def test_a_missing_feature_is_named():
    with pytest.raises(KeyError, match="feature `age` is missing"):
        encoder_of(CITY, AGE)({"city": BATCH["city"]})


@pytest.mark.parametrize(
    "sizes, message", [({"tags": 3}, "Missing: `city`"), ({"city": 0}, "`city` should be at least 1")]
)
def test_vocabulary_sizes_are_checked(sizes, message):
    with pytest.raises(ValueError, match=message):
        FeatureEncoder(settings_of(CITY), network_settings(), sizes, 1)


def test_config_rebuilds_the_encoder():
    encoder = encoder_of(CITY, AGE, TAGS, crosses=[["age", "tags"]], cross_layers=1, seed=9)
    rebuilt = FeatureEncoder.from_config(encoder.get_config())
    np.testing.assert_array_equal(rebuilt(BATCH), encoder(BATCH))
