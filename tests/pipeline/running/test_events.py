"""Events: from log lines of the runner to what a person reads."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest

from pipeline.running import events as module
from pipeline.running.events import PROGRESS, EventWriter, StageHandler, follow
from pipeline.showing.console import new_console
from pipeline.showing.terminal import Stages


@pytest.fixture
def logger(tmp_path: Path) -> logging.Logger:
    log = logging.getLogger(f"test-{tmp_path}")
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(StageHandler(EventWriter(tmp_path / "events.jsonl")))
    return log


def read(tmp_path: Path) -> list[dict]:
    path = tmp_path / "events.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def test_stages_notes_and_cache_become_events(logger: logging.Logger, tmp_path: Path) -> None:
    logger.info("Component %s is running.", "Baseline")
    logger.info("A cached execution 7 is used.")
    logger.info("Component %s is finished.", "Baseline")
    logger.info("%sepoch 1 of 8", PROGRESS)
    logger.info("something of TFX's own")
    kinds = [(e["kind"], e.get("name") or e.get("stage"), e.get("state") or e.get("text")) for e in read(tmp_path)]
    assert kinds == [
        ("stage", "Baseline", "running"),
        ("stage", "Baseline", "cached"),
        ("stage", "Baseline", "finished"),
        ("note", "Baseline", "epoch 1 of 8"),
    ]


def test_epochs_of_a_training_and_of_its_stages_are_notes_without_the_tasks(
    logger: logging.Logger, tmp_path: Path
) -> None:
    logger.info("training: %s", "epoch 1/6  1.0 s  |  click: loss 0.5")
    logger.info("training: %s", "sharing: epoch 7/12  1.0 s  |  click: loss 0.5")
    logger.info("training: %s", "ready; epoch after epoch")
    texts = [event["text"] for event in read(tmp_path)]
    assert texts == ["epoch 1/6  1.0 s", "sharing: epoch 7/12  1.0 s"]


def test_warnings_of_our_code_are_shown_and_those_of_libraries_are_not(
    logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger.warning("few negatives in %s", "click")
    monkeypatch.setattr(StageHandler, "_is_ours", lambda self, pathname: False)
    logger.warning("deprecated")
    assert [(e["kind"], e["text"]) for e in read(tmp_path)] == [("warning", "few negatives in click")]


def test_own_code_is_told_by_its_path(tmp_path: Path) -> None:
    handler = StageHandler(EventWriter(None))
    root = Path(module.__file__).resolve().parents[2]
    assert handler._is_ours(str(root / "components" / "x.py"))
    assert not handler._is_ours(str(root / ".venv/lib/python3.10/site-packages/tfx/x.py"))
    assert not handler._is_ours("/usr/lib/python3/x.py")


def test_follow_yields_each_event_once_and_waits_for_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    alive = iter([True, True, True, False])
    steps = iter(['{"kind": "note", "text": "ä"}\n{"ki', 'nd": "note", "text": "2"}\n', "", ""])

    def step() -> bool:
        with path.open("a", encoding="utf-8") as file:
            file.write(next(steps))
        return next(alive)

    assert [event["text"] for event in follow(path, step)] == ["ä", "2"]


def test_follow_ends_where_nothing_was_written(tmp_path: Path) -> None:
    assert list(follow(tmp_path / "none.jsonl", lambda: False)) == []


def test_stages_print_plain_lines_without_a_terminal() -> None:
    out = io.StringIO()
    stages = Stages(new_console(file=out, width=100))
    for at, state in ((10.0, "running"), (17.0, "finished")):
        stages.show({"at": at, "kind": "stage", "name": "Transform", "state": state})
    for at, state in ((18.0, "running"), (18.0, "cached"), (18.5, "finished")):
        stages.show({"at": at, "kind": "stage", "name": "Baseline", "state": state})
    stages.show({"at": 19.0, "kind": "warning", "stage": "x", "text": "only 7 [specific] negatives"})
    text = out.getvalue()
    assert "Transform                7 s" in text
    assert "Baseline             unchanged, from cache" in text
    assert "warning only 7 [specific] negatives" in text
