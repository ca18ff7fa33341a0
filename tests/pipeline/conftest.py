"""Small runs of the whole pipeline on a small sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from pipeline.running.relocation import read_summary

ROOT = Path(__file__).resolve().parents[2]


class SmallRun(NamedTuple):
    """A YAML file of its own, whose runs lie under ``runs``."""

    config: Path
    runs: Path

    @property
    def folder(self) -> Path:
        return self.runs / "small"

    def change(self, **blocks: dict[str, Any]) -> None:
        """Updates blocks of the YAML file."""
        content = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        for block, values in blocks.items():
            content[block] = {**content.get(block, {}), **values}
        self.config.write_text(yaml.safe_dump(content), encoding="utf-8")

    def summary(self) -> dict[str, Any]:
        return read_summary(self.folder / "summary.json")


def make_small_run(folder: Path, rows: int) -> SmallRun:
    content = yaml.safe_load((ROOT / "data_schemas" / "sample" / "dataset.yaml").read_text(encoding="utf-8"))
    content["dataset"] = "small"
    content["data_schema"] = str(ROOT / "data_schemas" / "sample" / "schema.pbtxt")
    content["sample"] |= {"rows": rows, "users": rows // 10, "items": 200, "shards": 1}
    content["log"]["root"] = "log"
    content["model"] = {"network": "shared_bottom", "embedding_units": 4, "shared_units": [32], "tower_units": [16]}
    content["training"] |= {"epochs": 4, "batch_size": 256, "early_stopping": None}
    content["evaluation"] = {"slice_negative_kinds": False, "fairness_thresholds": [0.5], "cluster": "user_id"}
    content["gate"] = {"are_max": 3.0, "min_negatives": 20}
    config = folder / "small.yaml"
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    return SmallRun(config, folder / "runs")


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    return make_small_run(tmp_path_factory.mktemp("small"), rows=12_000)
