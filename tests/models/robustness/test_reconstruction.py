"""L_aux against a plain NumPy transcription in float64, feature by feature and row by row."""

import numpy as np
import pytest
import tensorflow as tf

from models.config.robustness import RegularisedMTL
from models.config.settings import FeatureSettings
from models.robustness.reconstruction import Reconstruction

WIDTH = 3


@pytest.fixture
def make(features, vocabulary_sizes):
    def make(seed=1, **settings):
        return Reconstruction(features, vocabulary_sizes, WIDTH, RegularisedMTL(method="regularised", **settings), seed)

    return make


def weights_of(layer):
    """Kernel and bias of the numbers' head and of each categorical feature's, as float64."""
    arrays = [variable.numpy().astype(np.float64) for variable in layer.trainable_variables]
    pairs = list(zip(arrays[::2], arrays[1::2], strict=True))
    return dict(zip(["numbers", "zip/code", "tags", "item"], pairs, strict=True))


def cross_entropy(logits, target):
    return np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[target]


def expected(hidden, batch, cells, weights, max_classes=1024):
    """The mean over targets, by loops."""
    total, count = 0.0, 0
    for row in range(len(hidden)):
        numbers = hidden[row] @ weights["numbers"][0] + weights["numbers"][1]
        for column, name in enumerate(["watch time", "age"]):
            value = float(batch[name][row])
            if not cells[name][row] or value == 0:
                continue
            total, count = total + (numbers[column] - min(max(value, -5.0), 5.0)) ** 2, count + 1
        for name, size in (("zip/code", 5), ("tags", 6), ("item", 40)):
            ids = [int(i) for i in np.atleast_1d(batch[name][row]) if i >= 0]
            if not cells[name][row] or not ids:
                continue
            classes = min(size, max_classes)
            logits = hidden[row] @ weights[name][0] + weights[name][1]
            assert len(logits) == classes
            losses = [cross_entropy(logits, i % classes) for i in ids]
            total, count = total + np.mean(losses) / np.log(classes), count + 1
    return total / count


def draw(new_batch, rows=40, seed=3):
    batch = new_batch(rows)
    rng = np.random.default_rng(seed)
    cells = {name: rng.random(rows) < 0.4 for name in ("watch time", "age", "zip/code", "tags", "item")}
    return batch, rng.normal(size=(rows, WIDTH)), {**cells, "flag": np.zeros(rows, bool)}


def as_tensors(cells):
    return {name: tf.constant(chosen) for name, chosen in cells.items()}


