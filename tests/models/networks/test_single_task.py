import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.config.networks import network_settings
from models.networks.registry import build_network


def size(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


def test_each_task_gets_what_a_shared_bottom_gives_one_task(build):
    single = build("single_task", ("z", "a", "m"))
    alone = build("shared_bottom", ("z",))
    for variables in single.task_variables.values():
        assert size(variables) == size(alone.trainable_variables)


def test_trunk_is_the_inputs_and_nothing_else(build, batch):
    shared = build("single_task").trunk(batch)
    assert set(shared) == {"watch time", "zip/code", "tags", "age"}
    for name, value in shared.items():
        np.testing.assert_array_equal(value, batch[name])


def test_a_step_on_one_task_leaves_the_others_alone(build, batch):
    network = build("single_task", ("z", "a"))
    before = network(batch)
    for variable in network.task_variables["z"]:
        variable.assign_add(tf.ones_like(variable))
    after = network(batch)
    np.testing.assert_array_equal(before["a"], after["a"])
    assert not np.allclose(before["z"], after["z"])


def test_batch_must_hold_every_input(build, batch):
    with pytest.raises(KeyError, match="age"):
        build("single_task")({name: value for name, value in batch.items() if name != "age"})


def test_baseline_does_not_depend_on_what_candidates_are_built_beside_it(build, batch, features, vocabulary_sizes):
    alone = build("single_task")(batch)
    build("mmoe")
    build_network(network_settings(), features, vocabulary_sizes, ["other"], 3)
    for task, value in build("single_task")(batch).items():
        np.testing.assert_array_equal(value, alone[task])
