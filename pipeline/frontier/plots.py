"""The frontier drawn: ARFG against ARE, and each task's FPR gap against its error, as PNG and SVG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipeline.experiments.plots import figure as styled
from pipeline.experiments.plots import save
from pipeline.frontier.grid import BASELINE
from pipeline.frontier.tradeoff import Tradeoff

# Of the Okabe-Ito palette, which the colour-blind can tell apart; shapes and lines differ as well.
_STYLES: dict[str, tuple[str, str, str]] = {
    "none": ("#000000", "s", ":"),
    "vanilla": ("#D55E00", "^", "--"),
    "mtaf": ("#0072B2", "o", "-"),
    "mtaf_difference": ("#009E73", "D", "-."),
}
_RC = {"font.size": 10, "figure.dpi": 150}
_COLUMNS = 3
_MARGIN = 0.06


def draw(dataset: str, group: str, tasks: list[str], table: pd.DataFrame, found: Tradeoff, folder: Path) -> list[Path]:
    """Draws both figures.

    Args:
      dataset: Its name.
      group: The primary group key.
      tasks: Names.
      table: All trainings.
      found: What was made of them; with one setting on a frontier or more.
      folder: Where the files go; made here.

    Returns:
      The PNGs; an SVG lies beside each.
    """
    with styled(7.6, 5.4, **_RC) as figure:
        _tradeoff(figure, dataset, group, table, found)
        files = save(figure, folder / "arfg_are", ("png", "svg"))
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    with styled(max(6.4, 4.3 * columns), 3.7 * rows + 1.1, **_RC) as figure:
        _tasks(figure, (rows, columns), dataset, group, tasks, table, found)
        files += save(figure, folder / "gap_error", ("png", "svg"))
    return [file for file in files if file.suffix == ".png"]


def _tradeoff(figure: Figure, dataset: str, group: str, table: pd.DataFrame, found: Tradeoff) -> None:
    axes = figure.add_subplot()
    for mode in found.hypervolumes:
        _points(axes, found, table, mode, "are", "arfg", _area(found, mode))
    limit = (found.reference.are, found.reference.arfg)
    axes.plot(1, 1, marker="*", ms=13, color="#CC79A7", ls="none", label="single-task models", zorder=4)
    axes.plot(*limit, marker="+", ms=10, mew=1.6, color="#767676", ls="none", label="reference of hypervolumes")
    for line, at in ((axes.axvline, 1), (axes.axhline, 1)):
        line(at, color="#dddddd", lw=0.8, zorder=0)
    note = _zoom(axes, found, "are", "arfg", [(1.0, 1.0), limit])
    axes.set_xlabel(f"ARE: errors relative to single-task models (lower is better){note}")
    axes.set_ylabel(f"ARFG: FPR gaps between {group},\nrelative to single-task models (lower is better)")
    brackets = "; in brackets: 95 % bootstrap over seeds" if len(found.seeds) > 1 else ""
    _title(figure, f"{dataset}: fairness against error, test split", f"{_how(found)}{brackets}")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False, fontsize=9)


def _title(figure: Figure, title: str, how: str) -> None:
    figure.suptitle(
        f"{title}\n{how}\nfilled: on the frontier of its mode in ARE and ARFG; hollow: dominated", fontsize=10
    )


def _area(found: Tradeoff, mode: str) -> str:
    area = found.hypervolumes[mode]
    ends = "" if area.interval is None else " [{:.4f}, {:.4f}]".format(*area.interval)
    return f"{mode}: hypervolume {area.value:.4f}{ends}"


def _how(found: Tradeoff) -> str:
    if len(found.seeds) == 1:
        return f"one seed ({found.seeds[0]}); whiskers: 95 % interval of the test rows"
    return f"mean over seeds {', '.join(map(str, found.seeds))}; whiskers: lowest and highest seed"


def _tasks(
    figure: Figure,
    grid: tuple[int, int],
    dataset: str,
    group: str,
    tasks: list[str],
    table: pd.DataFrame,
    found: Tradeoff,
) -> None:
    single = table[(table["mode"] == BASELINE) & (table["status"] == "trained")]
    for number, task in enumerate(tasks):
        axes = figure.add_subplot(*grid, number + 1)
        x, y = f"error/{task}", f"fpr_gap/{task}"
        for mode in found.hypervolumes:
            _points(axes, found, table, mode, x, y, mode, line=False)
        base = (float(single[x].mean()), float(single[y].mean()))
        axes.plot(*base, marker="*", ms=13, color="#CC79A7", ls="none", label="single-task models", zorder=4)
        note = _zoom(axes, found, x, y, [base])
        axes.set_title(task, fontsize=11)
        axes.set_xlabel(f"error{note}")
        if number % grid[1] == 0:
            axes.set_ylabel(f"FPR gap between {group}")
        if number == 0:
            handles = axes.get_legend_handles_labels()
    _title(figure, f"{dataset}: FPR gap between {group} against error by task, test split", _how(found))
    figure.legend(*handles, loc="outside lower center", ncols=5, frameon=False, fontsize=9)


def _points(
    axes: Axes, found: Tradeoff, table: pd.DataFrame, mode: str, x: str, y: str, label: str, *, line: bool = True
) -> None:
    """Settings of a mode hollow and pale, those on its frontier filled, with whiskers and joined by a staircase."""
    colour, marker, style = _STYLES[mode]
    own = found.means[found.means["mode"] == mode].sort_values([x, y])
    front = own[own["frontier"]]
    rest = own[~own["frontier"]]
    axes.plot(rest[x], rest[y], marker=marker, ms=5.5, mfc="none", mec=colour, alpha=0.55, ls="none", zorder=2)
    if line and len(front) > 1:
        axes.step(front[x], front[y], where="post", color=colour, ls=style, lw=1.4, alpha=0.8, zorder=1)
    spread = [_whiskers(front, table, found, name) for name in (x, y)]
    axes.errorbar(
        front[x],
        front[y],
        xerr=spread[0],
        yerr=spread[1],
        fmt="none",
        ecolor=colour,
        elinewidth=0.9,
        alpha=0.5,
        zorder=2,
    )
    axes.plot(
        front[x], front[y], marker=marker, ms=7, color=colour, mec="white", mew=0.7,
        ls="none", label=label, zorder=3,
    )  # fmt: skip


def _whiskers(front: pd.DataFrame, table: pd.DataFrame, found: Tradeoff, name: str) -> np.ndarray:
    """[2, n], below and above; of one seed the interval over rows, where all have one."""
    if len(found.seeds) > 1:
        low, high = front[f"{name}/lowest"], front[f"{name}/highest"]
    else:
        own = table.set_index("settings").loc[front["settings"]]
        low, high = own[f"{name}/lower"], own[f"{name}/upper"]
    ends = np.stack([front[name].to_numpy() - low.to_numpy(), high.to_numpy() - front[name].to_numpy()])
    # An interval without an end is not drawn, and one that a rounding puts above its value has no length there.
    return np.maximum(np.nan_to_num(ends), 0)


def _zoom(axes: Axes, found: Tradeoff, x: str, y: str, marks: list[tuple[float, float]]) -> str:
    """Shows frontiers with their whiskers and the marks; returns how many settings lie outside, in words.

    One diverged setting with ten times the error would otherwise press all others together.
    """
    front = found.means[found.means["frontier"]]
    for axis, name, place in (("x", x, 0), ("y", y, 1)):
        values = [*front[f"{name}/lowest"], *front[f"{name}/highest"], *(mark[place] for mark in marks)]
        low, high = np.nanmin(values), np.nanmax(values)
        margin = _MARGIN * (high - low or abs(high) or 1)
        axes.set(**{f"{axis}lim": (low - margin, high + margin)})
    inside = found.means[x].between(*axes.get_xlim()) & found.means[y].between(*axes.get_ylim())
    outside = int((~inside).sum())
    return f"\n{outside} setting{'s' if outside > 1 else ''} beyond the edges" if outside else ""
