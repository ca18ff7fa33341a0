"""Labels flipped at random in the train split, to see what wrong labels of one task do to the others.

He et al., "Robust Multi-Task Learning with Excess Risks", ICML 2024, corrupt the labels of one task for a fixed share of
its training rows and evaluate on clean ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping

import tensorflow as tf

from models.formats.features import NOT_A_NEGATIVE, UNDETERMINED_NEGATIVE

# Uniform draws have this resolution.
_STEPS = 2**30


def row_draws(serialized: tf.Tensor, seed: int, name: str) -> tf.Tensor:
    """A uniform number in [0, 1) for each row, float32 [n], by its bytes: the same in every epoch and on every machine.

    Rows that are equal byte for byte share a number.

    Args:
      serialized: Examples, string [n].
      seed: The run's.
      name: Draws of different names are independent.
    """
    key = [seed % 2**31, zlib.crc32(name.encode()) % 2**31]
    return tf.cast(tf.strings.to_hash_bucket_strong(serialized, _STEPS, key), tf.float32) / _STEPS


def flip(
    outcomes: dict[str, dict[str, tf.Tensor]], draws: Callable[[str], tf.Tensor], noise: Mapping[str, float]
) -> dict[str, dict[str, tf.Tensor]]:
    """Flips labels.

    Args:
      outcomes: ``labels`` float32 [n], ``kinds`` int64 [n] and more, by task.
      draws: From the name of a draw to what ``row_draws`` gives for the rows.
      noise: Task → share of its labels that are flipped.

    Returns:
      The outcomes with new ``labels``. A flipped row is of no kind of negative that depends on the other tasks:
      "undetermined" where its label became 0.
    """
    labels, kinds = dict(outcomes["labels"]), dict(outcomes["kinds"])
    for task, share in noise.items():
        flipped = draws(f"label_noise/{task}") < share
        labels[task] = tf.where(flipped, 1.0 - labels[task], labels[task])
        # A missing label stays 0 with weight 0, of whatever kind.
        kind = tf.where(labels[task] > 0, NOT_A_NEGATIVE, UNDETERMINED_NEGATIVE)
        kinds[task] = tf.where(flipped, tf.cast(kind, kinds[task].dtype), kinds[task])
    return {**outcomes, "labels": labels, "kinds": kinds}
