import numpy as np
import pytest
import tensorflow as tf

from models.robustness.corruption import corrupt

ROWS = 4000


@pytest.fixture
def run(features, vocabulary_sizes, new_batch):
    def run(kind, share=0.15, seed=(1, 2), rows=ROWS):
        batch = new_batch(rows)
        arguments = dict(inputs=features, vocabulary_sizes=vocabulary_sizes, kind=kind, share=share)
        corrupted, cells = corrupt(batch, tf.constant(seed, tf.int32), **arguments)
        return (
            {key: batch[key].numpy() for key in corrupted},
            {key: value.numpy() for key, value in corrupted.items()},
            {key: value.numpy() for key, value in cells.items()},
        )

    return run


@pytest.mark.parametrize("kind", ["mask", "swap"])
def test_the_share_is_the_settings_and_cells_are_independent(run, kind):
    _, _, cells = run(kind, share=0.3)
    chosen = np.stack([chosen for name, chosen in cells.items() if name != "flag"])
    # Five standard deviations of a binomial.
    assert abs(chosen.mean() - 0.3) < 5 * np.sqrt(0.3 * 0.7 / chosen.size)
    for first in range(len(chosen)):
        for second in range(first):
            both = (chosen[first] & chosen[second]).mean()
            assert abs(both - 0.09) < 5 * np.sqrt(0.09 * 0.91 / ROWS)


@pytest.mark.parametrize("kind", ["mask", "swap"])
def test_cells_that_are_not_chosen_stay(run, kind):
    before, after, cells = run(kind)
    assert list(after) == ["watch time", "zip/code", "tags", "age", "flag", "item"]
    for name, value in after.items():
        assert value.dtype == before[name].dtype and value.shape == before[name].shape
        np.testing.assert_array_equal(value[~cells[name]], before[name][~cells[name]])


@pytest.mark.parametrize("kind", ["mask", "swap"])
def test_a_number_of_unknown_scale_is_left_alone(run, kind):
    before, after, cells = run(kind, share=0.9)
    assert not cells["flag"].any()
    np.testing.assert_array_equal(after["flag"], before["flag"])


def test_a_mask_says_nothing(run):
    _, after, cells = run("mask")
    for name, nothing in {"watch time": 0, "age": 0, "zip/code": 4, "tags": -1}.items():
        assert cells[name].any()
        assert (after[name][cells[name]] == nothing).all()


@pytest.mark.parametrize(
    "kind, names", [("swap", ["watch time", "zip/code", "age", "item", "tags"]), ("mask", ["item"])]
)
def test_a_swap_takes_values_of_other_rows(run, kind, names):
    before, after, cells = run(kind, share=0.5)
    for name in names:
        rows = cells[name]
        changed = after[name][rows] != before[name][rows]
        there = {tuple(np.atleast_1d(row)) for row in before[name]}
        assert {tuple(np.atleast_1d(row)) for row in after[name][rows]} <= there
        # Most rows have another value than a random row has; a list is changed where any of its ids is.
        assert (changed if changed.ndim == 1 else changed.any(axis=1)).mean() > 0.6


def test_swaps_of_two_features_come_from_different_rows(run):
    before, after, cells = run("swap", share=0.9)
    both = cells["age"] & cells["watch time"]
    source = {value: row for row, value in enumerate(before["age"])}
    rows = np.array([source[value] for value in after["age"][both]])
    same = (before["watch time"][rows] == after["watch time"][both]).mean()
    # Alike by chance: the planted ties at 0 and 40.
    assert same < 0.1


def test_the_seed_decides(run):
    _, first, cells = run("swap")
    _, again, _ = run("swap")
    _, other, others = run("swap", seed=(1, 3))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
        assert name == "flag" or (cells[name] != others[name]).any()
    assert (first["age"] != other["age"]).any()


@pytest.mark.parametrize("kind", ["mask", "swap"])
def test_no_rows(run, kind):
    _, after, cells = run(kind, rows=0)
    assert all(len(value) == 0 for value in [*after.values(), *cells.values()])


def test_another_kind_is_refused(run):
    with pytest.raises(ValueError, match="`corruption` should be `mask` or `swap`. Received: 'noise'"):
        run("noise")


@pytest.mark.parametrize("kind", ["mask", "swap"])
def test_the_encoder_takes_what_comes_out(build, new_batch, features, vocabulary_sizes, kind):
    network, batch = build(), new_batch(50)
    corrupted, _ = corrupt(
        batch,
        tf.constant([3, 4], tf.int32),
        inputs=features,
        vocabulary_sizes=vocabulary_sizes,
        kind=kind,
        share=0.6,
    )
    clean, found = network(batch), network(corrupted)
    assert np.isfinite(found["zebra"]).all()
    assert (clean["zebra"].numpy() != found["zebra"].numpy()).mean() > 0.5
