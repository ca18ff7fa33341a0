"""A small log that is generated from a seed, its YAML file, and the command as a person calls it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[2]
SPLITS = ("train", "validation", "test")
# Of the columns that the settings below make of the log.
_KINDS = {
    "BYTES": ("c", "sex", "group/gender"),
    "FLOAT": ("x", "clicked", "spent", "weight/click", "weight/buy"),
    "INT": ("label/click", "label/buy", "negative/click", "negative/buy"),
}
SCHEMA = "".join(
    f'feature {{ name: "{name}" type: {kind} value_count {{ min: 1 max: 1 }} presence {{ min_count: 1 }} }}\n'
    for kind, names in _KINDS.items()
    for name in names
)
# What a machine may have set, on which no test may hang.
_OURS = ("FAIR_RUNS_DIR", "REQUIRE_BLESSING", "FAIR_RUN_CONFIG")


def rows(seed: int, number: int) -> pd.DataFrame:
    """Impressions whose labels follow from ``x``, ``c`` and the group, so that a model has something to learn.

    Args:
      seed: Of the generator; the same rows come of the same seed.
      number: How many; from some 40 on both labels are in both groups.
    """
    draw = np.random.default_rng(seed)
    x, category, group = draw.normal(size=number), draw.integers(0, 4, number), draw.integers(0, 2, number)
    score = x + 0.5 * category + 0.6 * group
    return pd.DataFrame(
        {
            "id": np.arange(number),
            "when": pd.Timestamp("2024-05-01") + pd.to_timedelta(np.arange(number), unit="min"),
            "x": x.round(4),
            "c": np.array(["red", "green", "blue", "grey"])[category],
            "clicked": (score + draw.normal(size=number) > 0.9).astype(int),
            "spent": np.where(score + draw.normal(size=number) > 1.3, draw.integers(1, 50, number), 0),
            "sex": np.array(["f", "m"])[group],
        }
    )


class SmallLog:
    """A YAML file with its log beside it, which could run, and where its runs would go.

    Attributes:
      content: What the YAML file will hold.
    """

    def __init__(self, folder: Path, number: int = 60) -> None:
        self.folder, self.runs, self.config = folder, folder.parent / "runs", folder / "run.yaml"
        folder.mkdir()
        for seed, split in enumerate(SPLITS):
            rows(seed, number).to_csv(folder / f"{split}.csv", index=False)
        (folder / "schema.pbtxt").write_text(SCHEMA, encoding="utf-8")
        self.content: dict[str, Any] = {
            "dataset": "mini",
            "log": {"sources": [{"files": [f"{split}.csv"], "split": split} for split in SPLITS]},
            "features": {"inputs": [{"type": "numeric", "name": "x"}, {"type": "categorical", "name": "c"}]},
            "tasks": [
                {"name": "click", "column": "clicked", "positive": "== 1"},
                {"name": "buy", "column": "spent", "positive": "> 0"},
            ],
            "groups": [{"name": "gender", "column": "sex"}],
            "model": {"embedding_units": 4, "shared_units": [8], "tower_units": [8]},
            "training": {"epochs": 2, "batch_size": 256},
            "gate": {"are_max": 3.0},
        }

    def put(self, key: str, value: Any) -> None:
        """Sets a key such as ``tasks.0.positive``; blocks that are not there are made."""
        *blocks, last = [int(part) if part.isdigit() else part for part in key.split(".")]
        place: Any = self.content
        for block in blocks:
            place = place.setdefault(block, {}) if isinstance(place, dict) else place[block]
        place[last] = value

    def text(self) -> str:
        """The YAML file's text, as long as nobody has written another one."""
        return yaml.safe_dump(self.content, allow_unicode=True, sort_keys=False)

    def write(self, text: str | bytes | None = None) -> None:
        """Writes the YAML file: ``text``, or what ``content`` holds."""
        text = self.text() if text is None else text
        self.config.write_bytes(text if isinstance(text, bytes) else text.encode())

    def call(
        self, *arguments: str, inside: tuple[str, ...] = (), timeout: float = 600, **environment: str | None
    ) -> subprocess.CompletedProcess[str]:
        """Calls the command; a variable that is None is taken out of the environment."""
        kept = {key: value for key, value in os.environ.items() if key not in _OURS}
        given = {**kept, "FAIR_RUNS_DIR": str(self.runs), **environment}
        return subprocess.run(
            [*inside, sys.executable, "-m", "pipeline.cli", *(arguments or ("run", str(self.config)))],
            cwd=ROOT,
            env={key: value for key, value in given.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
        )


def last_word(printed: str, folder: Path) -> str:
    """What a command printed, which must be one message that a person can read and act on.

    Args:
      printed: All of it.
      folder: Of the test; its name is part of many messages and says nothing of their length.
    """
    text = printed.replace(str(folder), "…")
    message = text[
        max(text.rfind(start) for start in ("cannot ", "the run failed", "no schema", "Usage: ", "the command")) :
    ]
    assert "Traceback" not in printed and 'File "' not in printed, printed
    assert not re.search(r"site-packages|\.venv|/usr/lib|object at 0x|pydantic|For further information", printed), (
        printed
    )
    assert printed.count("cannot run:") + printed.count("the run failed") <= 1, printed
    assert "During handling" not in printed and "the command failed" not in printed, printed
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", printed), repr(printed)
    assert sum(max(-(-len(line) // 80), 1) for line in message.splitlines()) <= 10, printed
    assert not any(len(word) > 200 for word in re.split(r"\s", message)), printed
    return text
