"""The report's figures as PNG and SVG: trade-off, false positives by group, training. The same run gives the same bytes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Optional

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Of the Okabe-Ito palette, which the colour-blind can tell apart; shapes and line styles differ as well.
MODEL, BASELINE, OTHER = "#0072B2", "#D55E00", "#767676"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLE: dict[str, Any] = {
    "svg.hashsalt": "fairness-report",
    "svg.fonttype": "none",
    "font.size": 10,
    # A name is a name: `$` starts no formula.
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
# More groups than this are not legible in one panel.
MAX_GROUPS = 24


def draw(main: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Draws all figures.

    Args:
        main: The page's main data.
        folder: Where they go; made here.

    Returns:
        Title → path of the PNG; the SVG lies beside it.
    """
    folder.mkdir(parents=True)
    with matplotlib.rc_context(_STYLE):
        found = {
            "Trade-off of fairness and error": ("tradeoff", _tradeoff(main["tradeoff"], main["group"])),
            f"False positive rate by {main['group']}": ("false_positive_rates", _rates(main)),
            "Training": ("training", _training(main)),
        }
        return {title: _save(figure, folder, name) for title, (name, figure) in found.items()}


def _save(figure: Figure, folder: Path, name: str) -> Path:
    FigureCanvasAgg(figure)
    path = folder / f"{name}.png"
    with warnings.catch_warnings():
        # A PNG has boxes for letters that Matplotlib's own font lacks; an SVG leaves them to its reader.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(path, dpi=150, metadata={"Software": None})
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
    return path


def _tradeoff(tradeoff: dict[str, Any], group: str) -> Figure:
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.add_subplot()
    frontier = sorted((point["are"], point["arfg"]) for point in tradeoff["frontier"])
    if frontier:
        axes.plot(*zip(*frontier, strict=True), color=OTHER, marker="D", ms=4, lw=1, label="frontier")
    for point in tradeoff["points"]:
        if point["are"][0] is None or point["arfg"][0] is None:
            continue
        current = point["current"]
        axes.errorbar(
            point["are"][0], point["arfg"][0],
            xerr=_whiskers(*point["are"]) if current else None, yerr=_whiskers(*point["arfg"]) if current else None,
            color=MODEL if current else OTHER, marker="o" if point["blessed"] else "X", ms=9 if current else 6,
            lw=1.2, ls="none", label="this run" if current else None,
        )  # fmt: skip
    for line in (axes.axhline, axes.axvline):
        line(1, color="#bbbbbb", lw=0.8, zorder=0)
    for name, line in (("arfg", axes.axhline), ("are", axes.axvline)):
        if name in tradeoff["limits"]:
            line(tradeoff["limits"][name], color=BASELINE, lw=1, ls="--", zorder=0)
    axes.set_xlabel("ARE: errors relative to single-task models")
    axes.set_ylabel(f"ARFG: gaps between {group},\nrelative to single-task models")
    if axes.get_legend_handles_labels()[0]:
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False)
    return figure


def _whiskers(value: float, lower: Optional[float], upper: Optional[float]) -> Optional[list[list[float]]]:
    return None if lower is None or upper is None else [[max(0.0, value - lower)], [max(0.0, upper - value)]]


def _rates(main: dict[str, Any]) -> Figure:
    tasks, found = main["tasks"], main["rates"][main["group"]]
    shown = sorted(range(len(found["groups"])), key=lambda g: -found["rows"][g])[:MAX_GROUPS]
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    height = 0.9 + 0.42 * max(2, len(shown))
    figure = Figure(figsize=(3.6 * columns, height * rows + 0.4), layout="constrained")
    for number, task in enumerate(tasks):
        axes = figure.add_subplot(rows, columns, number + 1)
        for who, offset, colour, marker in (("baseline", 0.14, BASELINE, "s"), ("model", -0.14, MODEL, "o")):
            column = found["cells"][task][who]["fpr"]
            values, lower, upper = (100 * np.array([column[k][g] for g in shown], float) for k in ("v", "lo", "hi"))
            # An undefined rate is NaN and not drawn; without an interval there is no whisker.
            whiskers = np.nan_to_num(np.maximum([values - lower, upper - values], 0))
            axes.errorbar(
                values, np.arange(len(shown)) - offset, xerr=whiskers, color=colour, marker=marker, ls="none",
                mfc=colour if who == "model" else "white", ms=6, lw=1.4,
                label={"baseline": "single-task", "model": "model"}[who],
            )  # fmt: skip
        axes.set_yticks(range(len(shown)), [found["groups"][g] for g in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_title(task, fontsize=11)
        axes.set_xlabel("false positives, % of negatives")
        if number == 0 and axes.get_legend_handles_labels()[0]:
            figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False)
    return figure


def _training(main: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    loss, fairness = figure.subplots(1, 2)
    for who, colour, name in (("baseline", BASELINE, "single-task"), ("model", MODEL, "model")):
        found = main["training"][who]
        epochs = range(1, len(found["loss"]["train"]) + 1)
        loss.plot(epochs, found["loss"]["train"], color=colour, ls="--", marker=".", label=f"{name}, train")
        loss.plot(epochs, found["loss"]["validation"], color=colour, marker="o", ms=4, label=f"{name}, validation")
    loss.set(xlabel="epoch", ylabel="loss, tasks weighted")
    loss.legend(frameon=False, fontsize=8)
    for number, (task, found) in enumerate(main["training"]["model"]["tasks"].items()):
        gap = [None if value is None else 100 * value for value in found["fpr_gap"]]
        epochs = range(1, len(gap) + 1)
        fairness.plot(
            epochs, gap, color=_COLOURS[number % 7], ls=("-", "--", ":")[number // 7 % 3], marker=".", label=task
        )
    fairness.set(xlabel="epoch", ylabel="model's FPR gap on validation, points")
    for axes in (loss, fairness):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    fairness.legend(frameon=False, fontsize=8, ncols=1 + len(main["tasks"]) // 7)
    return figure
