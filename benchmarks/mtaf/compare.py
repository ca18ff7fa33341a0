"""Frontiers of the series on one table, their hypervolumes, and which dominates which."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np
import pandas as pd

from benchmarks.mtaf.grid import LOSSES, MODES, NONE, SINGLE, SINGLE_FAIR
from pipeline.frontier.pareto import Hypervolume, dominated, pareto, with_intervals

# ARE and ARFG beyond which a point counts for nothing, as in `make frontier`.
REFERENCE = (1.1, 1.1)
FIGURES = ["are", "arfg"]
SERIES = (*MODES, SINGLE_FAIR)
_SETTING = ["series", "loss", "strength", "head_ratio", "network", "batches", "batch_size", "kernel"]


class Comparison(NamedTuple):
    """One network, one loss or all of them.

    Attributes:
      loss: Or ``all``.
      areas: Series → hypervolume.
      differences: (one, other) → hypervolume of the one minus that of the other.
      beaten: (one, other) → how many frontier points of the other a point of the one dominates, and of how many.
      left_out: Settings without figures for all seeds.
    """

    loss: str
    areas: dict[str, Hypervolume]
    differences: dict[tuple[str, str], Hypervolume]
    beaten: dict[tuple[str, str], tuple[int, int]]
    left_out: int


def compare(
    table: pd.DataFrame, thresholds: str, network: str, loss: Optional[str], ratio: Optional[float]
) -> Comparison:
    """Compares the series that are trained.

    Every series starts from λ = 0: the model without a fairness loss, or single-task models.

    Args:
      table: Of a part.
      thresholds: Which of its rows.
      network: Of the series that share layers.
      loss: One loss; None = all.
      ratio: One head ratio, so that all series have as many settings; None = all.
    """
    table = table[table["thresholds"] == thresholds]
    found: dict[str, np.ndarray] = {}
    left_out = 0
    for series in SERIES:
        of_network = "shared_bottom" if series == SINGLE_FAIR else network
        own = (table["series"] == series) & (table["network"] == of_network)
        if loss is not None:
            own &= table["loss"] == loss
        if ratio is not None and series.startswith("mtaf"):
            own &= table["head_ratio"] == ratio
        if not own.any():
            continue
        start = (table["series"] == (SINGLE if series == SINGLE_FAIR else NONE)) & (table["network"] == of_network)
        figures, missing = by_seed(table[own | start])
        left_out += missing
        if len(figures):
            found[series] = figures
    areas, differences = with_intervals(found, REFERENCE)
    fronts = {series: _front(figures) for series, figures in found.items()}
    beaten = {
        (one, other): (int(dominated(fronts[other], fronts[one]).sum()), len(fronts[other]))
        for one, other in differences
    }
    return Comparison(loss or "all", areas, differences, beaten, left_out)


def _front(figures: np.ndarray) -> np.ndarray:
    means = figures.mean(axis=1)
    return means[pareto(means)]


def by_seed(table: pd.DataFrame) -> tuple[np.ndarray, int]:
    """ARE and ARFG of each setting.

    Returns:
      float [settings, seeds, 2], and how many settings have not both for every seed, which are left out.
    """
    seeds = sorted(table["seed"].unique())
    kept, missing = [], 0
    for _, rows in table.groupby(_SETTING, sort=False, dropna=False):
        values = rows.set_index("seed").reindex(seeds)[FIGURES].to_numpy(float)
        if np.isfinite(values).all():
            kept.append(values)
        else:
            missing += 1
    return (np.stack(kept) if kept else np.zeros((0, len(seeds), 2))), missing


def comparisons(table: pd.DataFrame, thresholds: str, ratio: Optional[float] = 1.0) -> list[tuple[str, Comparison]]:
    """Network and comparison: each network by loss, and over all losses where every series has them all, and several."""
    found = []
    trained = table[table["series"].isin(SERIES)]
    pairs = set(zip(trained["series"], trained["loss"], strict=True))
    for network in sorted(table.loc[table["series"] == NONE, "network"].unique(), reverse=True):
        losses: list[Optional[str]] = [loss for loss in LOSSES if (table["loss"] == loss).any()]
        # A series that was trained with more losses than another has more points to choose from.
        same = pairs == {(series, loss) for series, _ in pairs for loss in losses}
        for loss in [*losses, *([None] if same and len(losses) > 1 else [])]:
            found.append((str(network), compare(table, thresholds, str(network), loss, ratio)))
    return found


def settings_of(table: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each setting, in the table's order."""
    return [rows for _, rows in table.groupby(_SETTING, sort=False, dropna=False)]
