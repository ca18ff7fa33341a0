import numpy as np
import pytest
import tensorflow as tf

from models.config.robustness import RegularisedMTL
from models.networks.registry import NETWORKS
from models.robustness.reconstruction import Reconstruction
from models.robustness.regularised import build_reconstruction, mean_absolute, pretraining_loss, regularised_terms
from models.robustness.representation import representation, representation_width

SEED = (11, 12)


def settings(**keys):
    return RegularisedMTL(method="regularised", **keys)


def terms(network, chosen, batch, seed=SEED, **keys):
    layer = build_reconstruction(network, chosen)
    shared = network.trunk(batch, training=True, seed=tf.constant(seed, tf.int32))
    found = regularised_terms(network, layer, chosen, batch, shared, tf.constant(seed, tf.int32), **keys)
    return layer, {name: float(value) for name, value in found.items()}


@pytest.mark.parametrize("name, width", [("shared_bottom", 8), ("mmoe", 4 * 8)])
def test_the_representation_is_the_last_shared_layer(build, new_batch, name, width):
    network, batch = build(name), new_batch(9)
    shared = network.trunk(batch)
    hidden = representation(network, shared)
    assert representation_width(network) == width
    assert hidden.shape == [9, width] and hidden.dtype == tf.float32
    last = shared if name == "shared_bottom" else shared["experts"]
    np.testing.assert_array_equal(hidden, last.numpy().reshape(9, width))


def test_a_network_may_say_what_its_representation_is(build, new_batch):
    network, batch = build("mmoe"), new_batch(9)
    network.representation = lambda shared: [shared["experts"][:, 0], shared["experts"][:, 2]]
    experts = network.trunk(batch)["experts"].numpy()
    np.testing.assert_array_equal(
        representation(network, network.trunk(batch)), np.concatenate([experts[:, 0], experts[:, 2]], axis=1)
    )
    assert representation_width(network) == 16


def test_without_one_a_reason_is_given(build):
    with pytest.raises(ValueError, match="`single_task` shares nothing"):
        build_reconstruction(build("single_task"), settings())
    # The L1 penalty alone needs it as well.
    with pytest.raises(ValueError, match="no shared representation"):
        build_reconstruction(build("single_task"), settings(reconstruction=0))
    network = build()
    network.representation = lambda shared: []
    with pytest.raises(ValueError, match="`shared_bottom` shares nothing between its tasks"):
        representation(network, tf.zeros([2, 3]))
    other = build()

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)], autograph=False)
    def of_unknown_width(shared):
        return representation(other, shared)

    with pytest.raises(ValueError, match=r"should have static widths. Received: shape \(None, None\)"):
        of_unknown_width(tf.zeros([2, 3]))


def test_value_by_hand(build, new_batch):
    """α L_aux + β mean|h| from the parts, with the passes repeated here."""
    network, batch, chosen = build(), new_batch(60), settings(reconstruction=0.7, l1=0.2)
    layer, found = terms(network, chosen, batch)
    hidden = []

    class Spy(Reconstruction):
        def loss(self, h, *arguments):
            hidden.append(h.numpy())
            return super().loss(h, *arguments)

    spy = Spy.from_config(layer.get_config())
    alone = float(pretraining_loss(network, spy, batch, tf.constant(SEED, tf.int32)))
    clean = network.trunk(batch).numpy()
    assert set(found) == {"reconstruction", "l1"}
    assert found["reconstruction"] == pytest.approx(0.7 * alone, rel=1e-6) and alone > 0.1
    assert found["l1"] == pytest.approx(0.2 * (np.abs(clean).mean() + np.abs(hidden[0]).mean()) / 2, rel=1e-5)
    # The auxiliary pass saw another input.
    assert (clean != hidden[0]).any()


