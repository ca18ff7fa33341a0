import models  # noqa: F401  (chooses Keras 2 before TensorFlow loads)

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.config.networks import NETWORK_SETTINGS, network_settings
from models.config.settings import FeatureSettings
from models.networks.architecture import Architecture
from models.networks.base import NetworkSpec
from models.networks.dsmtl_compact import DsmtlCompact
from models.networks.dsmtl_search import DsmtlSearch
from models.networks.registry import build_network

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


TASKS = ("zebra", "long/view", "apple")


def make_spec(name, tasks=TASKS, seed=7, **capacity):
    # Tests of every network hand on what some of them take.
    capacity = {key: value for key, value in capacity.items() if key in NETWORK_SETTINGS[name].model_fields}
    capacity = {"embedding_units": 4, "shared_units": (8,), "tower_units": (6,), "cross_layers": 1, **capacity}
    return NetworkSpec(network_settings(network=name, **capacity), FEATURES, VOCABULARY_SIZES, tuple(tasks), seed)


def architecture_of(spec, *depths):
    """The tasks in turn take so many blocks from the public encoder."""
    blocks = 1 + len(spec.settings.shared_units)
    taken = [depths[index % len(depths)] for index in range(len(spec.tasks))]
    choices = [("public",) * depth + ("private",) * (blocks - depth) for depth in taken]
    return Architecture(dict(zip(spec.tasks, choices, strict=True)))


@pytest.fixture
def spec():
    """The spec of a network on the inputs above."""
    return make_spec


@pytest.fixture
def architecture():
    return architecture_of


@pytest.fixture
def build():
    """Builds a network on the inputs above; those of architecture learning have no name in the settings."""

    def build(name, tasks=TASKS, seed=7, **capacity):
        if name == "dsmtl_search":
            return DsmtlSearch(make_spec("dsmtl", tasks, seed, **capacity), name=name)
        if name == "dsmtl_compact":
            spec = make_spec("dsmtl", tasks, seed, **capacity)
            blocks = 1 + len(spec.settings.shared_units)
            return DsmtlCompact(spec, architecture_of(spec, blocks, max(blocks - 1, 1), 0), name=name)
        spec = make_spec(name, tasks, seed, **capacity)
        return build_network(spec.settings, spec.features, spec.vocabulary_sizes, spec.tasks, seed)

    return build


class NumpyLayers:
    """Takes the variables of a part of a network one after the other, and applies them with NumPy in double precision."""

    def __init__(self, variables):
        self._values = iter([variable.numpy().astype(np.float64) for variable in variables])

    def relu(self, inputs):
        return np.maximum(self.linear(inputs), 0)

    def linear(self, inputs):
        return inputs @ next(self._values) + next(self._values)

    def raw(self):
        return next(self._values)

    def tower(self, inputs):
        return self.linear(self.relu(inputs))[:, 0]


@pytest.fixture
def numpy_layers():
    return NumpyLayers
