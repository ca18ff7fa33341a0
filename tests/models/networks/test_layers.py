import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.networks.layers import DenseStack, derived_seed, layer_name


def test_derived_seeds_differ_by_name_and_seed():
    seeds = {derived_seed(seed, name) for seed in (1, 2, 2**40) for name in ("a", "b", "tower/0")}
    assert len(seeds) == 9
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_derived_seeds_are_the_same_in_every_process():
    # CRC-32 of "5/expert_1/dense_0", modulo 2**31 - 1; a salted hash would give another number each time.
    assert derived_seed(5, "expert_1/dense_0") == 293394455


@pytest.mark.parametrize("parts", [("tower_0_long/view",), ("a b", "ünï:code"), ("_hidden",), ("/",)])
def test_layer_names_are_valid_scopes(parts):
    name = layer_name(*parts)
    with tf.Graph().as_default(), tf.name_scope(name):
        assert tf.constant(1).name.startswith(name)


def test_layer_names_of_different_features_differ():
    features = ["age", "a_b", "a b", "a/b", "a-b", "a.b", "年龄", "性别", "Age"]
    assert len({layer_name("embedding", feature) for feature in features}) == len(features)
    # Paths keep the names that they had.
    assert (
        layer_name("tower_0_click/stack") == "tower_0_click_stack" and layer_name("embedding", "age") == "embedding_age"
    )


def test_stack_is_relu_layers():
    stack = DenseStack((4, 3), dropout=0.0, seed=1, path="stack")
    inputs = np.random.default_rng(0).normal(size=(10, 5)).astype(np.float32)
    output = stack(inputs)
    first, bias, second, second_bias = (variable.numpy() for variable in stack.trainable_variables)
    expected = np.maximum(np.maximum(inputs @ first + bias, 0) @ second + second_bias, 0)
    np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-6)


def test_dropout_drops_its_share_and_keeps_the_mean():
    stack = DenseStack((200,), dropout=0.3, seed=1, path="stack")
    inputs = np.abs(np.random.default_rng(0).normal(size=(500, 5))).astype(np.float32)
    plain = stack(inputs).numpy()
    dropped = stack(inputs, training=True, seed=tf.constant([4, 5])).numpy()
    alive = plain > 0
    np.testing.assert_allclose((dropped[alive] == 0).mean(), 0.3, atol=0.01)
    kept = alive & (dropped > 0)
    np.testing.assert_allclose(dropped[kept], plain[kept] / 0.7, rtol=1e-5)


def test_stacks_of_one_call_drop_different_units():
    inputs = np.ones((50, 5), np.float32)
    masks = []
    for path in ("left", "right"):
        stack = DenseStack((20,), dropout=0.5, seed=1, path=path)
        stack(inputs)
        kernel, bias = stack.trainable_variables
        kernel.assign(tf.ones_like(kernel))
        masks.append(stack(inputs, training=True, seed=tf.constant([1, 1])).numpy() == 0)
    assert 0.4 < (masks[0] == masks[1]).mean() < 0.6


def test_config_rebuilds_the_stack():
    stack = DenseStack((4,), dropout=0.5, seed=3, path="a/b")
    rebuilt = DenseStack.from_config(stack.get_config())
    inputs = np.ones((3, 2), np.float32)
    seed = tf.constant([1, 2])
    np.testing.assert_array_equal(stack(inputs, training=True, seed=seed), rebuilt(inputs, training=True, seed=seed))
