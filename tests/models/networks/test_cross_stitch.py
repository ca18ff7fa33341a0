import models  # noqa: F401

# isort: split
import numpy as np
import pytest


def matrices(network):
    """The stitches in order, the last one put together from the tasks' rows."""
    inner = [stitch.matrix.numpy() for stitch in network._stitches]
    return [*inner, np.concatenate([row.matrix.numpy() for row in network._last])]


def set_matrices(network, values):
    *inner, last = values
    for stitch, value in zip(network._stitches, inner, strict=True):
        stitch.matrix.assign(value)
    for row, value in zip(network._last, last, strict=True):
        row.matrix.assign(value[np.newaxis])


def test_stitches_start_near_the_identity(build):
    for matrix in matrices(build("cross_stitch", stitch=0.8)):
        np.testing.assert_allclose(matrix, 0.1 + 0.7 * np.eye(3), rtol=1e-6)
    for matrix in matrices(build("cross_stitch", ("solo",), stitch=0.8)):
        np.testing.assert_array_equal(matrix, [[1.0]])


def test_there_is_a_stitch_after_each_block(build):
    assert len(matrices(build("cross_stitch", shared_units=(8, 7, 5)))) == 4
    assert len(matrices(build("cross_stitch", shared_units=()))) == 1


def test_logits_follow_the_papers_formula(build, batch, numpy_layers):
    network = build("cross_stitch", shared_units=(8, 5))
    stitches = [np.random.default_rng(index).normal(size=(3, 3)) for index in range(3)]
    set_matrices(network, stitches)
    columns = [
        numpy_layers(v for block in column[1:] for v in block.trainable_variables) for column in network._columns
    ]
    values = np.stack([column[0](batch).numpy().astype(np.float64) for column in network._columns])
    for stitch in stitches[:-1]:
        mixed = [sum(stitch[t, u] * values[u] for u in range(3)) for t in range(3)]
        values = np.stack([column.relu(value) for column, value in zip(columns, mixed, strict=True)])
    logits = network(batch)
    for index, task in enumerate(network.tasks):
        hidden = sum(stitches[-1][index, u] * values[u] for u in range(3))
        expected = numpy_layers(network._towers[index].trainable_variables).tower(hidden)
        np.testing.assert_allclose(logits[task], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("units", [(), (8,), (8, 5)])
def test_identities_are_single_task_learning(units, build, batch):
    network = build("cross_stitch", shared_units=units)
    set_matrices(network, [np.eye(3)] * (len(units) + 1))
    for task, expected in build("single_task", shared_units=units)(batch).items():
        np.testing.assert_allclose(network(batch)[task], expected, rtol=1e-5, atol=1e-6)


def test_gate_weights_are_the_tasks_row_of_the_last_stitch(build, batch):
    network = build("cross_stitch")
    last = np.arange(9.0).reshape(3, 3)
    set_matrices(network, [np.eye(3), last])
    assert network.gate_names["apple"] == ["column of zebra", "column of long/view", "column of apple"]
    for value, row in zip(network.mean_gate_weights(batch).values(), last, strict=True):
        np.testing.assert_array_equal(value, row)


def test_the_last_row_belongs_to_its_task(build):
    network = build("cross_stitch")
    for row, variables in zip(network._last, network.task_variables.values(), strict=True):
        assert row.matrix.ref() in {variable.ref() for variable in variables}
