"""Tables and plots: asked for against held out, and the place beside the grid's frontier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from benchmarks.mtaf import results as grid
from benchmarks.mtaf.compare import FIGURES, REFERENCE, by_seed
from benchmarks.mtaf.grid import NONE
from benchmarks.tables import markdown, mean_interval, replace_between_marks, show
from benchmarks.targets.cases import DATA, MODES
from pipeline.experiments.plots import figure, save, styles
from pipeline.frontier.pareto import dominated, pareto, with_intervals

_LOOKS = styles(MODES)
_TRAINING = ["dataset", "loss", "series", "share", "seed"]


class Place(NamedTuple):
    """Trainings with targets beside a grid of λ, both with the model without a fairness loss; means over seeds.

    Attributes:
      grid: Hypervolume of the grid's frontier.
      targets: That of the targets alone.
      both: That of both together.
      settings: Number of settings of the grid and of targets.
      behind: How many target points a point of the grid dominates.
    """

    grid: float
    targets: float
    both: float
    settings: tuple[int, int]
    behind: int


def write(table: pd.DataFrame, readme: Path, grids: Path) -> None:
    """Rewrites the README's tables and the plots beside it.

    Args:
      table: From ``rows.rows``, of all data sets.
      readme: With the marks.
      grids: Folder with the tables of ``benchmarks/mtaf``.
    """
    replace_between_marks(readme, "held", [*stated(table), "", *held(table)])
    replace_between_marks(readme, "tasks", tasks(table))
    replace_between_marks(readme, "places", places(table, grids))
    draw_gaps(table, readme.parent / "gaps")
    draw_tradeoffs(table, grids, readme.parent / "tradeoffs")


def stated(table: pd.DataFrame) -> list[str]:
    """What was run, a line for each data set."""
    lines = []
    for (dataset, loss), own in table.groupby(["dataset", "loss"], sort=False):
        once = own.drop_duplicates(_TRAINING)
        failed = int((once["failure"] != "").sum())
        seeds = ", ".join(str(seed) for seed in sorted(set(once["seed"])))
        lines.append(f"- {dataset}: loss {loss}, seeds {seeds}, {len(once)} trainings, {failed} failed.")
    return lines


def _asked(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["asked"].notna() & (table["failure"] == "")]


def held(table: pd.DataFrame) -> list[str]:
    """Of each setting, how many trainings held all their targets, on validation and on test, and what that cost."""
    head = [
        "data",
        "loss",
        "mode",
        "share",
        "held on validation",
        "held on test",
        "test within its interval",
        "ARFG",
        "ARE",
    ]
    lines = []
    for (dataset, loss, mode, share), own in _asked(table).groupby(["dataset", "loss", "series", "share"], sort=False):
        number = own["seed"].nunique()
        # A training holds its targets if all its tasks do.
        counts = [
            int((own[column] <= own["asked"]).groupby(own["seed"]).all().sum())
            for column in ("validation", "test", "lower")
        ]
        once = own.drop_duplicates(_TRAINING)
        figures = [show(mean_interval(once[name])) for name in ("arfg", "are")]
        texts = [str(dataset), str(loss), str(mode), f"{share:g}"]
        lines.append([*texts, *(f"{count} of {number}" for count in counts), *figures])
    return markdown(head, lines, texts=3)


def tasks(table: pd.DataFrame) -> list[str]:
    """Task by task: asked for, on validation, on test, and the plain model's."""
    head = [
        "data",
        "task",
        "loss",
        "mode",
        "asked for",
        "validation",
        "test",
        "test without",
        "error",
        "error without",
        "λ",
    ]
    plain = table[table["series"] == NONE]
    lines = []
    keys = ["dataset", "task", "loss", "series", "share"]
    for (dataset, task, loss, mode, _), own in _asked(table).groupby(keys, sort=False):
        without = plain[(plain["dataset"] == dataset) & (plain["task"] == task) & (plain["loss"] == loss)]
        lines.append(
            [
                str(dataset),
                str(task),
                str(loss),
                str(mode),
                f"{own['asked'].iloc[0]:g}",
                *(show(mean_interval(values)) for values in (own["validation"], own["test"], without["test"])),
                *(show(mean_interval(values)) for values in (own["error"], without["error"])),
                f"{own['strength'].median():.3g}",
            ]
        )
    return markdown(head, lines, texts=4)


def grid_points(grids: Path, dataset: str, mode: str, loss: str) -> Optional[np.ndarray]:
    """ARE and ARFG of the grid of a mode and loss on shared bottom, with λ = 0: float [settings, seeds, 2]."""
    table = grid.read(grids, DATA[dataset].part)
    if table is None:
        return None
    own = (table["network"] == "shared_bottom") & (table["thresholds"] == "validation") & (table["head_ratio"] == 1.0)
    own &= (table["series"] == NONE) | ((table["series"] == mode) & (table["loss"] == loss))
    points, _ = by_seed(table[own])
    return points if len(points) > 1 else None


def target_points(table: pd.DataFrame, mode: str) -> np.ndarray:
    """ARE and ARFG of a series, of one data set and loss: float [shares, seeds, 2], one share without targets.

    A share without figures is left out.
    """
    own = table[table["series"] == mode].drop_duplicates(_TRAINING)
    seeds = sorted(own["seed"].unique())
    found = [
        rows.set_index("seed").reindex(seeds)[FIGURES].to_numpy(float)
        for _, rows in own.groupby("share", sort=False, dropna=False)
    ]
    kept = [values for values in found if np.isfinite(values).all()]
    return np.stack(kept) if kept else np.zeros((0, len(seeds), 2))


