"""Tables and plots from the results that are there."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks.mtaf import draw, results
from benchmarks.mtaf.compare import SERIES, Comparison, comparisons, settings_of
from benchmarks.mtaf.grid import MODES, SINGLE, Size
from benchmarks.mtaf.parts import PARTS, RELEASED
from benchmarks.tables import markdown, mean_interval, replace_between_marks, show
from pipeline.frontier.pareto import Hypervolume

FRONTIERS = (
    "adult",
    "german",
    "lsac",
    "adult-balanced",
    "adult-mmoe",
    "rule-all",
    "rule-any",
    "kuairand",
    "kuairand-activity",
)
_AGAINST_VANILLA = tuple(mode for mode in MODES if mode != "vanilla")
_NOT_RUN = "Not run yet."


def write(folder: Path, readme: Path, plots: Path, size: Size = "minimum") -> None:
    """Rewrites the tables between the marks of ``readme``, and the plots.

    Args:
      folder: With the tables of trainings; of a part without one it is said that it was not run.
      readme: With the marks.
      plots: Folder of the plots.
      size: Whose trainings the tables are said to be all of, or some.
    """
    found = {name: table for name in PARTS if (table := results.read(folder, name)) is not None}
    sections: dict[str, Callable[[], list[str]]] = {
        "runs": lambda: runs(found, size),
        "frontiers": lambda: frontiers(found),
        "released": lambda: released(found["released"]) if "released" in found else [_NOT_RUN],
        "ratio": lambda: ratios(found),
        "rule": lambda: by_setting(found, ("rule-all", "rule-any")),
        "batches": lambda: by_setting(found, ("batches",)),
        "many": lambda: by_setting(found, ("kuairand", "kuairand-activity")),
        "noise": lambda: noise(folder),
    }
    # All of them before the first is written: what cannot be told leaves the file as it was.
    for mark, lines in {mark: lines() for mark, lines in sections.items()}.items():
        replace_between_marks(readme, mark, lines)
    points = readme.with_name("points.md")
    points.write_text("\n".join(all_points(found)) + "\n", encoding="utf-8")
    draw.draw(found, results.read(folder, "noise"), plots)


def tables_alone(readme: str) -> str:
    """The headings and marks of a README: a file for tables that its text does not speak of."""
    kept, inside = [], False
    for line in readme.splitlines():
        if line.startswith("<!-- end of "):
            inside = False
        if line.startswith(("#", "<!-- ")) and not inside:
            kept.append(line)
        if line.startswith("<!-- ") and not line.startswith("<!-- end of "):
            inside = True
    return "\n\n".join(kept) + "\n"


def runs(found: dict[str, pd.DataFrame], size: Size) -> list[str]:
    """What was run of each part, and of how much."""
    lines = []
    for name, part in PARTS.items():
        planned = len(part.settings[size]) * len(part.seeds[size])
        if name not in found:
            lines.append([name, part.config, "not run", "", f"0 of {planned}", ""])
            continue
        once = found[name][found[name]["thresholds"] == "validation"]
        failed = int(once.filter(like="error/").isna().all(axis=1).sum())
        done = f"{len(once)} of {planned}"
        state = "whole" if len(once) == planned else "PARTIAL"
        lines.append([name, part.config, state, ", ".join(map(str, sorted(once["seed"].unique()))), done, str(failed)])
    return markdown(["part", "settings file", "state", "seeds", "trainings", "failed"], lines, texts=4)


def frontiers(found: dict[str, pd.DataFrame]) -> list[str]:
    """Hypervolumes, with thresholds both ways, r = 1."""
    head = ["data", "network", "loss", "thresholds", *SERIES, *(f"{mode} − vanilla" for mode in _AGAINST_VANILLA)]
    head += ["mtaf beats", "vanilla beats"]
    lines = []
    for name in FRONTIERS:
        for thresholds in results.THRESHOLDS if name in found else ():
            for network, compared in comparisons(found[name], thresholds):
                lines.append([name, network, compared.loss, thresholds, *_areas(compared)])
    return markdown(head, lines, texts=4) if lines else [_NOT_RUN]


def _areas(compared: Comparison) -> list[str]:
    areas = [area(compared.areas[series]) if series in compared.areas else "" for series in SERIES]
    pair, back = ("mtaf", "vanilla"), ("vanilla", "mtaf")
    pairs = [(mode, "vanilla") for mode in _AGAINST_VANILLA]
    differences = [area(compared.differences[each], "+") if each in compared.differences else "" for each in pairs]
    if pair not in compared.beaten:
        return [*areas, *differences, "", ""]
    counts = [f"{count} of {of}" for count, of in (compared.beaten[pair], compared.beaten[back])]
    return [*areas, *differences, *counts]


def area(value: Hypervolume, sign: str = "") -> str:
    """A hypervolume with its interval over seeds."""
    text = f"{value.value:{sign}.3f}"
    return (
        text if value.interval is None else text + " [{}]".format(", ".join(f"{x:{sign}.3f}" for x in value.interval))
    )


def released(table: pd.DataFrame) -> list[str]:
    """The authors' figures, and beside them those of this pipeline with thresholds both ways."""
    tasks = _tasks(table)
    head = ["setting", "from", *(f"error {t}" for t in tasks), *(f"FPR gap {t}" for t in tasks), "ARFG", "ARE"]
    lines = []
    for (series, loss), theirs in RELEASED.items():
        numbers = [*theirs.errors, *theirs.gaps, theirs.arfg, theirs.are]
        lines.append([f"{series} {loss}".strip(), "released code", *(f"{x:g}" for x in numbers)])
        for thresholds in ("evaluated", "validation"):
            rows = table[(table["series"] == series) & (table["loss"] == loss) & (table["thresholds"] == thresholds)]
            names = [*(f"error/{t}" for t in tasks), *(f"fpr_gap/{t}" for t in tasks), "arfg", "are"]
            lines.append(["", f"here, thresholds {thresholds}", *(_mean(rows, name) for name in names)])
    return markdown(head, lines, texts=2)


