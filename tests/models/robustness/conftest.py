import models  # noqa: F401  (chooses Keras 2 before TensorFlow loads)

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.config.networks import network_settings
from models.config.settings import FeatureSettings
from models.networks.registry import build_network

# Each way that a feature is corrupted and reconstructed, with names that a scope or a sort could trip over.
FEATURES = FeatureSettings.model_validate(
    {
        "inputs": [
            {"type": "numeric", "name": "watch time"},
            {"type": "categorical", "name": "zip/code"},
            {"type": "multi_categorical", "name": "tags"},
            {"type": "numeric", "name": "age"},
            {"type": "numeric", "name": "flag", "scale": "none"},
            {"type": "categorical", "name": "item", "hash_buckets": 40},
        ]
    }
)
VOCABULARY_SIZES = {"tags": 6, "zip/code": 5, "item": 40}


def make_batch(rows, seed=0):
    rng = np.random.default_rng(seed)
    # Two of three rows have tags, padded at the end.
    count = rng.integers(0, 4, rows) * (rng.random(rows) < 0.9)
    tags = np.where(np.arange(3) < count[:, np.newaxis], rng.integers(0, 6, (rows, 3)), -1)
    watch = rng.normal(size=rows)
    watch[::7] = 0.0
    watch[1::31] = 40.0
    return {
        "watch time": tf.constant(watch, tf.float32),
        "age": tf.constant(rng.normal(0, 1, rows), tf.float32),
        "flag": tf.constant(rng.integers(0, 2, rows), tf.float32),
        "zip/code": tf.constant(rng.integers(0, 4, rows), tf.int64),
        "tags": tf.constant(tags, tf.int64),
        "item": tf.constant(rng.integers(0, 40, rows), tf.int64),
        "not a feature": tf.constant(["x"] * rows),
    }


@pytest.fixture
def new_batch():
    return make_batch


@pytest.fixture
def features():
    return FEATURES


@pytest.fixture
def vocabulary_sizes():
    return dict(VOCABULARY_SIZES)


@pytest.fixture
def build():
    """Builds a network on the inputs above."""

    def build(name="shared_bottom", tasks=("zebra", "apple"), seed=7, **capacity):
        capacity = {"embedding_units": 4, "shared_units": (8,), "tower_units": (6,), **capacity}
        return build_network(network_settings(network=name, **capacity), FEATURES, VOCABULARY_SIZES, tasks, seed)

    return build


@pytest.fixture
def numeric_gradient():
    """Central differences of a float64 function of an array."""

    def differences(function, values, step=1e-6):
        values = np.asarray(values, np.float64)
        gradient = np.zeros_like(values)
        for index in np.ndindex(values.shape):
            up, down = values.copy(), values.copy()
            up[index] += step
            down[index] -= step
            gradient[index] = (function(up) - function(down)) / (2 * step)
        return gradient

    return differences
