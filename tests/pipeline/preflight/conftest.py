"""A small log of three files, and the command as a person calls it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from pipeline.cli import prepare
from pipeline.settings.config import ConfigError
from pipeline.showing.console import new_console

ROOT = Path(__file__).resolve().parents[3]
HEADER = "x,c,clicked,spent,sex\n"
ROWS = HEADER + "1,a,1,2.5,f\n2,b,0,0,m\n"


class Written:
    """A YAML file with its log beside it, and where its runs would go."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder.parent / "runs"
        folder.mkdir()
        for name in ("train", "validation", "test"):
            (folder / f"{name}.csv").write_text(ROWS, encoding="utf-8")
        (folder / "schema.pbtxt").write_text("", encoding="utf-8")
        self.content: dict[str, Any] = {
            "dataset": "mini",
            "log": {"sources": [{"files": [f"{s}.csv"], "split": s} for s in ("train", "validation", "test")]},
            "features": {"inputs": [{"type": "numeric", "name": "x"}, {"type": "categorical", "name": "c"}]},
            "tasks": [
                {"name": "click", "column": "clicked", "positive": "== 1"},
                {"name": "buy", "column": "spent", "positive": "> 0"},
            ],
            "groups": [{"name": "gender", "column": "sex"}],
            "gate": {"are_max": 1.1},
        }

    @property
    def config(self) -> Path:
        return self.folder / "run.yaml"

    def write(self) -> Path:
        self.config.write_text(yaml.safe_dump(self.content, allow_unicode=True), encoding="utf-8")
        return self.config

    def call(
        self, *, verb: str = "run", alone: bool = False, inside: tuple[str, ...] = (), **environment: str | None
    ) -> subprocess.CompletedProcess[str]:
        """Runs the command, ``alone`` without the YAML file; a variable that is None is taken out of the environment."""
        given = {"FAIR_RUNS_DIR": str(self.runs), **environment}
        variables = {key: value for key, value in {**os.environ, **given}.items() if value is not None}
        command = [*inside, sys.executable, "-m", "pipeline.cli", verb, *([] if alone else [str(self.config)])]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=120,
        )

    def problems(self) -> str:
        """All that is to be mended, of which a terminal is shown what fits."""
        with patch.dict(os.environ, FAIR_RUNS_DIR=str(self.runs)), pytest.raises(ConfigError) as refused:
            prepare(self.config, new_console(), "run")
        return str(refused.value)

    def refused(self, **options: Any) -> str:
        """What the command prints, which must refuse: nothing may have been started."""
        done = self.call(**options)
        assert done.returncode == 2, done.stdout
        assert done.stdout.startswith("cannot run: ") and "Traceback" not in done.stdout, done.stdout
        assert not self.runs.exists() and "tfx" not in done.stdout.replace("TFX", ""), done.stdout
        return done.stdout


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Settings that could run, but for what a test changes."""
    return Written(tmp_path / "log")
