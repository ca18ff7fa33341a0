"""GroupDRO against a plain NumPy transcription in float64."""

import numpy as np
import pytest
import tensorflow as tf

from models.robustness.group_dro import GroupDRO

GROUPS = 3


def transcription(q, losses, labels, known, group, step):
    """One step: the new q and the loss."""
    rows = known > 0
    means = np.zeros(2 * GROUPS)
    there = np.zeros(2 * GROUPS, bool)
    for cell in range(2 * GROUPS):
        inside = rows & (group == cell // 2) & (labels == cell % 2)
        there[cell] = inside.any()
        if there[cell]:
            means[cell] = losses[inside].mean()
    new = q * np.where(there, np.exp(step * means), 1.0)
    new /= new.sum()
    nowhere = rows & (group < 0)
    share = nowhere.sum() / max(rows.sum(), 1)
    outside = losses[nowhere].mean() if nowhere.any() else 0.0
    return new, (1 - share) * (new * means).sum() + share * outside


def draw(rng, rows=40, groups=(-1, 0, 1, 2)):
    labels = rng.integers(0, 2, rows)
    known = (rng.random(rows) < 0.8).astype(float)
    return rng.exponential(1.0, rows), labels, known, rng.choice(groups, rows)


def call(dro, losses, labels, known, group, index=0, **keys):
    return dro.task_loss(
        index,
        tf.cast(losses, tf.float32),
        tf.constant(labels, tf.float32),
        tf.constant(known, tf.float32),
        tf.constant(group, tf.int64),
        **keys,
    )


def test_fifty_steps_with_absent_cells():
    rng = np.random.default_rng(1)
    dro = GroupDRO(["zebra", "apple"], GROUPS, 0.3)
    step = tf.function(lambda *rows: dro.task_loss(1, *rows), autograph=False)
    q = np.full(6, 1 / 6)
    for turn in range(50):
        # Every third batch lacks a group, every fifth all positives.
        losses, labels, known, group = draw(rng, groups=(-1, 0, 2) if turn % 3 == 0 else (0, 1, 2))
        labels = labels * (turn % 5 > 0)
        losses = losses * (1 + group.clip(0))
        q, wanted = transcription(q, losses, labels, known, group, 0.3)
        arrays = (losses, labels, known)
        found = step(*(tf.constant(array, tf.float32) for array in arrays), tf.constant(group, tf.int64))
        assert float(found) == pytest.approx(wanted, rel=2e-5)
        np.testing.assert_allclose(dro.weights()["apple"].reshape(-1), q, rtol=1e-4)
        assert dro.weights()["apple"].sum() == pytest.approx(1, rel=1e-5)
    assert step.experimental_get_tracing_count() == 1
    # The other task was never touched, and the weights went somewhere.
    np.testing.assert_allclose(dro.weights()["zebra"], np.full([GROUPS, 2], 1 / 6), rtol=1e-6)
    assert dro.weights()["apple"].argmax() in (4, 5)
    dro.reset()
    np.testing.assert_allclose(dro.weights()["apple"], np.full([GROUPS, 2], 1 / 6), rtol=1e-6)


def test_gradient_is_that_of_fixed_weights(numeric_gradient):
    losses, labels, known, group = draw(np.random.default_rng(2))
    q, _ = transcription(np.full(6, 1 / 6), losses, labels, known, group, 0.5)

    def fixed(values):
        return transcription(q, values, labels, known, group, 0.0)[1]

    values = tf.constant(losses, tf.float32)
    dro = GroupDRO(["t"], GROUPS, 0.5)
    with tf.GradientTape() as tape:
        tape.watch(values)
        loss = call(dro, values, labels, known, group)
    np.testing.assert_allclose(tape.gradient(loss, values), numeric_gradient(fixed, losses), atol=1e-6)


def test_by_hand():
    """Two groups, η = ln 2. Losses by cell (group, label): (0, 0): 1, (1, 1): mean of 2 and 4 = 3; others absent.

    q ∝ (2, 1, 1, 8) = (2, 1, 1, 8)/12, so the loss is 2/12 · 1 + 8/12 · 3 = 26/12.
    """
    dro = GroupDRO(["t"], 2, float(np.log(2)))
    loss = call(dro, [1.0, 2.0, 4.0, 99.0], [0, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 0])
    assert float(loss) == pytest.approx(26 / 12, rel=1e-6)
    np.testing.assert_allclose(dro.weights()["t"], [[2 / 12, 1 / 12], [1 / 12, 8 / 12]], rtol=1e-6)


def test_without_an_update_the_weights_stay():
    rows = draw(np.random.default_rng(3))
    dro = GroupDRO(["t"], GROUPS, 1.0)
    call(dro, *rows)
    before = dro.weights()["t"].copy()
    found = call(dro, *rows, update=False)
    np.testing.assert_array_equal(dro.weights()["t"], before)
    _, wanted = transcription(before.reshape(-1).astype(float), *rows, 0.0)
    assert float(found) == pytest.approx(wanted, rel=1e-5)


def test_rows_without_a_group_train_as_usual():
    losses, labels, known, group = draw(np.random.default_rng(4), groups=(-1,))
    dro = GroupDRO(["t"], GROUPS, 1.0)
    assert float(call(dro, losses, labels, known, group)) == pytest.approx(losses[known > 0].mean(), rel=1e-5)
    np.testing.assert_allclose(dro.weights()["t"], np.full([GROUPS, 2], 1 / 6), rtol=1e-6)


def test_no_known_label_and_no_rows():
    losses, labels, known, group = draw(np.random.default_rng(5))
    dro = GroupDRO(["t"], GROUPS, 1.0)
    for rows in ((losses, labels, known * 0, group), ([], [], [], [])):
        values = tf.constant(rows[0], tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(values)
            loss = call(dro, values, *rows[1:])
        assert float(loss) == 0.0
        assert not np.any(tape.gradient(loss, values))
    np.testing.assert_allclose(dro.weights()["t"], np.full([GROUPS, 2], 1 / 6), rtol=1e-6)


def test_cells_that_train_does_not_have_get_no_weight():
    counts = {"t": np.array([[5, 0], [2, 9]])}
    dro = GroupDRO(["t"], 2, 0.5, counts)
    np.testing.assert_allclose(dro.weights()["t"], [[1 / 3, 0], [1 / 3, 1 / 3]], rtol=1e-6)
    loss = call(dro, [1.0, 2.0, 3.0], [0, 0, 1], [1, 1, 1], [0, 1, 1])
    q = np.exp(0.5 * np.array([1.0, 2.0, 3.0]))
    q /= q.sum()
    assert float(loss) == pytest.approx((q * [1, 2, 3]).sum(), rel=1e-6)
    np.testing.assert_allclose(dro.weights()["t"], [[q[0], 0], [q[1], q[2]]], rtol=1e-6)


def test_a_weight_that_fell_far_comes_back():
    """In float32 exp(−200) is 0: kept as a number the first cell would be lost for good."""
    dro = GroupDRO(["t"], 1, 1.0)
    call(dro, [0.0, 200.0], [0, 1], [1, 1], [0, 0])
    assert dro.weights()["t"][0, 0] == 0.0
    call(dro, [250.0, 0.0], [0, 1], [1, 1], [0, 0])
    assert dro.weights()["t"][0, 0] == pytest.approx(1.0)
    assert np.isfinite(call(dro, [1e4, 0.0], [0, 1], [1, 1], [0, 0]))


def test_wrong_counts_are_refused():
    with pytest.raises(ValueError, match=r"`counts` of task `t` should have the shape \(3, 2\). Received: \(2, 2\)"):
        GroupDRO(["t"], 3, 0.1, {"t": np.ones([2, 2])})
    with pytest.raises(ValueError, match="task `t` has no train row with a known label and a group"):
        GroupDRO(["t"], 2, 0.1, {"t": np.zeros([2, 2])})


def test_it_raises_the_worst_cell():
    """Conflicting rows: the mean goes with the majority, GroupDRO evens the two cells out."""
    labels, group = np.array([1] * 9 + [0]), np.array([0] * 9 + [1])

    def fit(loss_of):
        logit = tf.Variable(0.0)

        @tf.function(autograph=False)
        def step():
            with tf.GradientTape() as tape:
                losses = tf.nn.sigmoid_cross_entropy_with_logits(
                    tf.constant(labels, tf.float32), tf.repeat(logit, len(labels))
                )
                loss = loss_of(losses)
            logit.assign_sub(0.1 * tape.gradient(loss, logit))

        for _ in range(800):
            step()
        return float(tf.sigmoid(logit))

    dro = GroupDRO(["t"], 2, 0.05)
    assert fit(tf.reduce_mean) == pytest.approx(0.9, abs=0.01)
    assert fit(lambda losses: call(dro, losses, labels, np.ones(10), group)) == pytest.approx(0.5, abs=0.05)