def ratios(found: dict[str, pd.DataFrame]) -> list[str]:
    """What further head ratios add to a frontier."""
    head = ["data", "loss", "mtaf, r = 1", "mtaf, all r", "mtaf_difference, r = 1", "mtaf_difference, all r", "vanilla"]
    lines = []
    for name, table in found.items():
        if name not in FRONTIERS or table["head_ratio"].nunique() < 2:
            continue
        # Of what is not trained yet there is no area.
        one, every = (
            {(network, compared.loss): compared.areas for network, compared in comparisons(table, "validation", ratio)}
            for ratio in (1.0, None)
        )
        for (network, loss), areas in every.items():
            first = one.get((network, loss), {})
            shown = [(by, series) for series in ("mtaf", "mtaf_difference") for by in (first, areas)]
            cells = [area(by[series]) if series in by else "" for by, series in [*shown, (areas, "vanilla")]]
            lines.append([name, loss, *cells])
    return markdown(head, lines, texts=2) if lines else [_NOT_RUN]


def by_setting(found: dict[str, pd.DataFrame], names: tuple[str, ...]) -> list[str]:
    """Means over seeds of every setting of some parts with the same tasks, thresholds fixed on validation."""
    present = [name for name in names if name in found]
    if not present:
        return [_NOT_RUN]
    tasks = _tasks(found[present[0]])
    head = ["part", "setting", "ARFG", "ARE", *(f"FPR gap {t}" for t in tasks), *(f"error {t}" for t in tasks)]
    lines = []
    for name in present:
        for rows in settings_of(found[name][found[name]["thresholds"] == "validation"]):
            columns = ["arfg", "are", *(f"fpr_gap/{t}" for t in tasks), *(f"error/{t}" for t in tasks)]
            lines.append([name, words(rows.iloc[0]), *(_mean(rows, column) for column in columns)])
    return markdown(head, lines, texts=2)


def words(row: pd.Series) -> str:
    """A setting in words."""
    parts = [row["series"], row["loss"]]
    parts += [f"λ {row['strength']}"] if row["loss"] else []
    parts += [f"r {float(row['head_ratio']):g}"] if str(row["series"]).startswith("mtaf") else []
    parts += [] if row["network"] == "shared_bottom" or row["series"].startswith(SINGLE) else [row["network"]]
    size = pd.to_numeric(row["batch_size"])
    parts += [] if pd.isna(size) else [f"{row['batches']}, batch {size:.0f}"]
    return ", ".join(str(part) for part in parts if part)


def noise(folder: Path) -> list[str]:
    """The noise of the losses, in multiples of their value on all rows."""
    table = results.read(folder, "noise")
    if table is None:
        return [_NOT_RUN]
    head = ["task", "loss", "rows", "on all rows"]
    columns = [(kind, size) for kind in ("in_batch", "balanced") for size in sorted(table["batch_size"].unique())]
    lines = []
    for (task, loss, rows), own in table.groupby(["task", "loss", "rows"], sort=False):
        cells = own.set_index(["batches", "batch_size"])
        values = [cells.loc[column] for column in columns]
        lines.append(
            [task, loss, rows, f"{own['whole'].iloc[0]:.4f}", *(f"{v['mean']:.4f} ± {v['sd']:.4f}" for v in values)]
        )
    return markdown([*head, *(f"{kind} {size}" for kind, size in columns)], lines, texts=3)


def all_points(found: dict[str, pd.DataFrame]) -> list[str]:
    """Every setting of every part."""
    lines = ["# Every setting", "", "Means over seeds ± 95 % t interval; thresholds fixed on validation."]
    for name in found:
        lines += ["", f"## {name}", "", *by_setting(found, (name,))]
    return lines


def _tasks(table: pd.DataFrame) -> list[str]:
    return [name.partition("/")[2] for name in table.columns if name.startswith("error/")]


def _mean(rows: pd.DataFrame, name: str) -> str:
    values = rows[name].astype(float)
    undefined = int((~values.map(math.isfinite)).sum())
    if undefined:
        return "–" if undefined == len(values) else f"undefined for {undefined} of {len(values)} seeds"
    return show(mean_interval(values))
