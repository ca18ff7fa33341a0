"""Corrupts a share of a batch's cells."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from models.config.settings import Feature, FeatureSettings, NumericFeature

_CELLS, _ROWS = 1, 2


def corrupt(
    features: Mapping[str, tf.Tensor],
    seed: tf.Tensor,
    *,
    inputs: FeatureSettings,
    vocabulary_sizes: Mapping[str, int],
    kind: str,
    share: float,
) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
    """Corrupts each cell (a feature of a row) with probability ``share``, independently of the others.

    ``swap`` puts the same feature's value of a row drawn from the batch, so a corrupted cell looks like any other;
    now and then it is equal to what stood there. ``mask`` says nothing instead:

    * a standardised number becomes 0, the mean of train;
    * a category becomes the last id, an out-of-vocabulary one: what a value that train does not have will be when the
      model is asked, so that its embedding, which train alone hardly moves, learns to stand for "unknown";
    * a list of categories becomes empty;
    * a category with ``hash_buckets`` has no id to spare, and is swapped.

    A number with ``scale: none`` is left as it is: its scale is unknown, so neither does 0 mean anything nor does a squared
    error compare with other features'.

    Args:
      features: As the encoder takes them; further keys are ignored.
      seed: int32 [2]; the same seed corrupts the same cells.
      inputs: The model's inputs.
      vocabulary_sizes: Number of ids of each categorical feature.
      kind: ``mask`` or ``swap``.
      share: Probability, in (0, 1).

    Returns:
      The features of ``inputs``, corrupted, and by feature bool [n], true where the cell was corrupted.

    Raises:
      ValueError: ``kind`` has no such value.
    """
    if kind not in ("mask", "swap"):
        raise ValueError(f"`corruption` should be `mask` or `swap`. Received: {kind!r}")
    rows = tf.shape(features[inputs.inputs[0].name])[0]
    shape = [len(inputs.inputs), rows]
    draws = tf.random.stateless_uniform(shape, tf.random.experimental.stateless_fold_in(seed, _CELLS))
    # With replacement: a permutation would need a sort for each feature.
    other = tf.random.stateless_uniform(
        shape,
        tf.random.experimental.stateless_fold_in(seed, _ROWS),
        minval=0,
        maxval=tf.maximum(rows, 1),
        dtype=tf.int32,
    )
    corrupted, cells = {}, {}
    for index, feature in enumerate(inputs.inputs):
        value = features[feature.name]
        if is_unscaled(feature):
            corrupted[feature.name], cells[feature.name] = value, tf.zeros(tf.shape(value), tf.bool)
            continue
        chosen = draws[index] < share
        if kind == "swap" or _is_hashed(feature):
            replacement = tf.gather(value, other[index])
        else:
            replacement = tf.fill(tf.shape(value), tf.cast(_nothing(feature, vocabulary_sizes), value.dtype))
        where = chosen if value.shape.rank == 1 else chosen[:, tf.newaxis]
        corrupted[feature.name] = tf.where(where, replacement, value)
        cells[feature.name] = chosen
    return corrupted, cells


def is_unscaled(feature: Feature) -> bool:
    """Whether it is a number that is not standardised."""
    return isinstance(feature, NumericFeature) and feature.scale == "none"


def _is_hashed(feature: Feature) -> bool:
    return feature.type == "categorical" and feature.hash_buckets is not None


def _nothing(feature: Feature, vocabulary_sizes: Mapping[str, int]) -> int:
    if isinstance(feature, NumericFeature):
        return 0
    return vocabulary_sizes[feature.name] - 1 if feature.type == "categorical" else -1
