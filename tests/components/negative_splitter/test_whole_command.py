"""A split without positives of a task, through the whole command: it ends before anything is trained."""

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PLAIN = {
    "dataset": "sided",
    "log": {"sources": [{"files": [f"{s}.csv"], "split": s} for s in ("train", "validation", "test")]},
    "features": {"inputs": [{"type": "numeric", "name": "x"}]},
    "tasks": [
        {"name": "click", "column": "clicked", "positive": "== 1"},
        {"name": "buy", "column": "spent", "positive": "> 0"},
    ],
    "groups": [{"name": "gender", "column": "sex"}],
    "gate": {"are_max": 1.1},
}


def write(folder: Path, one_sided: str) -> Path:
    draw = random.Random(1)
    for split in ("train", "validation", "test"):
        rows = ["x,clicked,spent,sex"]
        for _ in range(200):
            spent = 0 if split == one_sided else draw.choice([0, 2.5])
            rows.append(f"{draw.random():.3f},{draw.choice([0, 1])},{spent},{draw.choice('fm')}")
        (folder / f"{split}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    kinds = dict.fromkeys(("x", "clicked", "spent", "weight/click", "weight/buy"), "FLOAT")
    kinds |= dict.fromkeys(("label/click", "label/buy", "negative/click", "negative/buy"), "INT")
    kinds |= dict.fromkeys(("sex", "group/gender"), "BYTES")
    features = (
        f'feature {{ name: "{name}" type: {kind} presence {{ min_count: 1 }} value_count {{ min: 1 max: 1 }} }}'
        for name, kind in kinds.items()
    )
    (folder / "schema.pbtxt").write_text("\n".join(features), encoding="utf-8")
    config = folder / "run.yaml"
    config.write_text(yaml.safe_dump(PLAIN), encoding="utf-8")
    return config


@pytest.mark.parametrize("split", ["validation", "test"])
def test_it_ends_before_anything_is_trained(tmp_path: Any, split: str) -> None:
    config = write(tmp_path, split)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run", str(config)],
        cwd=ROOT,
        env={**os.environ, "FAIR_RUNS_DIR": str(tmp_path / "runs")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 1, done.stdout
    assert f"task `buy` (column `spent`): expected positives and negatives in split `{split}`" in done.stdout, (
        done.stdout
    )
    assert "0 positives among 200 known labels" in done.stdout and "`click`" not in done.stdout
    assert "Traceback" not in done.stdout and "nothing was pushed" in done.stdout
    assert not list((tmp_path / "runs").rglob("Transform")) and not list((tmp_path / "runs").rglob("Trainer*"))
