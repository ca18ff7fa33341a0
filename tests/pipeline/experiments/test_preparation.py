"""The process that prepares data, seen from outside: stages, its result, and how a failure is told."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.experiments import preparation
from pipeline.experiments.preparation import PreparationError
from pipeline.showing.console import new_console

PYTHON = sys.executable

# Called as `-m pipeline.experiments.preparation CONFIG FOLDER RESULT`.
HEAD = """#!{python}
import json, os, sys
module, config, folder, result = sys.argv[2:]
def say(**event):
    with open(os.environ["FAIR_RUN_EVENTS"], "a") as file:
        file.write(json.dumps({{"at": 0.0, **event}}) + "\\n")
"""


def prepared(body: str, tmp_path: Path, patch: pytest.MonkeyPatch) -> tuple[Any, str]:
    script = tmp_path / "python"
    script.write_text(HEAD.format(python=PYTHON) + body, encoding="utf-8")
    script.chmod(0o755)
    patch.setattr(preparation.sys, "executable", str(script))
    out = io.StringIO()
    logs = tmp_path / "logs"
    try:
        return preparation.prepare(
            Path("mini.yaml"), tmp_path / "data", logs, new_console(file=out, width=200)
        ), out.getvalue()
    except PreparationError as error:
        return error, out.getvalue()


def test_stages_are_shown_and_the_result_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = """
say(kind="stage", name="Transform", state="running")
say(kind="stage", name="Transform", state="cached")
say(kind="stage", name="Transform", state="finished")
assert (module, config, os.environ["CUDA_VISIBLE_DEVICES"]) == ("pipeline.experiments.preparation", "mini.yaml", "")
print("a lot that nobody reads")
open(result, "w").write(json.dumps({"train": folder + "/train"}))
"""
    found, out = prepared(body, tmp_path, monkeypatch)
    assert found == {"train": f"{tmp_path / 'data'}/train"}
    assert "Transform" in out and "unchanged, from cache" in out and "nobody reads" not in out
    assert "nobody reads" in next((tmp_path / "logs").glob("*-prepare.log")).read_text(encoding="utf-8")


def test_a_failure_is_told_by_the_stage_and_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = 'say(kind="error", stage="AnomalyGate", text="ValueError: [x] is no number"); sys.exit(1)'
    found, _ = prepared(body, tmp_path, monkeypatch)
    assert isinstance(found, PreparationError)
    assert str(found).startswith("AnomalyGate: ValueError: [x] is no number\nTFX's whole log: ")


def test_a_death_by_a_signal_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = prepared('print("the last line", flush=True); os.kill(os.getpid(), 9)', tmp_path, monkeypatch)
    assert isinstance(found, PreparationError) and str(found).startswith(
        "was killed by signal 9 (SIGKILL); a lack of memory"
    )


def test_an_earlier_calls_result_is_never_taken_for_this_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared('open(result, "w").write("{}")', tmp_path, monkeypatch)
    found, _ = prepared("sys.exit(1)", tmp_path, monkeypatch)
    assert isinstance(found, PreparationError)
    assert not (tmp_path / "data" / "data.json").exists()
