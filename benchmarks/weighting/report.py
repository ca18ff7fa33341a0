"""The weighting experiment's tables and plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from benchmarks.tables import MeanInterval, markdown, mean_interval, replace_between_marks, show
from benchmarks.weighting.cases import DATA_SETS, NOISE, STL, UNIFORM
from benchmarks.weighting.rows import clean_means, compared, noisy_weights
from pipeline.experiments import plots

Figures = Mapping[tuple[str, str, float], MeanInterval]


def write(models: pd.DataFrame, paths: pd.DataFrame, readme: Path) -> None:
    """Rewrites the tables between the README's marks and, beside it, the plots.

    Args:
      models: The frame of ``rows.model_rows``.
      paths: The frame of ``rows.path_rows``.
      readme: The Markdown file.
    """
    replace_between_marks(readme, "tables", [*stated(models), "", *tables(models)])
    draw_quality(models, readme.parent / "quality")
    draw_paths(paths, readme.parent / "weights")


def stated(models: pd.DataFrame) -> list[str]:
    """What was run, in a sentence for each data set."""
    lines = []
    for dataset, own in models.groupby("dataset", sort=False):
        trainings = own.drop_duplicates(["method", "noise", "seed"])
        choice = DATA_SETS[str(dataset)]
        seeds = sorted(set(trainings["seed"]))
        lines.append(
            f"- {dataset}: seeds {', '.join(map(str, seeds))}; {len(trainings)} trainings of {choice.epochs} epochs, "
            f"{trainings['seconds'].sum() / 60:.0f} minutes of one core; wrong labels of `{choice.noisy}`."
        )
    return lines


def tables(models: pd.DataFrame, *_: pd.DataFrame) -> list[str]:
    """All tables, each with its heading; they need the models' rows alone."""
    lines = ["**Without wrong labels**: the tasks that are not flipped later, mean over them.", "", *_level(models), ""]
    for figure, words, digits, scale in (("error", "Error", 2, 1), ("auc", "AUC", 1, 1000)):
        unit = "per cent" if figure == "error" else "thousandths"
        for against, of in (
            ("clean", "the same method without wrong labels"),
            (UNIFORM, "uniform weights with the same wrong labels"),
        ):
            clean = against == "clean"
            found = compared(models, against, figure)
            shown = {key: value for key, value in found.items() if clean or key[1] != UNIFORM}
            shares = [noise for noise in NOISE if noise or not clean]
            lines += [f"**{words} on the clean tasks against {of}, {unit}**", ""]
            lines += [*by_noise(shown, shares, digits, scale, sign=True), ""]
    lines += ["**The noisy task's weight in the last epoch**", "", *by_noise(noisy_weights(models), list(NOISE), 3, 1)]
    return lines


def by_noise(
    figures: Figures, shares: Sequence[float], digits: int, scale: float = 1, *, sign: bool = False
) -> list[str]:
    """A table with a line for each data set and method and a column for each share of wrong labels."""
    head = ["data", "weighting", *(f"{share:.0%} flipped" for share in shares)]
    rows = []
    for dataset, method in dict.fromkeys((dataset, method) for dataset, method, _ in figures):
        found = [figures.get((dataset, method, share), mean_interval([])) for share in shares]
        rows.append(
            [dataset, method, *(show(MeanInterval(m * scale, h * scale, n), digits, sign=sign) for m, h, n in found)]
        )
    return markdown(head, rows, texts=2)


def _level(models: pd.DataFrame) -> list[str]:
    means = clean_means(models[models["noise"] == 0]).reset_index()
    settings = models.drop_duplicates(["dataset", "method"]).set_index(["dataset", "method"])["setting"]
    rows = []
    for key, group in means.groupby(["dataset", "method"], sort=False):
        figures = [show(mean_interval(group[name]), 4) for name in ("error", "auc", "loss")]
        rows.append([key[0], key[1], str(settings[key]), *figures])
    return markdown(["data", "weighting", "chosen", "error", "AUC", "log loss"], rows, texts=3)


def draw_quality(models: pd.DataFrame, path: Path) -> None:
    """The clean tasks' error against uniform weights without wrong labels, over the share of wrong labels."""
    datasets = list(dict.fromkeys(models["dataset"]))
    methods = [name for name in dict.fromkeys(models["method"]) if name != STL]
    looks = plots.styles(methods)
    with plots.figure(4 * len(datasets), 3.6) as figure:
        axes = figure.subplots(1, len(datasets), squeeze=False)[0]
        for axis, dataset in zip(axes, datasets, strict=True):
            own = models[models["dataset"] == dataset]
            for shift, method in enumerate(methods):
                _quality_line(axis, own, method, looks[method], shift - len(methods) / 2)
            axis.axhline(0, color="#999999", linewidth=0.8)
            axis.set_title(f"{dataset}: wrong labels of {DATA_SETS[dataset].noisy}", fontsize=9)
            axis.set_xlabel("share of labels flipped, %")
        axes[0].set_ylabel("clean tasks' error against\nuniform without wrong labels, %")
        figure.legend(
            *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2 * len(datasets), frameon=False
        )
        plots.save(figure, path)


def _quality_line(axis: Axes, models: pd.DataFrame, method: str, look: plots.Style, shift: float) -> None:
    means = clean_means(models)["log_error"]
    dataset = models["dataset"].iloc[0]
    shares = sorted(set(models[models["method"] == method]["noise"]))
    points = []
    for share in shares:
        seeds = sorted(set(models[(models["method"] == method) & (models["noise"] == share)]["seed"]))
        pairs = [
            100 * np.expm1(means[dataset, method, share, seed] - means[dataset, UNIFORM, 0.0, seed])
            for seed in seeds
            if (dataset, UNIFORM, 0.0, seed) in means.index
        ]
        points.append(mean_interval(pairs))
    # Side by side, so that intervals can be told apart.
    at = [100 * share + 0.8 * shift for share in shares]
    axis.errorbar(
        at, [p.mean for p in points], yerr=[p.half for p in points], label=method, elinewidth=0.6, **look.line()
    )


def draw_paths(paths: pd.DataFrame, path: Path) -> None:
    """The noisy task's weight by epoch, a line for each method (mean over seeds), a column for each share that was run."""
    datasets = list(dict.fromkeys(paths["dataset"]))
    shares = [share for share in (0.0, 0.4, 0.8) if share in set(paths["noise"])]
    methods = list(dict.fromkeys(paths["method"]))
    looks = plots.styles(methods)
    with plots.figure(3.6 * len(shares), 2.6 * len(datasets) + 0.6) as figure:
        axes = figure.subplots(len(datasets), len(shares), squeeze=False, sharey=True)
        for row, dataset in zip(axes, datasets, strict=True):
            noisy = paths[(paths["dataset"] == dataset) & (paths["task"] == DATA_SETS[dataset].noisy)]
            for axis, share in zip(row, shares, strict=True):
                means = noisy[noisy["noise"] == share].groupby(["method", "epoch"], sort=False)["weight"].mean()
                for method in methods:
                    if method in means.index.get_level_values("method"):
                        line = means[method]
                        axis.plot(line.index, line.to_numpy(), label=method, **looks[method].line())
                axis.set_title(f"{dataset}, {share:.0%} of {DATA_SETS[dataset].noisy} flipped", fontsize=9)
            row[0].set_ylabel("weight of the noisy task")
        for axis in axes[-1]:
            axis.set_xlabel("epoch")
        figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
        plots.save(figure, path)
