"""The robustness experiments' tables and plots."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from benchmarks.robustness.cases import DATA_RULES, ERM, METHODS, WORLD_RULES
from benchmarks.robustness.rows import FIGURES, against_erm, means
from benchmarks.tables import MeanInterval, markdown, mean_interval, replace_between_marks, show
from pipeline.experiments import plots

# Names of data sets, and seeds.
Wanted = tuple[Sequence[str], Sequence[int]]
NONE = mean_interval([])
_LOOKS = plots.styles(list(METHODS))


def write_worlds(table: pd.DataFrame, readme: Path, wanted: Wanted, bayes: Mapping[str, float]) -> None:
    """Rewrites the worlds' table and plot.

    Args:
      table: From ``rows.rows``.
      readme: With marks.
      wanted: What a complete table has.
      bayes: From ``spurious.bayes_errors``, alike in all worlds.
    """
    replace_between_marks(readme, "worlds", [stated(table, wanted), "", *world_table(table)])
    worlds = list(dict.fromkeys(table["dataset"]))
    with plots.figure(4 * len(WORLD_RULES), 2.8 * len(worlds) + 0.6) as figure:
        grid = figure.subplots(len(worlds), len(WORLD_RULES), squeeze=False, sharey=True)
        for axes, world in zip(grid, worlds, strict=True):
            for axis, rule in zip(axes, WORLD_RULES, strict=True):
                _capacities(axis, table, world, rule)
                for name in ("core_rule", "average_rule/minority"):
                    axis.axhline(bayes[name], color="#999999", linewidth=0.8, linestyle=":")
        grid[0][0].set_ylabel("error in the worst cell")
        figure.legend(*grid[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        plots.save(figure, readme.parent / "worlds")


def _capacities(axis: Axes, table: pd.DataFrame, world: str, rule: str) -> None:
    own = table[(table["dataset"] == world) & (table["rule"] == rule)]
    capacities = sorted(set(own["capacity"]))
    found = means(own, "worst_cell")
    methods = list(dict.fromkeys(own["method"]))
    for shift, method in enumerate(methods):
        points = [found.get((world, units, method, rule, "settings"), NONE) for units in capacities]
        places = [index + (shift - len(methods) / 2) * 0.05 for index in range(len(capacities))]
        axis.errorbar(
            places, [p.mean for p in points], [p.half for p in points], label=method, capsize=2, **_LOOKS[method].line()
        )
    axis.set_xticks(range(len(capacities)), [str(units) for units in capacities])
    axis.set_xlabel("units of the shared layer")
    axis.set_title(f"{world}, epoch kept: {rule}", fontsize=9)


def write_data(table: pd.DataFrame, readme: Path, wanted: Wanted) -> None:
    """Rewrites the data sets' tables and plot; arguments as of ``write_worlds``."""
    lines = [stated(table, wanted), "", "**Decisions at the share of positives in train** (`threshold: base_rate`)", ""]
    lines += [*data_table(table, "settings"), "", "**Decisions at probability 0.5**", "", *data_table(table, "0.5")]
    replace_between_marks(readme, "data", lines)
    datasets = list(dict.fromkeys(table["dataset"]))
    with plots.figure(max(3.8 * len(datasets), 5.6), 4) as figure:
        axes = figure.subplots(1, len(datasets), squeeze=False)[0]
        for axis, dataset in zip(axes, datasets, strict=True):
            _trade_off(axis, table, dataset)
        axes[0].set_ylabel("error in the worst cell")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
        plots.save(figure, readme.parent / "data")


def _trade_off(axis: Axes, table: pd.DataFrame, dataset: str) -> None:
    worst, error = means(table, "worst_cell"), means(table, "error")
    for key, y in worst.items():
        own, _, method, rule, threshold = key
        if own != dataset or rule != "loss":
            continue
        look: dict[str, Any] = _LOOKS[method].line() | {"linestyle": "none"}
        # Filled where decisions are those of the settings.
        look |= {"label": method} if threshold == "settings" else {"markerfacecolor": "white"}
        axis.errorbar([error[key].mean], [y.mean], [y.half], [error[key].half], capsize=2, **look)
    axis.set_xlabel("error on all rows")
    axis.set_title(f"{dataset}; filled: base rate, open: 0.5", fontsize=9)


def stated(table: pd.DataFrame, wanted: Wanted) -> str:
    """What was run, and what of the wanted data sets and seeds was not."""
    trainings = table.drop_duplicates(["dataset", "capacity", "method", "rule", "seed"])
    parts = [
        f"{name}: seeds {', '.join(str(seed) for seed in sorted(set(own['seed'])))}, {len(own)} trainings, "
        f"{own['seconds'].sum() / 60:.0f} minutes"
        for name, own in trainings.groupby("dataset", sort=False)
    ]
    there = set(zip(table["dataset"], table["seed"], strict=True))
    missing = [f"{name} {seed}" for name, seed in itertools.product(*wanted) if (name, seed) not in there]
    partial = f" **Partial**: of the minimum these data sets and seeds were not run: {', '.join(missing)}."
    return "Run: " + "; ".join(parts) + " (clock time of a busy machine)." + (partial if missing else "")


def world_table(table: pd.DataFrame) -> list[str]:
    """A line per world, capacity and method; for each rule the worst cell, its difference from ERM, and the error."""
    head = ["world", "units", "method"]
    for rule in WORLD_RULES:
        head += [f"{rule}: worst cell", "against ERM", "all rows"]
    worst, error, difference = means(table, "worst_cell"), means(table, "error"), against_erm(table, "worst_cell")
    lines = []
    for dataset, capacity, method in _keys(table):
        keys = [(dataset, capacity, method, rule, "settings") for rule in WORLD_RULES]
        cells = [[show(worst.get(k, NONE)), _difference(difference, k), show(error.get(k, NONE))] for k in keys]
        lines.append([dataset, str(capacity), method, *sum(cells, [])])
    return markdown(head, lines, texts=3)


def data_table(table: pd.DataFrame, threshold: str) -> list[str]:
    """A line per data set and method; for each rule the three figures, and the worst cell's difference from ERM."""
    head = ["data", "method"]
    for rule in DATA_RULES:
        head += [f"by {rule}: worst cell", "against ERM", "worst group", "all rows"]
    found = {figure: means(table, figure) for figure in FIGURES}
    difference = against_erm(table, "worst_cell")
    lines = []
    for dataset, capacity, method in _keys(table):
        cells = []
        for rule in DATA_RULES:
            key = (dataset, capacity, method, rule, threshold)
            cell, group, error = (show(found[figure].get(key, NONE)) for figure in FIGURES)
            cells += [cell, _difference(difference, key), group, error]
        lines.append([dataset, method, *cells])
    return markdown(head, lines, texts=2)


def _keys(table: pd.DataFrame) -> Sequence[tuple[str, int, str]]:
    """Data set, capacity and method, in the order in which the first two appear and the methods are declared."""
    known = list(METHODS)
    places = dict.fromkeys(zip(table["dataset"], table["capacity"], strict=True))
    there = set(zip(table["dataset"], table["capacity"], table["method"], strict=True))
    return [(d, c, m) for d, c in places for m in known if (d, c, m) in there]


def _difference(found: Mapping[tuple, MeanInterval], key: tuple) -> str:
    return "" if key[2] == ERM else show(found.get(key, NONE), sign=True)
