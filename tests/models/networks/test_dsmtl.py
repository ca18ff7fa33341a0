import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

SEED = tf.constant([1, 2])
GATES = ["softmax", "sigmoid", "gumbel"]


def variables_named(network, part):
    return [variable for variable in network.variables if part in variable.name]


def set_gates(network, logits):
    for variable in variables_named(network, "gate"):
        variable.assign(logits)


@pytest.mark.parametrize("gate, expected", [("softmax", [0.5, 0.5]), ("sigmoid", [0.5, 0.5]), ("gumbel", [1.0, 0.0])])
def test_gates_at_the_start(gate, expected, build, batch):
    weights = build("dsmtl", gate=gate).mean_gate_weights(batch)
    assert list(weights) == ["zebra", "long/view", "apple"]
    for value in weights.values():
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("gate, a, b", [("softmax", 0.75, 0.25), ("sigmoid", 0.75, 0.5), ("gumbel", 1.0, 0.0)])
def test_logits_follow_the_papers_formula(gate, a, b, build, batch, numpy_layers):
    network = build("dsmtl", gate=gate)
    set_gates(network, [np.log(3.0), 0.0])
    public = network.trunk(batch)["public"].numpy().astype(np.float64)
    logits = network(batch)
    for index, task in enumerate(network.tasks):
        embedded = network._private_encoders[index](batch).numpy().astype(np.float64)
        layers = numpy_layers(
            [*network._private_bottoms[index].trainable_variables, *network._towers[index].trainable_variables]
        )
        expected = layers.tower(a * public + b * layers.relu(embedded))
        np.testing.assert_allclose(logits[task], expected, rtol=1e-4, atol=1e-6)


def test_the_public_encoder_is_that_of_the_shared_bottom(build, batch):
    public = build("dsmtl").trunk(batch)["public"]
    np.testing.assert_array_equal(public, build("shared_bottom").trunk(batch))


@pytest.mark.parametrize("gate", GATES)
def test_closed_gates_are_single_task_learning_bit_by_bit(gate, build, batch):
    network, single = build("dsmtl", gate=gate, dropout=0.4), build("single_task", dropout=0.4)
    network.close(network.tasks)
    for options in ({}, {"training": True, "seed": SEED}):
        for task, expected in single(batch, **options).items():
            np.testing.assert_array_equal(network(batch, **options)[task], expected)


def test_closed_gates_train_as_single_task_learning_does(build, batch):
    network, single = build("dsmtl"), build("single_task")
    network.close(network.tasks)

    def gradients(model, variables):
        with tf.GradientTape() as tape:
            loss = tf.add_n([tf.reduce_mean(tf.square(value - 1)) for value in model(batch).values()])
        return [tf.convert_to_tensor(gradient) for gradient in tape.gradient(loss, variables)]

    expected = gradients(single, single.trainable_variables)
    found = gradients(network, network.private_variables)
    assert sorted(map(np.sum, map(np.abs, found))) == sorted(map(np.sum, map(np.abs, expected)))
    assert not any(gradient.numpy().any() for gradient in gradients(network, network.public_variables))


def test_one_gate_closes_and_opens_again(build, batch):
    network = build("dsmtl")
    before = network(batch)
    network.close(["apple"])
    assert network.closed_tasks == ("apple",)
    after = network(batch)
    np.testing.assert_array_equal(network.mean_gate_weights(batch)["apple"], [0, 1])
    np.testing.assert_array_equal(after["zebra"], before["zebra"])
    assert not np.allclose(after["apple"], before["apple"])
    network.open(["apple"])
    assert network.closed_tasks == ()
    np.testing.assert_array_equal(network(batch)["apple"], before["apple"])


def test_unknown_tasks_have_no_gate(build):
    with pytest.raises(ValueError, match="gates belong to the tasks .*Received: 'pear'"):
        build("dsmtl").close(["apple", "pear"])


def test_closed_gates_are_saved_with_the_weights(build, batch, tmp_path):
    network, other, third = build("dsmtl"), build("dsmtl", seed=2), build("dsmtl", seed=3)
    network.close(["zebra"])
    path = tf.train.Checkpoint(network=network).write(str(tmp_path / "checkpoint"))
    tf.train.Checkpoint(network=other).read(path).assert_consumed()
    third.set_weights(network.get_weights())
    for copy in (other, third):
        assert copy.closed_tasks == ("zebra",)
        for task, value in network(batch).items():
            np.testing.assert_array_equal(copy(batch)[task], value)


def test_private_and_public_variables_part_the_network(build):
    network = build("dsmtl")
    private = {variable.ref() for variable in network.private_variables}
    public = {variable.ref() for variable in network.public_variables}
    assert not private & public
    assert private | public == {variable.ref() for variable in network.trainable_variables}
    assert {variable.ref() for variable in network.shared_variables} < public
    gates = {variable.ref() for variable in variables_named(network, "gate")}
    assert len(gates) == 3 and gates == public - {variable.ref() for variable in network.shared_variables}


def test_gumbel_noise_is_of_the_step(build, batch):
    network = build("dsmtl", gate="gumbel")
    plain = network(batch)
    draws = []
    for step in range(8):
        seed = tf.constant([5, step])
        once, again = (network(batch, training=True, seed=seed) for _ in range(2))
        for task in network.tasks:
            np.testing.assert_array_equal(once[task], again[task])
        draws.append(tuple(np.array_equal(once[task], plain[task]) for task in network.tasks))
    assert len(set(draws)) > 1, "the tasks' picks change from step to step"


@pytest.mark.parametrize("gate", GATES)
def test_a_compiled_step_follows_gates_that_close_later(gate, build, batch):
    network = build("dsmtl", gate=gate)
    single = build("single_task")(batch)
    compiled = tf.function(lambda features: network(features), autograph=False)
    compiled(batch)
    network.close(["zebra"])
    after = compiled(batch)
    np.testing.assert_allclose(after["zebra"], single["zebra"], rtol=1e-5, atol=1e-6)
    assert not np.allclose(after["apple"], single["apple"])
