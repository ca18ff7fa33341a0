import models  # noqa: F401  (chooses Keras 2 before TensorFlow loads)

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.networks.registry import build_network
from models.settings import FeatureSettings, ModelSettings

# Names that a scope, a sort or a file name could trip over.
FEATURES = FeatureSettings.model_validate(
    {
        "inputs": [
            {"type": "numeric", "name": "watch time"},
            {"type": "categorical", "name": "zip/code"},
            {"type": "multi_categorical", "name": "tags", "embedding": 3},
            {"type": "numeric", "name": "age"},
        ],
        "crosses": [["age", "zip/code"]],
    }
)
VOCABULARY_SIZES = {"tags": 6, "zip/code": 5}


def make_batch(rows, seed=0):
    rng = np.random.default_rng(seed)
    tags = rng.integers(-1, 6, (rows, 3))
    return {
        "watch time": tf.constant(rng.normal(size=rows), tf.float32),
        "age": tf.constant(rng.normal(size=rows), tf.float32),
        "zip/code": tf.constant(rng.integers(0, 5, rows), tf.int64),
        "tags": tf.constant(tags, tf.int64),
        "not a feature": tf.constant(["x"] * rows),
    }


@pytest.fixture
def batch():
    return make_batch(64)


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

    def build(name, tasks=("zebra", "long/view", "apple"), seed=7, **capacity):
        capacity = {"embedding_units": 4, "shared_units": (8,), "tower_units": (6,), "cross_layers": 1, **capacity}
        return build_network(ModelSettings(network=name, **capacity), FEATURES, VOCABULARY_SIZES, tasks, seed)

    return build
