"""The plots: ARFG against ARE by loss, each task's gap against its error, and the noise of the losses."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.mtaf.compare import REFERENCE, SERIES, settings_of
from benchmarks.mtaf.grid import LOSSES, NONE, SINGLE, SINGLE_FAIR
from pipeline.experiments.plots import figure, save, styles
from pipeline.frontier.pareto import pareto

_STYLES = styles([NONE, *SERIES, SINGLE])


def draw(found: dict[str, pd.DataFrame], noise: Optional[pd.DataFrame], folder: Path) -> None:
    """Writes the plots of the parts that are there."""
    for name, table in found.items():
        if name in ("released", "batches"):
            continue
        for network in sorted(table.loc[table["series"] == NONE, "network"].unique()):
            suffix = "" if table.loc[table["series"] == NONE, "network"].nunique() == 1 else f"-{network}"
            tradeoffs(name, table, str(network), folder / f"{name}{suffix}")
            tasks(name, table, str(network), folder / f"{name}{suffix}-tasks")
    if noise is not None:
        noises(noise, folder / "noise")


def tradeoffs(name: str, table: pd.DataFrame, network: str, path: Path) -> None:
    """ARFG against ARE, a panel for each loss and way to take thresholds."""
    losses = [loss for loss in LOSSES if (table["loss"] == loss).any()]
    kinds = [kind for kind in ("validation", "evaluated") if (table["thresholds"] == kind).any()]
    with figure(3.3 * len(losses) + 0.6, 2.9 * len(kinds) + 0.9) as made:
        axes = made.subplots(len(kinds), len(losses), squeeze=False, sharey=True, sharex="col")
        for kind, line in zip(kinds, axes, strict=True):
            for loss, panel in zip(losses, line, strict=True):
                _panel(panel, table[table["thresholds"] == kind], network, loss, ("are", "arfg"))
                panel.plot(*REFERENCE, marker="+", ms=8, color="#444444", ls="none", label="reference of hypervolumes")
                where = "validation" if kind == "validation" else "evaluated scores"
                panel.set_title(f"{loss}, thresholds on {where}", fontsize=9)
            line[0].set_ylabel("ARFG")
        for panel in axes[-1]:
            panel.set_xlabel("ARE")
        _finish(made, axes, name, network, table)
        save(made, path)


def tasks(name: str, table: pd.DataFrame, network: str, path: Path) -> None:
    """Each task's FPR gap against its error, a panel for each loss; thresholds fixed on validation."""
    losses = [loss for loss in LOSSES if (table["loss"] == loss).any()]
    names = [column.partition("/")[2] for column in table.columns if column.startswith("error/")]
    table = table[table["thresholds"] == "validation"]
    with figure(3.3 * len(losses) + 0.6, 2.7 * len(names) + 0.9) as made:
        axes = made.subplots(len(names), len(losses), squeeze=False, sharey="row", sharex="row")
        for task, line in zip(names, axes, strict=True):
            for loss, panel in zip(losses, line, strict=True):
                _panel(panel, table, network, loss, (f"error/{task}", f"fpr_gap/{task}"))
                panel.set_title(f"{task}, {loss}", fontsize=9)
                panel.set_xlabel("error")
            line[0].set_ylabel("FPR gap")
        _finish(made, axes, name, network, table)
        save(made, path)


def _finish(made: Figure, axes: np.ndarray, name: str, network: str, table: pd.DataFrame) -> None:
    """Title and legend."""
    entries = dict(zip(*reversed(axes[0][0].get_legend_handles_labels()), strict=True))
    for panel in axes.flat:
        entries |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    made.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=3, frameon=False)
    seeds = len(table["seed"].unique())
    made.suptitle(
        f"{name}, {network}: mean of {seeds} seeds, bars are their standard deviation; filled: r = 1", fontsize=10
    )


def _panel(axes: Axes, table: pd.DataFrame, network: str, loss: str, columns: tuple[str, str]) -> None:
    for series in SERIES:
        of_network = "shared_bottom" if series == SINGLE_FAIR else network
        start = SINGLE if series == SINGLE_FAIR else NONE
        same = table["network"] == of_network
        own = table[same & ((table["series"] == start) | ((table["series"] == series) & (table["loss"] == loss)))]
        if not (own["series"] == series).any():
            continue
        points = [point for rows in settings_of(own) if (point := _point(rows, columns)) is not None]
        look = _STYLES[series].line()
        for mean, spread, ratio in points:
            face = look["color"] if ratio == 1.0 else "none"
            axes.errorbar(*mean, xerr=spread[0], yerr=spread[1], color=look["color"], elinewidth=0.6, alpha=0.5)
            axes.plot(*mean, marker=look["marker"], color=look["color"], mfc=face, ms=4.5, ls="none")
        axes.plot([], [], label=series, **look)
        if columns == ("are", "arfg") and points:
            means = np.array([mean for mean, _, _ in points])
            front = means[pareto(means)]
            axes.step(*front[np.argsort(front[:, 0])].T, where="post", **look | {"markersize": 0})
    single = table[table["series"] == SINGLE]
    axes.plot(*single[list(columns)].mean(), marker="*", ms=10, color="#444444", ls="none", label="single-task models")
    axes.grid(color="#e8e8e8", lw=0.7)


def _point(rows: pd.DataFrame, columns: tuple[str, str]) -> Optional[tuple[np.ndarray, np.ndarray, float]]:
    """Mean, standard deviation and head ratio of a setting; None where a seed has no figures."""
    values = rows[list(columns)].to_numpy(float)
    if not np.isfinite(values).all():
        return None
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(2)
    return values.mean(axis=0), spread, float(rows["head_ratio"].iloc[0])


def noises(table: pd.DataFrame, path: Path) -> None:
    """Mean and standard deviation of each loss over batches, against the batch size, task-specific negatives."""
    table = table[table["rows"] == "task-specific"]
    tasks, losses = list(dict.fromkeys(table["task"])), list(dict.fromkeys(table["loss"]))
    looks = styles(["whole", "in_batch", "balanced"])
    with figure(3.3 * len(losses), 2.6 * len(tasks) + 0.6) as made:
        axes = made.subplots(len(tasks), len(losses), squeeze=False, sharex=True)
        for task, line in zip(tasks, axes, strict=True):
            for loss, panel in zip(losses, line, strict=True):
                own = table[(table["task"] == task) & (table["loss"] == loss)]
                panel.axhline(own["whole"].iloc[0], color="#444444", lw=1, ls=":", label="on all rows")
                for shift, kind in ((0.96, "in_batch"), (1.04, "balanced")):
                    rows = own[own["batches"] == kind]
                    panel.errorbar(
                        rows["batch_size"] * shift, rows["mean"], rows["sd"], label=kind, **looks[kind].line()
                    )
                panel.set_xscale("log", base=2)
                panel.set_title(f"{task}, {loss}", fontsize=9)
                panel.grid(color="#e8e8e8", lw=0.7)
            line[0].set_ylabel("loss on task-specific negatives")
        for panel in axes[-1]:
            panel.set_xlabel("rows of a batch")
        handles, labels = axes[0][0].get_legend_handles_labels()
        made.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
        made.suptitle("adult, model without a fairness loss: mean and standard deviation over batches", fontsize=10)
        save(made, path)