@pytest.mark.parametrize("max_classes", [1024, 7])
def test_value_and_gradient(make, new_batch, numeric_gradient, max_classes):
    batch, hidden, cells = draw(new_batch)
    layer = make(max_classes=max_classes)
    numbers = {name: value.numpy() for name, value in batch.items()}
    weights = weights_of(layer)
    h = tf.constant(hidden, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(h)
        loss = layer.loss(h, batch, as_tensors(cells))
    found = tape.gradient(loss, [h, *layer.trainable_variables])

    assert float(loss) == pytest.approx(expected(hidden, numbers, cells, weights, max_classes), rel=1e-5)
    by_h = numeric_gradient(lambda value: expected(value, numbers, cells, weights, max_classes), hidden)
    np.testing.assert_allclose(found[0], by_h, rtol=1e-3, atol=1e-5)
    for name, gradients in zip(weights, zip(found[1::2], found[2::2], strict=True), strict=True):
        for part in (0, 1):

            def changed(value, name=name, part=part):
                pair = list(weights[name])
                pair[part] = value
                return expected(hidden, numbers, cells, {**weights, name: pair}, max_classes)

            wanted = numeric_gradient(changed, weights[name][part])
            np.testing.assert_allclose(gradients[part], wanted, rtol=1e-3, atol=1e-5)


def test_targets_only_where_corrupted(make, new_batch):
    """Changing what stands in other cells changes nothing; changing a corrupted cell does."""
    batch, hidden, cells = draw(new_batch)
    layer, h = make(), tf.constant(hidden, tf.float32)
    loss = float(layer.loss(h, batch, as_tensors(cells)))
    for name in cells:
        value = batch[name].numpy()
        other = value + 1.0 if value.dtype == np.float32 else np.where(value >= 0, (value + 1) % 4, value)
        for chosen, same in ((~cells[name], True), (cells[name], not cells[name].any())):
            where = chosen if value.ndim == 1 else chosen[:, np.newaxis]
            changed = {**batch, name: tf.constant(np.where(where, other, value), batch[name].dtype)}
            found = float(layer.loss(h, changed, as_tensors(cells)))
            assert (found == pytest.approx(loss, abs=1e-7)) is same, (name, same)


def test_nothing_corrupted_gives_zero_and_no_gradient(make, new_batch):
    batch, hidden, cells = draw(new_batch)
    layer, h = make(), tf.constant(hidden, tf.float32)
    nothing = {name: tf.zeros_like(chosen) for name, chosen in as_tensors(cells).items()}
    with tf.GradientTape() as tape:
        tape.watch(h)
        loss = layer.loss(h, batch, nothing)
    assert float(loss) == 0.0
    np.testing.assert_array_equal(tape.gradient(loss, h), np.zeros_like(hidden))


def test_no_rows(make, new_batch):
    layer = make()
    batch, cells = layer.corrupt(new_batch(0), tf.constant([1, 2], tf.int32))
    assert float(layer.loss(tf.zeros([0, WIDTH]), batch, cells)) == 0.0


def test_a_head_that_knows_nothing_loses_about_one(make, new_batch):
    """Zero weights: log(classes) / log(classes) for each category, the second moment for a standardised number."""
    layer = make()
    for variable in layer.trainable_variables:
        variable.assign(tf.zeros_like(variable))
    batch, _, cells = draw(new_batch, rows=2000)
    cells["age"] = np.zeros(2000, bool)
    h = tf.zeros([2000, WIDTH])
    only = {name: chosen & (name != "watch time") for name, chosen in cells.items()}
    assert float(layer.loss(h, batch, as_tensors(only))) == pytest.approx(1.0, rel=1e-5)
    only = {name: chosen & (name == "watch time") for name, chosen in cells.items()}
    # N(0, 1) and one row in 31 at 40, cut to 5.
    assert float(layer.loss(h, batch, as_tensors(only))) == pytest.approx(1 + 24 / 31 * 7 / 6, rel=0.25)


def test_the_reduced_count_is_the_divisor(make, new_batch):
    batch, hidden, cells = draw(new_batch)
    layer, h = make(), tf.constant(hidden, tf.float32)
    seen = []
    whole = float(layer.loss(h, batch, as_tensors(cells)))
    part = float(layer.loss(h, batch, as_tensors(cells), reduce=lambda count: seen.append(float(count)) or 4 * count))
    assert part == pytest.approx(whole / 4, rel=1e-6)
    numbers = {name: value.numpy() for name, value in batch.items()}
    targets = sum(int(cells[name].sum()) for name in ("zip/code", "item", "age"))
    targets += int((cells["tags"] & (numbers["tags"] >= 0).any(axis=1)).sum())
    targets += int((cells["watch time"] & (numbers["watch time"] != 0)).sum())
    assert seen == [targets]


def test_corrupt_follows_the_settings(make, new_batch):
    batch, seed = new_batch(3000), tf.constant([5, 6], tf.int32)
    masked, cells = make(share=0.4).corrupt(batch, seed)
    assert cells["age"].numpy().mean() == pytest.approx(0.4, abs=0.05)
    assert (masked["age"].numpy()[cells["age"].numpy()] == 0).all()
    swapped, cells = make(corruption="swap").corrupt(batch, seed)
    assert cells["age"].numpy().mean() == pytest.approx(0.15, abs=0.04)
    assert (swapped["age"].numpy() != 0).all()


def test_equal_arguments_give_equal_weights_and_the_config_restores_them(make):
    layer = make(seed=4, max_classes=9)
    again = Reconstruction.from_config(layer.get_config())
    other = make(seed=5, max_classes=9)
    for first, second, third in zip(layer.weights, again.weights, other.weights, strict=True):
        np.testing.assert_array_equal(first, second)
        assert first.shape.rank == 1 or (first.numpy() != third.numpy()).any()


def test_features_that_hold_nothing_to_reconstruct():
    settings = RegularisedMTL(method="regularised")
    inputs = FeatureSettings.model_validate(
        {"inputs": [{"type": "categorical", "name": "one"}, {"type": "numeric", "name": "x"}]}
    )
    layer = Reconstruction(inputs, {"one": 1}, WIDTH, settings, 1)
    assert [variable.shape.as_list() for variable in layer.trainable_variables] == [[WIDTH, 1], [1]]
    alone = FeatureSettings.model_validate(
        {"inputs": [{"type": "categorical", "name": "one"}, {"type": "numeric", "name": "x", "scale": "none"}]}
    )
    with pytest.raises(ValueError, match=r"a standardised numeric feature, or a categorical one.*\['one', 'x'\]"):
        Reconstruction(alone, {"one": 1}, WIDTH, settings, 1)
    with pytest.raises(ValueError, match="Missing: `one`"):
        Reconstruction(alone, {}, WIDTH, settings, 1)
