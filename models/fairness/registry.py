"""Fairness losses by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from models.config.choices import LOSS_NAMES
from models.config.settings import FairnessSettings
from models.fairness.base import FairnessLoss
from models.fairness.correlation import CorrelationLoss
from models.fairness.fpr_gap import FPRGapLoss
from models.fairness.laplace_mmd import LaplaceMMDLoss
from models.fairness.mmd import MMDLoss

Builder = Callable[[FairnessSettings, int, Optional[float]], FairnessLoss]


def _fpr_gap(settings: FairnessSettings, n_groups: int, threshold: Optional[float]) -> FairnessLoss:
    return FPRGapLoss(n_groups, settings.reduction, settings.sharpness, threshold)


def _correlation(settings: FairnessSettings, n_groups: int, threshold: Optional[float]) -> FairnessLoss:
    return CorrelationLoss(n_groups, settings.reduction)


def _mmd(settings: FairnessSettings, n_groups: int, threshold: Optional[float]) -> FairnessLoss:
    if settings.kernel == "laplace":
        return LaplaceMMDLoss(n_groups, settings.reduction, settings.bandwidth)
    return MMDLoss(n_groups, settings.reduction, settings.kernel, settings.bandwidth)


FAIRNESS_LOSSES: dict[str, Builder] = {"fpr_gap": _fpr_gap, "correlation": _correlation, "mmd": _mmd}


def register_fairness_loss(name: str, builder: Builder) -> None:
    """Adds a loss that settings may name from then on; ``models/config/extensions.py`` has an example.

    Args:
      name: As ``fairness.loss`` gives it.
      builder: Makes the loss of settings, the number of groups, and the task's threshold (a probability; None where it is
        not known yet).

    Raises:
      ValueError: There is another loss of this name.
    """
    there = FAIRNESS_LOSSES.setdefault(name, builder)
    if there is not builder:
        raise ValueError(f"there is a fairness loss `{name}` already; give yours another name")
    if name not in LOSS_NAMES:
        LOSS_NAMES.append(name)


def build_fairness_loss(settings: FairnessSettings, n_groups: int, threshold: Optional[float]) -> FairnessLoss:
    """Builds the loss that ``settings.loss`` names.

    Args:
      settings: Loss, kernel, bandwidth, sharpness and reduction.
      n_groups: Number of groups.
      threshold: The task's decision threshold, a probability; None where it is not known yet. Only ``fpr_gap`` with a
        ``sharpness`` reads it.

    Returns:
      The loss, the same function for every task but for its threshold.

    Raises:
      ValueError: The name is not registered, or the settings do not fit.
    """
    if settings.loss not in FAIRNESS_LOSSES:
        raise ValueError(f"`loss` should be one of {sorted(FAIRNESS_LOSSES)}. Received: {settings.loss!r}")
    return FAIRNESS_LOSSES[settings.loss](settings, n_groups, threshold)
