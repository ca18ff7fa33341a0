"""What the table says: means over seeds, the Pareto frontier of each mode, hypervolumes, and who dominates whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.frontier.grid import BASELINE, Setting
from pipeline.frontier.pareto import Hypervolume, dominated, pareto, with_intervals
from pipeline.frontier.settings import ReferencePoint
from pipeline.frontier.table import TRAINED

# The figures whose frontier it is, in the order of the arrays' last axis.
FIGURES = ("are", "arfg")


@dataclass(frozen=True)
class LeftOut:
    """A setting that no frontier can hold, since its means over seeds are not all there.

    Attributes:
      key: Hash of the settings.
      name: The setting in words.
      reasons: Reason → seeds.
    """

    key: str
    name: str
    reasons: dict[str, list[int]]


@dataclass(frozen=True)
class Dominance:
    """A mode against another.

    Attributes:
      one: A mode.
      other: The mode that it is compared with.
      of_other: How many of the other's frontier points a point of the one dominates, and how many there are.
      of_one: The same the other way round.
      difference: Hypervolume of the one minus that of the other.
    """

    one: str
    other: str
    of_other: tuple[int, int]
    of_one: tuple[int, int]
    difference: Hypervolume

    @property
    def holds(self) -> bool:
        """Whether the one dominates the other: all of the other's points are dominated."""
        return self.of_other[0] == self.of_other[1] > 0


@dataclass(frozen=True)
class Tradeoff:
    """All that is said of the table.

    Attributes:
      seeds: That every mean is taken over.
      reference: Of the hypervolumes.
      means: A row per setting whose figures are all there: the setting's columns, ``settings`` (its hash), each figure's
        mean over seeds under its name and its ``/lowest`` and ``/highest`` seed, ``frontier`` (of its mode) and ``overall``
        (of all modes together).
      hypervolumes: By mode.
      dominance: MTA-F's modes against ``vanilla``, where both are there.
      left_out: Settings without means.
      outside: Mode → settings beyond the reference point.
    """

    seeds: tuple[int, ...]
    reference: ReferencePoint
    means: pd.DataFrame
    hypervolumes: dict[str, Hypervolume]
    dominance: list[Dominance]
    left_out: list[LeftOut]
    outside: dict[str, int]

    def frontier(self, mode: str) -> pd.DataFrame:
        """The frontier of a mode, by rising ARE."""
        rows = self.means[(self.means["mode"] == mode) & self.means["frontier"]]
        return rows.sort_values(list(FIGURES))

    def proposed(self) -> str:
        """Hash of the frontier point that alone dominates the largest area; of the lowest ARE where none dominates any."""
        points = self.means[self.means["frontier"]].sort_values("are")
        width = (self.reference.are - points["are"]).clip(lower=0)
        height = (self.reference.arfg - points["arfg"]).clip(lower=0)
        return str(points.loc[(width * height).idxmax(), "settings"])


def name_of(setting: Mapping[str, Any] | pd.Series) -> str:
    """A setting in words, such as ``mtaf, mmd, λ 0.3, r 1, shared_bottom``; fixed task weights go without saying."""
    parts = [setting["mode"], setting["loss"]]
    # pandas has NaN where there is no number.
    parts += [] if pd.isna(setting["strength"]) else [f"λ {setting['strength']:g}"]
    parts += [f"r {setting['head_ratio']}"] if setting["head_ratio"] else []
    parts += [setting["network"], "" if setting["weighting"] == "fixed" else setting["weighting"]]
    return ", ".join(part for part in parts if part)


