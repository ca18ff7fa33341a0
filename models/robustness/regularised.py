"""The two terms of regularised multi-task learning, beside any network's task losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import tensorflow as tf

from models.config.robustness import RegularisedMTL
from models.networks.base import MultiTaskNetwork
from models.networks.layers import derived_seed
from models.robustness.reconstruction import Reconstruction, Reduce, alone
from models.robustness.representation import representation, representation_width

_CORRUPTION = derived_seed(0, "reconstruction/corruption")
_DROPOUT = derived_seed(0, "reconstruction/dropout")


def build_reconstruction(network: MultiTaskNetwork, settings: RegularisedMTL) -> Optional[Reconstruction]:
    """The reconstruction heads for ``network``, with all their variables; None where α is 0.

    Raises:
      ValueError: The network has no shared representation, or no feature can be reconstructed.
    """
    width = representation_width(network)
    if not settings.reconstruction:
        return None
    spec = network.spec
    return Reconstruction(spec.features, spec.vocabulary_sizes, width, settings, spec.seed)


def mean_absolute(hidden: tf.Tensor, reduce: Reduce = alone) -> tf.Tensor:
    """mean|h| over rows and units.

    Args:
      hidden: float32 [n, d].
      reduce: Sums a tensor over replicas.

    Returns:
      float32 scalar: this replica's sum over the global number of activations; 0 without rows.
    """
    count = reduce(tf.cast(tf.size(hidden), tf.float32))
    return tf.math.divide_no_nan(tf.reduce_sum(tf.abs(hidden)), count)


def regularised_terms(
    network: MultiTaskNetwork,
    reconstruction: Optional[Reconstruction],
    settings: RegularisedMTL,
    features: Mapping[str, tf.Tensor],
    shared: Any,
    seed: tf.Tensor,
    *,
    training: bool = True,
    reduce: Reduce = alone,
) -> dict[str, tf.Tensor]:
    """What is added to the tasks' losses.

    The L1 term is the mean over the representations of the clean and of the corrupted batch: both parts of the objective
    write into h, and β keeps its meaning where α is 0.

    Args:
      network: Its trunk runs once more, on the corrupted features, unless α is 0.
      reconstruction: What ``build_reconstruction`` returned for it.
      settings: α and β.
      features: The batch.
      shared: The trunk's output for it.
      seed: int32 [2], the step's.
      training: Whether to drop units in the corrupted batch's pass.
      reduce: Sums a tensor over replicas.

    Returns:
      ``reconstruction``: α L_aux, and ``l1``: β mean|h|; a part that is off is left out.
    """
    terms: dict[str, tf.Tensor] = {}
    hidden = [representation(network, shared)]
    if reconstruction is not None:
        loss, corrupted = _auxiliary(network, reconstruction, features, seed, training, reduce)
        terms["reconstruction"] = settings.reconstruction * loss
        hidden.append(corrupted)
    if settings.l1:
        means = [mean_absolute(part, reduce) for part in hidden]
        terms["l1"] = settings.l1 * tf.add_n(means) / len(means)
    return terms


def pretraining_loss(
    network: MultiTaskNetwork,
    reconstruction: Reconstruction,
    features: Mapping[str, tf.Tensor],
    seed: tf.Tensor,
    *,
    training: bool = True,
    reduce: Reduce = alone,
) -> tf.Tensor:
    """L_aux alone, the loss of ``pretrain_epochs``; the variables of the tasks' heads get no gradient from it."""
    return _auxiliary(network, reconstruction, features, seed, training, reduce)[0]


def _auxiliary(
    network: MultiTaskNetwork,
    reconstruction: Reconstruction,
    features: Mapping[str, tf.Tensor],
    seed: tf.Tensor,
    training: bool,
    reduce: Reduce,
) -> tuple[tf.Tensor, tf.Tensor]:
    """L_aux and the representation of the corrupted batch."""
    fold = tf.random.experimental.stateless_fold_in
    corrupted, cells = reconstruction.corrupt(features, fold(seed, _CORRUPTION))
    # Keys that are no inputs stay, for trunks that read more.
    shared = network.trunk({**features, **corrupted}, training=training, seed=fold(seed, _DROPOUT))
    hidden = representation(network, shared)
    return reconstruction.loss(hidden, features, cells, reduce), hidden
