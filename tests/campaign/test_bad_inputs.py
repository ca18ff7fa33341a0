"""Bad inputs through the whole command: one message says what is wrong, where, and what was received."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.bad_inputs import KINDS, LATE, Case
from tests.campaign.small_log import SmallLog, last_word

# The first of each kind, and then every seventh, so that `make test` sees every kind.
QUICK = {f"{kind}-{case.name}" for kind, cases in KINDS.items() for case in cases[::7]}


def _params() -> list[object]:
    named = [(f"{kind}-{case.name}", case) for kind, cases in KINDS.items() for case in cases]
    return [pytest.param(case, id=name, marks=() if name in QUICK else pytest.mark.slow) for name, case in named]


def check(case: Case, tmp_path: Path) -> None:
    log = SmallLog(tmp_path / "log")
    case.change(log)
    arguments = [str(log.config) if argument == "CONFIG" else argument for argument in case.arguments]
    done = log.call(*arguments)
    text = last_word(done.stdout, tmp_path)
    assert done.returncode == case.code, done.stdout
    for word in case.words:
        assert word in text, (word, text)
    assert case.code == 1 or not log.runs.exists() or not list(log.runs.rglob("*.log")), "something was started"


@pytest.mark.parametrize("case", _params())
def test_bad_input(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", LATE, ids=lambda case: case.name)
def test_bad_input_that_only_the_stages_see(case: Case, tmp_path: Path) -> None:
    check(case, tmp_path)


def test_there_are_enough_and_each_once() -> None:
    names = [f"{kind}-{case.name}" for kind, cases in KINDS.items() for case in cases]
    assert len(names) == len(set(names)) >= 150
