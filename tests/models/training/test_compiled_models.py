"""Which models are restarted, and which are built anew."""

from __future__ import annotations

import models  # noqa: F401  (chooses Keras 2 before TensorFlow loads)

# isort: split
import pytest

from models.networks.architecture import Architecture
from models.networks.dsmtl_compact import DsmtlCompact
from models.networks.spec import NetworkSpec
from models.training.compiled_models import CompiledModels
from tests.benchmarks import made_up

TASKS = ("b", "a", "c")


class Compiled:
    """Stands for a compiled model; keeps what it is restarted with."""

    def __init__(self):
        self.weights = []

    def remember_start(self):
        pass

    def restart(self, weights, tasks, fairness, training):
        self.weights.append(weights)


@pytest.fixture
def settings():
    model = {"network": "dsmtl", "sharing": "al", "embedding_units": 2, "shared_units": (3,), "tower_units": (2,)}
    return made_up.settings(TASKS, model=model)


def compact(settings, *public):
    """A compact network of which the named tasks take both blocks from the public encoder."""
    choices = {task: ("public" if task in public else "private",) * 2 for task in TASKS}
    spec = NetworkSpec(settings.model, settings.features, {}, TASKS, seed=len(public))
    return DsmtlCompact(spec, Architecture(choices))


def test_networks_that_a_search_found_share_a_model_only_if_they_are_alike(settings):
    """Two that differ only in who shares have as many weights of the same shapes, so no error would tell."""
    found, compiled = [], CompiledModels()
    networks = [compact(settings, "b", "a"), compact(settings, "b", "c"), compact(settings, "b", "a")]
    shapes = [[weight.shape for weight in network.get_weights()] for network in networks]
    assert sorted(shapes[0]) == sorted(shapes[1])
    for network in networks:
        found.append(compiled.ready(settings, "compact", network, None, Compiled))
    assert found[0] is found[2] and found[0] is not found[1]
    assert len(found[0].weights) == 1 and not found[1].weights


def test_a_stage_has_a_model_of_its_own_and_the_oldest_goes(settings):
    compiled, network = CompiledModels(most=2), compact(settings, "b", "a")
    first, second, third = (compiled.ready(settings, stage, network, None, Compiled) for stage in "xyz")
    assert len({first, second, third}) == 3
    assert compiled.ready(settings, "z", network, None, Compiled) is third
    assert compiled.ready(settings, "x", network, None, Compiled) is not first