def test_parts_that_are_off_are_left_out(build, new_batch):
    network, batch = build(), new_batch(60)
    layer, found = terms(network, settings(reconstruction=0, l1=0.5), batch)
    assert layer is None and set(found) == {"l1"}
    assert found["l1"] == pytest.approx(0.5 * np.abs(network.trunk(batch).numpy()).mean(), rel=1e-5)
    _, found = terms(network, settings(l1=0), batch)
    assert set(found) == {"reconstruction"}


def test_the_step_decides_what_is_corrupted(build, new_batch):
    network, batch, chosen = build(), new_batch(60), settings()
    first, again, other = (terms(network, chosen, batch, seed)[1] for seed in (SEED, SEED, (11, 13)))
    assert first == again
    assert first["reconstruction"] != other["reconstruction"]


@pytest.mark.parametrize("name", ["shared_bottom", "mmoe"])
@pytest.mark.parametrize("corruption", ["mask", "swap"])
def test_gradients_reach_the_trunk_and_the_heads_of_reconstruction_alone(build, new_batch, name, corruption):
    network, batch, chosen = build(name), new_batch(200), settings(corruption=corruption)
    layer = build_reconstruction(network, chosen)
    seed = tf.constant(SEED, tf.int32)

    @tf.function(autograph=False)
    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.add_n(list(regularised_terms(network, layer, chosen, batch, network.trunk(batch), seed).values()))
        variables = network.shared_variables + layer.trainable_variables
        return tape.gradient(loss, variables)

    for gradient in gradients():
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0
    with tf.GradientTape() as tape:
        loss = pretraining_loss(network, layer, batch, seed)
    towers = [variable for variables in network.task_variables.values() for variable in variables]
    assert tape.gradient(loss, towers) == [None] * len(towers)


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - {"single_task", "shared_bottom", "mmoe"}))
def test_every_other_network_that_shares_has_a_representation(build, new_batch, name):
    network, batch, chosen = build(name), new_batch(100), settings()
    layer = build_reconstruction(network, chosen)
    with tf.GradientTape() as tape:
        found = regularised_terms(network, layer, chosen, batch, network.trunk(batch), tf.constant(SEED, tf.int32))
        loss = tf.add_n(list(found.values()))
    gradients = tape.gradient(loss, network.shared_variables + layer.trainable_variables)
    moved = [gradient is not None and np.abs(tf.convert_to_tensor(gradient)).max() > 0 for gradient in gradients]
    # What merges experts further up, such as a last level's gates, need not be part of h; the input's tables are.
    assert moved[0] and np.mean(moved) > 0.5 and all(moved[-len(layer.trainable_variables) :])
    assert all(np.isfinite(float(value)) and float(value) > 0 for value in found.values())


def test_it_learns_to_reconstruct(build, new_batch):
    """Two features that say the same: what is masked in one stands in the other."""
    network, chosen = build(), settings(share=0.3)
    layer = build_reconstruction(network, chosen)
    variables = network.shared_variables + layer.trainable_variables
    optimizer = tf.keras.optimizers.Adam(0.02)
    batch = new_batch(256)
    batch["zip/code"] = batch["item"] % 4

    @tf.function(autograph=False)
    def step(seed):
        with tf.GradientTape() as tape:
            loss = pretraining_loss(network, layer, batch, seed)
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    optimizer.build(variables)
    losses = [float(step(tf.constant([1, index], tf.int32))) for index in range(150)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:3])
    assert step.experimental_get_tracing_count() == 1


def test_the_network_neither_holds_the_heads_nor_is_held(build):
    network = build()
    before = len(network.variables)
    layer = build_reconstruction(network, settings())
    assert len(network.variables) == before
    names = {id(variable) for variable in network.variables}
    assert not any(id(variable) in names for variable in layer.variables)


def test_mean_absolute():
    hidden = tf.constant([[1.0, -2.0], [0.0, 3.0]])
    assert float(mean_absolute(hidden)) == 1.5
    assert float(mean_absolute(hidden, reduce=lambda count: 3 * count)) == 0.5
    assert float(mean_absolute(tf.zeros([0, 2]))) == 0.0
