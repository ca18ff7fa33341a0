"""One suite over every registered network: what training, routing and serving rely on."""

import models  # noqa: F401

# isort: split
import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from models.config.networks import NetworkSettings, network_settings
from models.networks.mmoe import MMoE
from models.networks.registry import NETWORKS, build_network, register_network

TASKS = {1: ("solo",), 2: ("zebra", "apple"), 5: ("zebra", "long/view", "apple", "Like it", "middle")}

ALL_NETWORKS = sorted([*NETWORKS, "dsmtl_search", "dsmtl_compact"])
every_network = pytest.mark.parametrize("name", ALL_NETWORKS)
every_task_count = pytest.mark.parametrize("count", sorted(TASKS))
sharing_network = pytest.mark.parametrize("name", [name for name in ALL_NETWORKS if name != "single_task"])


def weights_of(network):
    """Values that are drawn, or start at zero; stitches start at a fixed matrix."""
    return [variable.numpy() for variable in network.trainable_variables if "stitch" not in variable.name]


def model_inputs(batch):
    return {name: value for name, value in batch.items() if name != "not a feature"}


@every_network
@every_task_count
def test_one_float32_logit_a_row_and_task_in_declared_order(name, count, build, batch):
    logits = build(name, TASKS[count])(batch)
    assert list(logits) == list(TASKS[count])
    for value in logits.values():
        assert value.dtype == tf.float32 and value.shape == (64,)
        assert np.ptp(value.numpy()) > 0


@every_network
@every_task_count
def test_variables_are_partitioned_into_shared_and_task_variables(name, count, build):
    network = build(name, TASKS[count])
    assert list(network.task_variables) == list(TASKS[count])
    parts = [network.shared_variables, *network.task_variables.values()]
    references = [variable.ref() for part in parts for variable in part]
    assert len(references) == len(set(references))
    assert set(references) == {variable.ref() for variable in network.trainable_variables}
    assert all(network.task_variables.values())
    nothing_to_share = name == "single_task" or (name == "dsmtl_compact" and count == 1)
    assert bool(network.shared_variables) != nothing_to_share
    # A head with running statistics would couple the rows of a batch.
    assert [variable.name for variable in network.non_trainable_variables] == ["closed:0"] * (name == "dsmtl")


@every_network
@every_task_count
def test_a_tasks_logit_depends_on_shared_and_its_own_variables_only(name, count, build, batch):
    network = build(name, TASKS[count])
    with tf.GradientTape(persistent=True) as tape:
        logits = {task: tf.reduce_sum(value) for task, value in network(batch).items()}
    variables = {"shared": network.shared_variables, **network.task_variables}
    reached = []
    for task, total in logits.items():
        gradients = tf.nest.map_structure(lambda gradient: gradient is not None, tape.gradient(total, variables))
        for owner in network.tasks:
            assert set(gradients[owner]) == {owner == task}
        reached.append(gradients["shared"])
    reached = np.array(reached)
    if name == "dsmtl_compact":
        assert (reached.sum(axis=0) >= 2).all(), "what one task alone uses is that task's"
    else:
        assert reached.all()


@every_network
def test_call_is_heads_of_trunk(name, build, batch):
    network = build(name)
    whole, parts = network(batch), network.heads(network.trunk(batch))
    for task in network.tasks:
        np.testing.assert_array_equal(whole[task], parts[task])


@every_network
def test_each_row_stands_alone(name, build, batch):
    network = build(name)
    order = np.random.default_rng(1).permutation(64)[:10]
    some = network({key: tf.gather(value, order) for key, value in batch.items()})
    for task, value in network(batch).items():
        np.testing.assert_allclose(some[task], value.numpy()[order], rtol=1e-5, atol=1e-6)


@every_network
def test_works_inside_a_compiled_function_and_on_no_rows(name, build, batch, new_batch):
    network = build(name)
    compiled = tf.function(lambda features: network(features), autograph=False)(batch)
    for task, value in network(batch).items():
        np.testing.assert_allclose(compiled[task], value, rtol=1e-5, atol=1e-6)
    assert all(value.shape == (0,) for value in network(new_batch(0)).values())


@every_network
def test_equal_seeds_give_equal_weights_and_others_give_others(name, build):
    tf.random.set_seed(1)
    first = weights_of(build(name, seed=3))
    tf.random.set_seed(2)
    again = weights_of(build(name, seed=3))
    other = weights_of(build(name, seed=4))
    for left, right in zip(first, again, strict=True):
        np.testing.assert_array_equal(left, right)
    for left, right in zip(first, other, strict=True):
        assert not left.any() or not np.array_equal(left, right), "only biases start at a value, zero"


@every_network
def test_no_two_layers_start_alike(name, build):
    weights = [value for value in weights_of(build(name)) if value.any()]
    for index, left in enumerate(weights):
        for right in weights[:index]:
            assert left.shape != right.shape or not np.allclose(left, right)


