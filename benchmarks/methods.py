"""Modes × fairness losses × seeds on one dataset, against single-task models of the same seed.

``python -m benchmarks.methods data_schemas/adult/dataset.yaml --table benchmarks/adult.md`` trains what is missing under
``runs/benchmarks/<dataset>`` (a second call goes on where a killed one stopped) and writes the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

import click
import numpy as np

from benchmarks.tables import markdown, replace_between_marks
from models.config.settings import FairnessSettings, TrainerSettings
from pipeline.experiments.cases import Case, CaseResult
from pipeline.experiments.figures import measure
from pipeline.experiments.runner import DataSet, experiment_folder, open_data, train_cases
from pipeline.settings.config import RunSettings
from pipeline.showing.console import new_console

LOSSES = ("fpr_gap", "correlation", "mmd")


def _seeded(settings: TrainerSettings, seed: int, fairness: Optional[FairnessSettings] = None) -> TrainerSettings:
    training = settings.training.model_copy(update={"seed": seed})
    return settings.model_copy(update={"training": training, "fairness": fairness or settings.fairness})


def grid(
    settings: RunSettings, strengths: dict[str, tuple[float, ...]]
) -> Iterator[tuple[str, str, float, FairnessSettings]]:
    """Every (mode, loss, λ) with its settings; `none` once."""
    yield "none", "", 0.0, FairnessSettings(mode="none")
    for loss in LOSSES:
        for strength in strengths[loss]:
            for mode in ("vanilla", "mtaf"):
                fairness = settings.fairness.model_copy(update={"mode": mode, "loss": loss, "strength": strength})
                yield mode, loss, strength, fairness


def case_name(mode: str, loss: str, strength: float, seed: int) -> str:
    """Of the case's files."""
    return f"{mode}-{loss}-{strength:g}-{seed}" if loss else f"{mode}-{seed}"


def cases(settings: RunSettings, strengths: dict[str, tuple[float, ...]], seeds: list[int]) -> list[Case]:
    """The whole grid, and single-task models (`stl`) for each seed."""
    found = [Case(f"stl-{seed}", _seeded(settings.baseline(), seed)) for seed in seeds]
    for mode, loss, strength, fairness in grid(settings, strengths):
        for seed in seeds:
            found.append(Case(case_name(mode, loss, strength, seed), _seeded(settings.candidate(), seed, fairness)))
    return found


def measure_all(
    data: DataSet, strengths: dict[str, tuple[float, ...]], seeds: list[int], results: Mapping[str, CaseResult]
) -> list[dict[str, Any]]:
    """A row per setting and seed.

    Raises:
      ValueError: A training failed.
    """
    groups = list(data.run.candidate().groups)
    rows = []
    for mode, loss, strength, _ in grid(data.run, strengths):
        for seed in seeds:
            result = results[case_name(mode, loss, strength, seed)]
            values = measure(result, results[f"stl-{seed}"], data.outcomes, data.tasks, groups[:1])
            rows.append({"mode": mode, "loss": loss, "strength": strength, "seed": seed, "values": values})
    return rows


def _mean(rows: list[dict[str, Any]], key: str) -> str:
    numbers = [row["values"][key]["value"] for row in rows]
    if None in numbers:
        return "undefined"
    if len(numbers) == 1:
        return f"{numbers[0]:.3f}"
    return f"{np.mean(numbers):.3f} ± {np.std(numbers, ddof=1):.3f}"


def table(rows: list[dict[str, Any]], tasks: list[str]) -> list[str]:
    """Markdown: a line per setting, mean ± standard deviation over seeds."""
    head = ["mode", "loss", "λ", *(f"error {t}" for t in tasks), *(f"FPR gap {t}" for t in tasks), "ARFG", "ARE"]
    baseline = [*(f"error_baseline/{t}" for t in tasks), *(f"fpr_gap_baseline/{t}" for t in tasks)]
    none = [row for row in rows if row["mode"] == "none"]
    lines = [["single-task", "", "", *(_mean(none, key) for key in baseline), "1", "1"]]
    keys = [*(f"error/{t}" for t in tasks), *(f"fpr_gap/{t}" for t in tasks), "arfg", "are"]
    for setting in dict.fromkeys((row["mode"], row["loss"], row["strength"]) for row in rows):
        own = [row for row in rows if (row["mode"], row["loss"], row["strength"]) == setting]
        mode, loss, strength = setting
        lines.append([mode, loss, f"{strength:g}" if loss else "", *(_mean(own, k) for k in keys)])
    return markdown(head, lines, texts=len(head))


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--seeds", default="1,2,3")
@click.option("--fpr-gap", default="1", help="λ of this loss, separated by commas")
@click.option("--correlation", default="1")
@click.option("--mmd", default="1")
@click.option(
    "--table", "target", type=click.Path(path_type=Path, exists=True), help="Markdown file whose table is replaced"
)
def main(config: Path, seeds: str, fpr_gap: str, correlation: str, mmd: str, target: Optional[Path]) -> None:
    """Trains and measures modes and losses on CONFIG."""
    console = new_console()
    data = open_data(config, console)
    strengths = {
        loss: tuple(float(x) for x in text.split(","))
        for loss, text in zip(LOSSES, (fpr_gap, correlation, mmd), strict=True)
    }
    folder = experiment_folder(data.run.dataset)
    numbers = [int(seed) for seed in seeds.split(",")]
    results = train_cases(cases(data.run, strengths, numbers), data, folder, console.print)
    rows = measure_all(data, strengths, numbers, results)
    (folder / "rows.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    lines = table(rows, data.tasks)
    click.echo("\n".join(lines))
    if target is not None:
        replace_between_marks(target, "table", lines)


if __name__ == "__main__":
    main()
