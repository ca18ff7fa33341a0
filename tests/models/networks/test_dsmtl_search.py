"""The search network, and the compact one that is left of it."""

import models  # noqa: F401

# isort: split
import itertools

import numpy as np
import pytest
import tensorflow as tf

from models.networks.architecture import Architecture
from models.networks.dsmtl_compact import DsmtlCompact
from models.networks.dsmtl_search import DsmtlSearch
from models.networks.encoder import FeatureEncoder

UNITS = (8, 5)
BLOCKS = 3
SEED = tf.constant([1, 2])
# Far enough apart for a softmax of exactly 1 and 0 in float32.
CERTAIN = 200.0


def size(variables):
    return sum(int(np.prod(variable.shape)) for variable in variables)


def set_choices(network, architecture):
    for variable, choices in zip(network.architecture_variables, architecture.choices.values(), strict=True):
        variable.assign([[CERTAIN, 0.0] if choice == "public" else [0.0, CERTAIN] for choice in choices])


def assert_same(left, right):
    assert list(left) == list(right)
    for task, value in left.items():
        np.testing.assert_allclose(value, right[task], rtol=1e-5, atol=1e-6)


@pytest.fixture
def search(spec):
    return DsmtlSearch(spec("dsmtl", shared_units=UNITS, dropout=0.3))


@pytest.mark.parametrize("depths", [(3, 3, 3), (0, 0, 0), (3, 2, 0), (2, 2, 1), (3, 0, 0), (1, 3, 1)])
def test_compact_network_is_the_search_network_with_certain_choices(depths, search, spec, architecture, batch):
    chosen = architecture(search.spec, *depths)
    set_choices(search, chosen)
    assert search.architecture == chosen
    compact = DsmtlCompact(search.spec, chosen)
    for options in ({}, {"training": True, "seed": SEED}):
        assert_same(compact(batch, **options), search(batch, **options))


def test_choices_before_the_last_public_block_reach_no_logit(search, batch):
    choices = [("private", "public", "private"), ("public", "public", "private"), ("private", "private", "public")]
    chosen = Architecture(dict(zip(search.tasks, choices, strict=True)))
    set_choices(search, chosen)
    assert_same(DsmtlCompact(search.spec, chosen)(batch), search(batch))


def test_every_architecture_of_two_tasks_is_built_right(spec, batch):
    search = DsmtlSearch(spec("dsmtl", ("b", "a")))
    every = list(itertools.product(["public", "private"], repeat=2))
    for left, right in itertools.product(every, repeat=2):
        chosen = Architecture({"b": left, "a": right})
        set_choices(search, chosen)
        assert_same(DsmtlCompact(search.spec, chosen)(batch), search(batch))


@pytest.mark.parametrize("name, depth", [("shared_bottom", BLOCKS), ("single_task", 0)])
def test_its_ends_are_hard_sharing_and_single_task_learning(name, depth, build, spec, architecture, batch):
    whole = spec("dsmtl", shared_units=UNITS, dropout=0.3)
    compact = DsmtlCompact(whole, architecture(whole, depth))
    end = build(name, shared_units=UNITS, dropout=0.3)
    for options in ({}, {"training": True, "seed": SEED}):
        assert_same(compact(batch, **options), end(batch, **options))
    assert size(compact.trainable_variables) == size(end.trainable_variables)
    assert size(compact.shared_variables) == size(end.shared_variables)


def test_a_public_block_of_one_task_alone_is_that_tasks(spec, architecture):
    whole = spec("dsmtl", shared_units=UNITS)
    compact = DsmtlCompact(whole, architecture(whole, 3, 1, 0))
    (encoder,) = compact._shared_layers()
    assert isinstance(encoder, FeatureEncoder)
    stacks = {len(variables) for variables in compact.task_variables.values()}
    # Zebra and `long/view` have two dense layers and a tower of their own; apple has an encoder of its own as well.
    assert sorted(stacks) == [8, 8 + len(compact.shared_variables)]


def test_choices_start_even_and_round_to_public(search, batch):
    for value in search.mean_gate_weights(batch).values():
        np.testing.assert_array_equal(value, [0.5] * BLOCKS)
    assert search.architecture == Architecture(dict.fromkeys(search.tasks, ("public",) * BLOCKS))
    assert search.gate_names["apple"] == ["public feature encoder", "public layer 1", "public layer 2"]


def test_logits_of_the_search_by_hand(search, batch, numpy_layers):
    logits = [[np.log(3.0), 0.0], [0.0, np.log(4.0)], [np.log(1.5), 0.0]]
    alphas = [0.75, 0.2, 0.6]
    for variable in search.architecture_variables:
        variable.assign(logits)
    public = numpy_layers(v for block in search._public[1:] for v in block.trainable_variables)
    levels = [search._public[0](batch).numpy().astype(np.float64)]
    levels += [public.relu(levels[0])]
    levels += [public.relu(levels[1])]
    found = search(batch)
    for index, task in enumerate(search.tasks):
        private = search._private[index]
        layers = numpy_layers(v for block in private[1:] for v in block.trainable_variables)
        own = private[0](batch).numpy().astype(np.float64)
        for level, (alpha, shared) in enumerate(zip(alphas, levels, strict=True)):
            value = alpha * shared + (1 - alpha) * own
            own = layers.relu(value) if level < BLOCKS - 1 else own
        expected = numpy_layers(search._towers[index].trainable_variables).tower(value)
        np.testing.assert_allclose(found[task], expected, rtol=1e-4, atol=1e-6)


def test_architecture_variables_are_the_tasks(search):
    assert [variable.shape for variable in search.architecture_variables] == [(BLOCKS, 2)] * 3
    for variable, variables in zip(search.architecture_variables, search.task_variables.values(), strict=True):
        assert variable.ref() in {other.ref() for other in variables}


def test_the_choices_learn_which_encoder_serves_the_task(spec, batch):
    search = DsmtlSearch(spec("dsmtl", ("a", "b")))
    # What the private network of task a alone says is the target of both tasks: a should go private.
    private = Architecture({"a": ("private",) * 2, "b": ("private",) * 2})
    target = DsmtlCompact(search.spec, private)(batch)["a"]
    for _ in range(30):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(search(batch)["a"] - target))
        (gradient,) = tape.gradient(loss, search.architecture_variables[:1])
        search.architecture_variables[0].assign_sub(gradient / tf.norm(gradient))
    assert search.architecture.choices["a"][-1] == "private"


def test_compact_refuses_another_networks_architecture(spec):
    with pytest.raises(ValueError, match="the architecture should be one of tasks .* with 3 blocks"):
        DsmtlCompact(spec("dsmtl", ("a",), shared_units=UNITS), Architecture({"a": ("public",)}))
