"""A generated log in which most rows can be told by a feature that does not cause the label.

``python -m benchmarks.robustness.spurious FOLDER --seed 1`` writes ``train.csv``, ``validation.csv``, ``test.csv`` and
``dataset.yaml``; ``--schema`` drafts ``schema.pbtxt`` too, and ``make run CONFIG=FOLDER/dataset.yaml`` then trains on it.

The world is the one that Sagawa et al. ("An Investigation of Why Overparameterization Exacerbates Spurious
Correlations", ICML 2020) use. Label y and attribute a are −1 or 1, and a = y in a share ``agreement`` of train:

    core_i ~ N(y + u, σ²_core), i < d_core          spurious_i ~ N(a, σ²_spurious), i < d_spurious

u ~ N(0, σ²_common) is a row's own and common to its core block; in the paper it is 0, and the blocks' dimensions are
independent given y and a. With u the core block is what much of the input can be reconstructed from.

The core block tells y whoever it is; the spurious block tells a almost without error, and so y in the majority (a = y)
and the opposite of y in the minority. Label and attribute are balanced. Their sizes: 3,000 rows, agreement 0.9, 100
dimensions each, variances 100 and 1; here 20 dimensions each with variances 20 and 0.2, which leaves the two block
means, all that a linear rule needs, distributed as theirs, N(y, 1) and N(a, 0.01). Validation has train's agreement,
test has 0.5, so that each of the four cells label × attribute is measured on as many rows; errors in a cell do not
depend on the agreement of the split.

No rule that is fair to all is best on average: ``bayes_errors`` gives both rules' errors.
"""

from __future__ import annotations

import csv
from pathlib import Path

import click
import numpy as np
import yaml
from pydantic import Field

from models.config.settings import Settings

TASK = "label"
GROUP = "attribute"


class SpuriousSettings(Settings):
    """Size and strength of the world."""

    train: int = Field(3000, ge=10)
    validation: int = Field(1000, ge=10)
    test: int = Field(4000, ge=10)
    agreement: float = Field(0.9, ge=0.5, lt=1, description="share of a = y in train and validation")
    core: int = Field(20, ge=1, description="dimensions")
    spurious: int = Field(20, ge=1)
    core_variance: float = Field(20.0, gt=0, description="of each core dimension by itself")
    core_common: float = Field(0.0, ge=0, description="variance that the core dimensions have in common")
    spurious_variance: float = Field(0.2, gt=0)

    @property
    def columns(self) -> list[str]:
        """Names of the inputs, core before spurious."""
        return [f"core_{i:02d}" for i in range(self.core)] + [f"spurious_{i:02d}" for i in range(self.spurious)]


# `independent` is the paper's. In `redundant` most of the input says what the core says, as with many behaviours that
# follow one taste, and one cell is spurious: here a reconstruction has something to learn that serves every group.
WORLDS = {
    "independent": SpuriousSettings(),
    "redundant": SpuriousSettings(core_variance=2.0, core_common=0.9, spurious=1, spurious_variance=0.01),
}


