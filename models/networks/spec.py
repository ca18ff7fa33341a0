"""What a network is built from, and the parts that all networks are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import tensorflow as tf

from models.config.networks import NetworkSettings, network_settings
from models.config.settings import CategoricalFeature, FeatureSettings, NumericFeature
from models.networks.encoder import FeatureEncoder, check_vocabulary_sizes
from models.networks.layers import DenseStack

Own = TypeVar("Own", bound=NetworkSettings)


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """All that a network is built from.

    Attributes:
      settings: Capacity.
      features: The inputs.
      vocabulary_sizes: Number of ids of each categorical feature, out-of-vocabulary buckets included.
      tasks: Task names in the order in which they were declared; outputs keep it.
      seed: Fixes the initial weights.

    Raises:
      ValueError: There is no task, a task stands twice, or a vocabulary size is missing.
    """

    settings: NetworkSettings
    features: FeatureSettings
    vocabulary_sizes: Mapping[str, int]
    tasks: tuple[str, ...]
    seed: int

    def __post_init__(self) -> None:
        if not self.tasks or len(set(self.tasks)) != len(self.tasks):
            raise ValueError(f"`tasks` should be one or more different names. Received: {list(self.tasks)}")
        check_vocabulary_sizes(self.features, self.vocabulary_sizes)

    def own(self, kind: type[Own]) -> Own:
        """The settings as those of the network's own class, which has keys beside the capacity.

        Raises:
          TypeError: They are another network's.
        """
        if not isinstance(self.settings, kind):
            raise TypeError(f"expected {kind.__name__}. Received: settings of `network: {self.settings.network}`")
        return self.settings

    def encoder(self, path: str) -> FeatureEncoder:
        """A new encoder of the inputs, initialised by its ``path``."""
        return FeatureEncoder(self.features, self.settings, self.vocabulary_sizes, self.seed, path)

    def stack(self, units: Sequence[int], path: str, first: int = 0) -> DenseStack:
        """A new stack of dense layers, initialised by its ``path`` and the index of its ``first`` layer."""
        return DenseStack(units, self.settings.dropout, self.seed, path, first)

    def task_paths(self) -> list[str]:
        """For each task, a part of a path that no other task has."""
        return [f"{index}_{task}" for index, task in enumerate(self.tasks)]

    def inputs_of(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The network's inputs among ``features``, as they are: a trunk's output for heads with encoders of their own.

        Raises:
          KeyError: An input is missing.
        """
        return {feature.name: features[feature.name] for feature in self.features.inputs}

    def empty_batch(self) -> dict[str, tf.Tensor]:
        """Features of no rows, as the encoder takes them."""
        return {feature.name: _no_rows(feature) for feature in self.features.inputs}


def _no_rows(feature: Any) -> tf.Tensor:
    if isinstance(feature, NumericFeature):
        return tf.zeros([0], tf.float32)
    return tf.zeros([0] if isinstance(feature, CategoricalFeature) else [0, 1], tf.int64)


def spec_of_config(config: Mapping[str, Any]) -> NetworkSpec:
    """The spec that ``MultiTaskNetwork.get_config`` wrote; further keys are ignored."""
    return NetworkSpec(
        settings=network_settings(**config["settings"]),
        features=FeatureSettings.model_validate(config["features"]),
        vocabulary_sizes=config["vocabulary_sizes"],
        tasks=tuple(config["tasks"]),
        seed=config["seed"],
    )