def tradeoff(table: pd.DataFrame, seeds: Sequence[int], reference: ReferencePoint) -> Tradeoff:
    """Reads the table.

    Args:
      table: All trainings.
      seeds: That each setting was trained with.
      reference: Of the hypervolumes.
    """
    means, figures, left_out = [], [], []
    of_settings = table[table["mode"] != BASELINE].groupby("settings", sort=False)
    for key, rows in of_settings:
        rows = rows.set_index("seed").loc[list(seeds)]
        reasons = _reasons(rows)
        if reasons:
            left_out.append(LeftOut(str(key), name_of(rows.iloc[0]), reasons))
            continue
        means.append({**rows.iloc[0][list(Setting._fields)].to_dict(), "settings": key, **_means(rows)})
        figures.append(rows[list(FIGURES)].to_numpy(float))
    frame = pd.DataFrame(means, columns=None if means else [*Setting._fields, "settings", *FIGURES])
    values = np.stack(figures) if figures else np.zeros((0, len(seeds), 2))
    return _compared(frame, values, tuple(seeds), reference, left_out)


def _reasons(rows: pd.DataFrame) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for seed, row in rows.iterrows():
        missing = [figure for figure in FIGURES if not np.isfinite(row[figure])]
        if row["status"] != TRAINED:
            reason = row["failure"]
        elif missing:
            reason = "; ".join(f"{figure.upper()} is undefined: {row[f'{figure}/reason']}" for figure in missing)
        else:
            continue
        found.setdefault(str(reason), []).append(int(seed))
    return found


def _means(rows: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    ends = ("/lower", "/upper", "/reason")
    first = list(rows.columns).index("arfg")
    for column in rows.columns[first:]:
        if column.endswith(ends):
            continue
        values = rows[column].to_numpy(float)
        # A mean that lacks a seed would be compared with those that have all.
        found[column] = float(values.mean())
        found[f"{column}/lowest"], found[f"{column}/highest"] = float(values.min()), float(values.max())
    return found


def _compared(
    means: pd.DataFrame,
    figures: np.ndarray,
    seeds: tuple[int, ...],
    reference: ReferencePoint,
    left_out: list[LeftOut],
) -> Tradeoff:
    modes = list(dict.fromkeys(means["mode"]))
    values, limit = figures.mean(axis=1), (reference.are, reference.arfg)
    on_frontier = np.zeros(len(means), bool)
    by_mode: dict[str, np.ndarray] = {}
    for mode in modes:
        own = np.flatnonzero(means["mode"] == mode)
        on_frontier[own] = pareto(values[own])
        by_mode[mode] = figures[own]
    areas, differences = with_intervals(by_mode, limit)
    fronts = {mode: values[on_frontier & (means["mode"] == mode).to_numpy()] for mode in modes}
    dominance = [
        Dominance(one, "vanilla", _count(fronts["vanilla"], fronts[one]), _count(fronts[one], fronts["vanilla"]), area)
        for (one, other), area in differences.items()
        if other == "vanilla" and one.startswith("mtaf")
    ]
    beyond = (values >= limit).any(axis=1)
    outside = {mode: int(beyond[(means["mode"] == mode).to_numpy()].sum()) for mode in modes}
    means = means.assign(frontier=on_frontier, overall=pareto(values))
    return Tradeoff(seeds, reference, means, areas, dominance, left_out, outside)


def _count(points: np.ndarray, by: np.ndarray) -> tuple[int, int]:
    return int(dominated(points, by).sum()), len(points)


def as_json(found: Tradeoff) -> dict[str, Any]:
    """For programs."""

    def area(value: Hypervolume) -> dict[str, Any]:
        return {"value": value.value, "interval": value.interval}

    rows = found.means[found.means["frontier"]].sort_values(["mode", *FIGURES])
    return {
        "seeds": list(found.seeds),
        "reference": found.reference.model_dump(),
        "settings": len(found.means),
        "frontier": [{k: None if pd.isna(v) else v for k, v in row.items()} for row in rows.to_dict("records")],
        "hypervolume": {mode: area(value) for mode, value in found.hypervolumes.items()},
        "outside_reference": found.outside,
        "dominance": [
            {
                "one": each.one,
                "other": each.other,
                "dominates": each.holds,
                "points_of_other_dominated": each.of_other,
                "points_of_one_dominated": each.of_one,
                "hypervolume_difference": area(each.difference),
            }
            for each in found.dominance
        ],
        "left_out": [{"settings": e.key, "name": e.name, "reasons": e.reasons} for e in found.left_out],
    }