def generate(
    settings: SpuriousSettings, rows: int, agreement: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws a split. Counts of the four cells are exact up to rounding, and rows are in random order.

    Args:
      settings: The world.
      rows: n.
      agreement: Share of rows with a = y.
      random: Source of the draws.

    Returns:
      Inputs float64 [n, core + spurious], labels int [n] and attributes int [n], both −1 or 1.
    """
    label = np.where(np.arange(rows) % 2, 1, -1)
    pair = np.arange(rows) // 2
    # The first pairs agree, so labels and agreement are balanced against each other.
    attribute = np.where(pair < round(agreement * rows / 2), label, -label)
    order = random.permutation(rows)
    label, attribute = label[order], attribute[order]
    core_mean = label + np.sqrt(settings.core_common) * random.normal(size=rows)
    core = random.normal(core_mean[:, np.newaxis], np.sqrt(settings.core_variance), [rows, settings.core])
    spurious = random.normal(attribute[:, np.newaxis], np.sqrt(settings.spurious_variance), [rows, settings.spurious])
    return np.concatenate([core, spurious], axis=1), label, attribute


def splits(settings: SpuriousSettings, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The three splits, each as ``generate`` gives it; a split does not depend on the others' sizes."""
    plan = {
        "train": (settings.train, settings.agreement),
        "validation": (settings.validation, settings.agreement),
        "test": (settings.test, 0.5),
    }
    return {
        name: generate(settings, rows, agreement, np.random.default_rng([seed, index]))
        for index, (name, (rows, agreement)) in enumerate(plan.items())
    }


def log_odds(settings: SpuriousSettings, inputs: np.ndarray, agreement: float) -> np.ndarray:
    """log P(y = 1 | x) / P(y = −1 | x) where a = y in a share ``agreement`` of the rows.

    At 0.5 the spurious block says nothing, and the rule is the one that reads the core block alone.

    Args:
      settings: The world.
      inputs: [n, core + spurious].
      agreement: See above.

    Returns:
      float64 [n].
    """
    # The block's mean is sufficient for y.
    variance = settings.core_common + settings.core_variance / settings.core
    core = 2.0 / variance * inputs[:, : settings.core].mean(axis=1)
    attribute = 2.0 / settings.spurious_variance * inputs[:, settings.core :].sum(axis=1)
    agree, differ = np.log(agreement), np.log1p(-agreement)
    # log (p e^s + 1 − p) − log (p + (1 − p) e^s), s the log-odds of a = 1.
    return core + np.logaddexp(agree + attribute, differ) - np.logaddexp(agree, differ + attribute)


def bayes_errors(settings: SpuriousSettings, seed: int = 0, rows: int = 200_000) -> dict[str, float]:
    """Errors of two rules, by drawing rows: what a model can reach.

    Returns:
      ``average_rule/majority``, ``average_rule/minority``: of the rule that is best on train's mixture;
      ``core_rule``: of the one that reads the core block alone, alike in all cells.
    """
    inputs, label, attribute = generate(settings, rows, 0.5, np.random.default_rng([seed, 3]))
    wrong = (log_odds(settings, inputs, settings.agreement) > 0) != (label > 0)
    core = (log_odds(settings, inputs, 0.5) > 0) != (label > 0)
    agree = label == attribute
    return {
        "average_rule/majority": float(wrong[agree].mean()),
        "average_rule/minority": float(wrong[~agree].mean()),
        "core_rule": float(core.mean()),
    }


def dataset_settings(settings: SpuriousSettings, name: str) -> dict[str, object]:
    """``dataset.yaml`` as plain values: one task, the attribute as group, empirical risk minimisation."""
    return {
        "dataset": name,
        "log": {"sources": [{"files": [f"{split}.csv"], "split": split} for split in ("train", "validation", "test")]},
        "features": {"inputs": [{"type": "numeric", "name": column} for column in settings.columns]},
        "tasks": [{"name": TASK, "column": "y", "positive": "== 1", "negative": "== -1", "threshold": 0.5}],
        "groups": [{"name": GROUP, "column": "a", "values": {"1": "plus", "-1": "minus"}}],
        "model": {"network": "shared_bottom", "shared_units": [64], "tower_units": []},
        "fairness": {"mode": "none"},
        "training": {
            "epochs": 40,
            "batch_size": 128,
            "learning_rate": 0.003,
            "early_stopping": {"patience": 10},
            "seed": 1,
        },
        "gate": {"are_max": 2.0},
    }


def write(settings: SpuriousSettings, seed: int, folder: Path, name: str = "spurious") -> Path:
    """Writes the log and its settings; equal arguments give equal bytes.

    Args:
      settings: The world.
      seed: Of the draws.
      folder: Made where it is missing; files in it are replaced.
      name: Of the dataset.

    Returns:
      The path of ``dataset.yaml``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for split, (inputs, label, attribute) in splits(settings, seed).items():
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow([*settings.columns, "y", "a"])
            for values, y, a in zip(inputs, label, attribute, strict=True):
                rows.writerow([*(f"{value:.6g}" for value in values), y, a])
    path = folder / "dataset.yaml"
    path.write_text(yaml.safe_dump(dataset_settings(settings, name), sort_keys=False), encoding="utf-8")
    return path


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", default=1)
@click.option("--world", default="independent", type=click.Choice(sorted(WORLDS)))
@click.option("--agreement", default=0.9, help="share of train rows whose spurious block agrees with the label")
@click.option("--schema", is_flag=True, help="draft schema.pbtxt too, half a minute")
def main(folder: Path, seed: int, world: str, agreement: float, schema: bool) -> None:
    """Writes the log and dataset.yaml into FOLDER."""
    settings = WORLDS[world].model_copy(update={"agreement": agreement})
    path = write(settings, seed, folder, f"spurious_{world}")
    if schema:
        from google.protobuf import text_format

        from pipeline.schema.draft import draft
        from pipeline.settings.config import load

        (folder / "schema.pbtxt").write_text(text_format.MessageToString(draft(load(path))), encoding="utf-8")
    click.echo(f"wrote {path}; " + ", ".join(f"{rule} {error:.3f}" for rule, error in bayes_errors(settings).items()))


if __name__ == "__main__":
    main()
