"""Networks by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from models.config.networks import NetworkSettings, register_network_settings
from models.config.settings import FeatureSettings
from models.networks.base import MultiTaskNetwork, NetworkSpec
from models.networks.cross_stitch import CrossStitch
from models.networks.dsmtl import Dsmtl
from models.networks.mmoe import MMoE
from models.networks.ple import Cgc, Ple
from models.networks.shared_bottom import SharedBottom
from models.networks.single_task import SingleTask

NETWORKS: dict[str, type[MultiTaskNetwork]] = {}


def register_network(name: str, network: type[MultiTaskNetwork]) -> None:
    """Makes ``network`` buildable as ``name``, and ``model: {network: name}`` be read as its ``settings_class``.

    Raises:
      ValueError: Another class has that name.
    """
    if NETWORKS.get(name, network) is not network:
        raise ValueError(f"network `{name}` is already registered, as {NETWORKS[name].__name__}")
    register_network_settings(name, network.settings_class)
    NETWORKS[name] = network


register_network("single_task", SingleTask)
register_network("shared_bottom", SharedBottom)
register_network("mmoe", MMoE)
register_network("cgc", Cgc)
register_network("ple", Ple)
register_network("cross_stitch", CrossStitch)
register_network("dsmtl", Dsmtl)


def build_network(
    settings: NetworkSettings,
    features: FeatureSettings,
    vocabulary_sizes: Mapping[str, int],
    tasks: Sequence[str],
    seed: int,
) -> MultiTaskNetwork:
    """Builds the network that ``settings.network`` names, with all its variables.

    Args:
      settings: Name and capacity.
      features: The inputs.
      vocabulary_sizes: Number of ids of each categorical feature, out-of-vocabulary buckets included.
      tasks: Task names; outputs keep their order.
      seed: Fixes the initial weights: equal arguments give equal weights.

    Returns:
      The network.

    Raises:
      ValueError: The name is not registered, or the arguments do not fit (see ``NetworkSpec``).
    """
    if settings.network not in NETWORKS:
        raise ValueError(f"`network` should be one of {sorted(NETWORKS)}. Received: {settings.network!r}")
    spec = NetworkSpec(settings, features, dict(vocabulary_sizes), tuple(tasks), seed)
    return NETWORKS[settings.network](spec, name=settings.network)
