"""A small pipeline for Kubeflow, compiled once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from kubeflow import runner, target
from pipeline.settings.config import RunSettings
from tests.pipeline.conftest import make_small_run

IMAGE = "registry.example.org/fair:1"
ROOT = "minio://mlpipeline/fair"


class Compiled(NamedTuple):
    """A compiled pipeline and what it was compiled from. ``volume`` is a folder that every pod mounts."""

    settings: RunSettings
    file: Path
    volume: Path

    def documents(self) -> list[dict[str, Any]]:
        return list(yaml.safe_load_all(self.file.read_text(encoding="utf-8")))


def small_config(folder: Path, **kubeflow: Any) -> Path:
    """A YAML file of 2,000 rows; ``folder`` is mounted into every pod."""
    config = make_small_run(folder, rows=2_000).config
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    content["training"] |= {"epochs": 1}
    # The test is about the way to the verdict: any model of a small error passes, and one of 2,000 rows is no better.
    content["gate"] = {"are_max": 50.0, "min_negatives": 5}
    content["push"] = {"directory": str(folder / "serving")}
    content["kubeflow"] = {"defaults": {"volumes": [{"claim": "shared", "mount_path": str(folder)}]}, **kubeflow}
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    return config


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compiled:
    folder = tmp_path_factory.mktemp("volume")
    settings = runner.prepare(small_config(folder))
    file = runner.compile_pipeline(settings, target.Binding("kfp", IMAGE, ROOT), folder / "compiled")
    return Compiled(settings, file, folder)