def place(points: np.ndarray, targets: np.ndarray, plain: np.ndarray) -> Place:
    """Compares means over seeds.

    Args:
      points: Of the grid, [settings, seeds, 2].
      targets: Of the trainings with a target, [shares, seeds, 2].
      plain: Of the model without a fairness loss, [1, seeds, 2].
    """
    means = {
        name: values.mean(axis=1, keepdims=True)
        for name, values in (("grid", points), ("targets", np.concatenate([plain, targets])))
    }
    means["both"] = np.concatenate([means["grid"], means["targets"]])
    areas, _ = with_intervals(means, REFERENCE)
    behind = int(dominated(targets.mean(axis=1), means["grid"][:, 0]).sum())
    return Place(*(areas[name].value for name in ("grid", "targets", "both")), (len(points), len(targets)), behind)


def _places(table: pd.DataFrame, grids: Path) -> list[tuple[str, str, str, Place]]:
    found = []
    for (dataset, loss), own in table.groupby(["dataset", "loss"], sort=False):
        plain = target_points(own, NONE)
        for mode in MODES:
            points, targets = grid_points(grids, str(dataset), mode, str(loss)), target_points(own, mode)
            if points is not None and len(targets) and len(plain):
                found.append((str(dataset), mode, str(loss), place(points, targets, plain)))
    return found


def places(table: pd.DataFrame, grids: Path) -> list[str]:
    """Where the points lie beside the grid's frontier."""
    found = _places(table, grids)
    if not found:
        return ["No grid of `benchmarks/mtaf` is there to compare with."]
    head = [
        "data",
        "mode",
        "loss",
        "λ of the grid",
        "targets",
        "grid",
        "targets alone",
        "both",
        "points behind the grid",
    ]
    lines = [
        [
            dataset,
            mode,
            loss,
            # λ = 0 is no trial of a λ.
            str(at.settings[0] - 1),
            str(at.settings[1]),
            *(f"{area:.3f}" for area in (at.grid, at.targets, at.both)),
            f"{at.behind} of {at.settings[1]}",
        ]
        for dataset, mode, loss, at in found
    ]
    return markdown(head, lines, texts=3)


@contextmanager
def _panels(number: int, columns: int, size: tuple[float, float]) -> Iterator[tuple[Figure, np.ndarray]]:
    """A figure and its axes [lines, columns] for so many panels of that size in inches; what is left over is not shown."""
    columns = min(number, columns)
    lines = -(-number // columns)
    with figure(size[0] * columns, size[1] * lines + 0.6) as made:
        axes = made.subplots(lines, columns, squeeze=False)
        for panel in axes.flat[number:]:
            panel.set_visible(False)
        yield made, axes


def draw_gaps(table: pd.DataFrame, path: Path) -> None:
    """Asked-for against measured gap on test, a panel for each data set, loss and task."""
    asked = _asked(table)
    panels = list(asked.groupby(["dataset", "loss", "task"], sort=False))
    if not panels:
        return
    with _panels(len(panels), 4, (2.7, 2.7)) as (made, axes):
        for panel, ((dataset, loss, task), own) in zip(axes.flat, panels, strict=False):
            plain = table[(table["dataset"] == dataset) & (table["task"] == task) & (table["series"] == NONE)]
            plain = plain[plain["loss"] == loss]
            most = max(own["asked"].max(), plain["test"].max()) * 1.05
            panel.plot([0, most], [0, most], color="#444444", lw=0.8, ls=":", label="asked for")
            panel.axhline(plain["test"].mean(), color="#999999", lw=0.8, label="without a fairness loss")
            for shift, mode in ((-0.008, "vanilla"), (0.008, "mtaf")):
                rows, look = own[own["series"] == mode], _LOOKS[mode]
                panel.plot(
                    rows["asked"] + shift * most,
                    rows["test"],
                    ls="none",
                    marker=look.marker,
                    color=look.color,
                    ms=3.5,
                    alpha=0.8,
                    label=mode,
                )
            panel.set_title(f"{dataset}, {loss}\n{task}", fontsize=8)
            panel.set_xlabel("FPR gap asked for")
        for line in axes:
            line[0].set_ylabel("FPR gap on test")
        made.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
        save(made, path)


def draw_tradeoffs(table: pd.DataFrame, grids: Path, path: Path) -> None:
    """ARFG against ARE: the grid's points and frontier, and the points of targets."""
    panels = list(table.groupby(["dataset", "loss"], sort=False))
    with _panels(len(panels), 3, (3.6, 3.2)) as (made, axes):
        for panel, ((dataset, loss), own) in zip(axes.flat, panels, strict=False):
            for mode in MODES:
                look = _LOOKS[mode]
                points = grid_points(grids, str(dataset), mode, str(loss))
                if points is not None:
                    means = points.mean(axis=1)
                    front = means[pareto(means)]
                    panel.step(*front[np.argsort(front[:, 0])].T, where="post", color=look.color, lw=1, ls="--")
                    panel.plot(
                        *means.T, marker=look.marker, color=look.color, mfc="none", ms=4, ls="none", label=f"{mode}, λ"
                    )
                targets = target_points(own, mode).mean(axis=1)
                panel.plot(*targets.T, marker=look.marker, color=look.color, ms=6, ls="none", label=f"{mode}, target")
            panel.set_title(f"{dataset}, {loss}", fontsize=9)
            panel.set_xlabel("ARE")
            panel.grid(color="#e8e8e8", lw=0.7)
        for line in axes:
            line[0].set_ylabel("ARFG")
        made.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
        save(made, path)