@every_network
def test_dropout_follows_the_seed(name, build, batch):
    network = build(name, dropout=0.5)
    plain = network(batch)
    shared = network.trunk(batch, training=True, seed=tf.constant([1, 2]))
    once = network.heads(shared, training=True, seed=tf.constant([1, 2]))
    again = network.heads(shared, training=True, seed=tf.constant([1, 2]))
    other = network.heads(shared, training=True, seed=tf.constant([1, 3]))
    for task in network.tasks:
        np.testing.assert_array_equal(once[task], again[task])
        assert not np.allclose(once[task], other[task])
        assert not np.allclose(once[task], plain[task])
    for quiet in (network(batch, training=True), network(batch, training=False, seed=tf.constant([1, 2]))):
        for task in network.tasks:
            np.testing.assert_array_equal(quiet[task], plain[task])


@every_network
def test_saved_model_answers_as_the_network_does(name, build, batch, new_batch, tmp_path):
    network = build(name)

    inputs = model_inputs(batch)
    specs = {
        key: tf.TensorSpec([None] * value.shape.rank, value.dtype, name=f"input_{index}")
        for index, (key, value) in enumerate(inputs.items())
    }
    exported = tf.Module()
    exported.model_variables = network.variables
    exported.serve = tf.function(lambda features: network(features), input_signature=[specs], autograph=False)
    tf.saved_model.save(exported, str(tmp_path), signatures=exported.serve.get_concrete_function())
    loaded = tf.saved_model.load(str(tmp_path))
    served = loaded.serve(model_inputs(new_batch(9, seed=5)))
    expected = network(new_batch(9, seed=5))
    assert set(served) == set(network.tasks)
    for task in network.tasks:
        np.testing.assert_allclose(served[task], expected[task], rtol=1e-6, atol=1e-6)


@every_network
def test_checkpoint_restores_into_a_network_with_other_weights(name, build, batch, tmp_path):
    network, other = build(name, seed=1), build(name, seed=2)
    path = tf.train.Checkpoint(network=network).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(network=other).read(path).assert_consumed()
    for task, value in network(batch).items():
        np.testing.assert_array_equal(other(batch)[task], value)


@every_network
def test_config_rebuilds_the_network(name, build, batch):
    network = build(name)
    rebuilt = type(network).from_config(json.loads(json.dumps(network.get_config())))
    for task, value in network(batch).items():
        np.testing.assert_array_equal(rebuilt(batch)[task], value)


@every_network
def test_bfloat16_keeps_variables_and_logits_in_float32(name, build, batch):
    exact = build(name)(batch)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        network = build(name)
        with tf.GradientTape() as tape:
            logits = network(batch, training=True, seed=tf.constant([1, 2]))
            loss = tf.add_n([tf.reduce_mean(tf.square(value)) for value in logits.values()])
        gradients = tape.gradient(loss, network.trainable_variables)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert all(variable.dtype == tf.float32 for variable in network.trainable_variables)
    for task, value in logits.items():
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value, exact[task], atol=0.05)
    assert all(np.isfinite(tf.convert_to_tensor(gradient)).all() for gradient in gradients)


@every_network
def test_learns_a_plain_signal(name, build, new_batch):
    network = build(name, ("clicks", "all"))
    features = new_batch(512)
    labels = {"clicks": tf.cast(features["zip/code"] > 2, tf.float32), "all": tf.cast(features["age"] > 0, tf.float32)}

    @tf.function(autograph=False)
    def step(rate):
        with tf.GradientTape() as tape:
            logits = network(features)
            losses = [tf.nn.sigmoid_cross_entropy_with_logits(labels[task], logits[task]) for task in network.tasks]
            loss = tf.reduce_mean(losses)
        for variable, gradient in zip(
            network.trainable_variables, tape.gradient(loss, network.trainable_variables), strict=True
        ):
            variable.assign_sub(rate * tf.sign(tf.convert_to_tensor(gradient)))
        return loss

    for index in range(100):
        loss = step(tf.constant(0.03 * 0.97**index))
    assert loss.numpy() < 0.1


@sharing_network
def test_empty_stacks_leave_the_encoder_and_a_logit(name, build, batch):
    network = build(name, shared_units=(), tower_units=())
    assert network.shared_variables
    assert all(np.isfinite(value).all() for value in network(batch).values())


def test_unknown_name_lists_the_names(features, vocabulary_sizes):
    settings = NetworkSettings.model_construct(network="tree")
    with pytest.raises(
        ValueError, match=r"`network` should be one of \['cgc', 'cross_stitch', 'dsmtl', 'mmoe', .*\].*'tree'"
    ):
        build_network(settings, features, vocabulary_sizes, ["a"], 1)


@pytest.mark.parametrize("tasks", [[], ["a", "a"]])
def test_tasks_must_be_different_names(tasks, features, vocabulary_sizes):
    with pytest.raises(ValueError, match="`tasks` should be one or more different names"):
        build_network(network_settings(), features, vocabulary_sizes, tasks, 1)


def test_a_name_is_registered_once():
    register_network("mmoe", MMoE)
    with pytest.raises(ValueError, match="`single_task` is already registered, as SingleTask"):
        register_network("single_task", MMoE)
