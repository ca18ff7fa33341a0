"""The sharing experiment's tables and plot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from benchmarks.sharing.cases import DATA_SETS, NETWORKS, STL, WEIGHTINGS
from benchmarks.tables import MeanInterval, markdown, replace_between_marks, show
from pipeline.experiments import plots


def write(tasks: pd.DataFrame, models: pd.DataFrame, readme: Path) -> None:
    """Rewrites the tables between the README's marks and, beside it, the plot.

    Args:
      tasks: First of ``rows.rows``.
      models: Second of ``rows.rows``.
      readme: The Markdown file.
    """
    replace_between_marks(readme, "tables", tables(tasks, models))
    draw(tasks, readme.parent / "transfer")


def tables(tasks: pd.DataFrame, models: pd.DataFrame) -> list[str]:
    """How many tasks are harmed, by network and weighting, and for each data set all figures."""
    lines = ["**Tasks harmed**, by network and weighting, of all tasks of the data sets that were run", ""]
    lines += [*_harmed(models), ""]
    for dataset in dict.fromkeys(models["dataset"]):
        capacity = ", ".join(f"{key} {value}" for key, value in DATA_SETS[dataset].capacity.items())
        own = models[models["dataset"] == dataset]
        lines += [f"**{dataset}** ({_seeds(own)}; {capacity})", ""]
        lines += [*_data_set(tasks[tasks["dataset"] == dataset], own), ""]
    return lines[:-1]


def _seeds(models: pd.DataFrame) -> str:
    """How many seeds the figures have, by weighting where these differ."""
    numbers = models[models["network"] != STL].groupby("weighting", sort=False)["seeds"].max()
    if numbers.nunique() == 1:
        return f"{numbers.iloc[0]} seeds"
    return ", ".join(f"{number} seeds under {weighting}" for weighting, number in numbers.items())


def _harmed(models: pd.DataFrame) -> list[str]:
    shared = models[models["network"] != STL]
    sizes = shared.groupby(["network", "weighting"], sort=False)
    rows = []
    for network in NETWORKS:
        cells = []
        for weighting in WEIGHTINGS:
            if (network, weighting) in sizes.groups:
                own = sizes.get_group((network, weighting))
                each = ", ".join(f"{row.dataset} {row.harmed}" for row in own.itertuples())
                cells.append(f"{own['harmed'].sum()} ({each})")
            else:
                cells.append("not run")
        rows.append([network, *cells])
    return markdown(["network", *WEIGHTINGS], rows)


def _data_set(tasks: pd.DataFrame, models: pd.DataFrame) -> list[str]:
    """Differences in per cent points; a harmed task's is bold, a helped one's in italics."""
    names = list(dict.fromkeys(tasks["task"]))
    head = ["network", "weighting", *names, "harmed", "helped", "Δp", "parameters", "seconds"]
    rows = []
    order = {name: index for index, name in enumerate([STL, *NETWORKS])}
    models = models.sort_values("network", key=lambda column: column.map(order), kind="stable")
    for model in models.itertuples():
        own = tasks[(tasks["network"] == model.network) & (tasks["weighting"] == model.weighting)].set_index("task")
        alone = model.network == STL
        cells = [f"error {own.loc[name, 'error']:.2%}" if alone else _cell(own.loc[name]) for name in names]
        counts = ["", "", ""] if alone else [str(model.harmed), str(model.helped), _delta_p(model)]
        sizes = " to ".join(f"{size:,}" for size in sorted({model.parameters, model.parameters_most}))
        rows.append([model.network, model.weighting, *cells, *counts, sizes, f"{model.seconds:.1f}"])
    return markdown(head, rows, texts=2)


def _cell(task: pd.Series) -> str:
    text = show(MeanInterval(100 * task["value"], 100 * task["half"], int(task["seeds"])), 2, sign=True)
    return f"**{text}**" if task["harmed"] else f"*{text}*" if task["helped"] else text


def _delta_p(model: object) -> str:
    return show(MeanInterval(model.delta_p, model.delta_p_half, model.seeds), 2, sign=True)  # type: ignore[attr-defined]


def draw(tasks: pd.DataFrame, path: Path) -> None:
    """Error less that of single-task learning, with its interval: a row of panels for each data set, a panel a weighting."""
    datasets = list(dict.fromkeys(tasks["dataset"]))
    weightings = [name for name in WEIGHTINGS if name in set(tasks["weighting"])]
    with plots.figure(3.6 * len(weightings) + 1, 3.2 * len(datasets)) as figure:
        axes = figure.subplots(len(datasets), len(weightings), squeeze=False, sharey="row", sharex="row")
        for row, dataset in zip(axes, datasets, strict=True):
            own = tasks[(tasks["dataset"] == dataset) & (tasks["network"] != STL)]
            for axis, weighting in zip(row, weightings, strict=True):
                _panel(axis, own, weighting)
                axis.set_title(f"{dataset}, {weighting}", fontsize=9)
                axis.set_xlabel("error less single-task learning's, % points")
            row[-1].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
        plots.save(figure, path)


def _panel(axis: Axes, tasks: pd.DataFrame, weighting: str) -> None:
    networks: Sequence[str] = [name for name in NETWORKS if name in set(tasks["network"])]
    names = list(dict.fromkeys(tasks["task"]))
    looks = plots.styles(names)
    for shift, name in enumerate(names):
        own = tasks[(tasks["task"] == name) & (tasks["weighting"] == weighting)].set_index("network")
        at = [i + 0.15 * (shift - (len(names) - 1) / 2) for i, network in enumerate(networks) if network in own.index]
        found = own.loc[[network for network in networks if network in own.index]]
        look = {**looks[name].line(), "linestyle": "none"}
        axis.errorbar(100 * found["value"], at, xerr=100 * found["half"], label=name, elinewidth=0.8, **look)
    axis.axvline(0, color="#999999", linewidth=0.8)
    if weighting not in set(tasks["weighting"]):
        axis.text(0.5, 0.5, "not run", transform=axis.transAxes, ha="center", color="#666666")
    # Linear within a point either way: what sharing does to most tasks is little beside what it does to a conflicting one.
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xticks([-10, -1, 0, 1, 10], ["-10", "-1", "0", "1", "10"])
    axis.set_yticks(range(len(networks)), networks)
    axis.set_ylim(len(networks) - 0.5, -0.5)
