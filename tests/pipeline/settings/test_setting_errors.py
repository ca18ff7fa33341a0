"""Settings that cannot be used, through the whole command: exit code 2, and a few lines that name file and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.preflight.conftest import Written

HASH = {"by": "hash", "fractions": {"train": 0.5}}
BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{this}: &{this} [{','.join([f'*{before}'] * 10)}]\n" for before, this in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path / "log")


def refused(written: Written) -> list[str]:
    """The lines that are printed."""
    done = written.call()
    assert done.returncode == 2, done.stdout
    lines = done.stdout.splitlines()
    assert str(written.config) in lines[0]
    assert len(lines) <= 10 and "Traceback" not in done.stdout and "pydantic" not in done.stdout
    assert max(map(len, lines)) < 800
    return lines


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("log.sources", [{"files": ["a.csv"], "split": "tran"}], ["  log.sources[0].split: Input should be 'train', "]),
        (
            "log.sources",
            [{"files": ["a.csv"], "split": HASH}],
            ["  log.sources[0].split: `fractions` should be positive"],
        ),
        (
            "log.sources",
            [{"fils": [1], "split": "train"}],
            ["  log.sources[0].files: this key", "  log.sources[0].fils: unk"],
        ),
        ("fairness.strength", float("nan"), ["  fairness.strength: Input should be a finite number. Received: nan"]),
        ("fairness.strength", {"click": float("inf")}, ["  fairness.strength.click: Input should be a finite number"]),
        ("fairness.strength", 1e39, ["  fairness.strength: expected a number that 32 bits hold"]),
        ("fairness.strength", {"click": True}, ["  fairness.strength.click: expected a number. Received: true"]),
        ("training.epochs", True, ["  training.epochs: expected a number. Received: true"]),
        (
            "training.seed",
            2**31,
            ["  training.seed: expected a whole number from 0 to 2147483647. Received: 2147483648"],
        ),
        ("training.seed", -1, ["  training.seed: expected a whole number from 0 to"]),
        ("training.batch_size", 2**40, ["  training.batch_size: expected a whole number from "]),
        ("model.shared_units", [0], ["  model.shared_units: expected a whole number from 1 to"]),
        ("tasks.0.threshold", True, ["  tasks[0].threshold: expected a number. Received: true"]),
        ("tasks.0.missing", [float("nan")], ["  tasks[0].missing[0]: Input should be a finite number. Received: nan"]),
        ("dataset", "d" * 300, ["  dataset: String should have at most 200 characters. Received: 'ddd"]),
        ("features", ["x" * 900], ["  features: Input should be a mapping of keys to values. Received: ['xxx"]),
        ("training.weighting", {"method": "nix"}, ["  training.weighting: 'method' should be one of 'fixed', "]),
    ],
)
def test_a_wrong_setting_is_said_in_a_line(written: Written, key: str, value: Any, said: list[str]) -> None:
    *parents, last = key.split(".")
    place: Any = written.content
    for parent in parents:
        place = place[int(parent)] if isinstance(place, list) else place.setdefault(parent, {})
    place[last] = value
    written.write()
    lines = refused(written)[1:]
    assert len(lines) == len(said), lines
    for line, start in zip(lines, said, strict=True):
        assert line.startswith(start)


def test_at_most_five_errors_are_listed(written: Written) -> None:
    written.content |= {f"key{number}": 1 for number in range(12)}
    written.write()
    lines = refused(written)
    assert len(lines) == 7 and lines[-1] == "  and 7 more"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n? [b]\n: c", "line 2: expected a plain key. Received: a list or a mapping as a key"),
        ("{{a: 1}: b}: c", "line 1: expected a plain key"),
        ("a: 1\nb: " + "[" * 3000 + "]" * 3000, "line 2: more than 50 lists and mappings within each other"),
        ("b: " + "{a: " * 3000, "line 1: more than 50 lists and mappings within each other"),
        (BOMB, "line 6: what `*e` stands for makes the file longer than 1,000,000 signs"),
        ("a: &x [*x]", "line 1: the alias `*x` stands within what it stands for"),
        ("a: " + "1" * 5000, "line 1: expected a number. Received: 111"),
        ("a: [1, 2\n", "line 1: while parsing a flow sequence, expected ',' or ']'"),
        ("a: \x01", "line 1: the sign U+0001 cannot stand in YAML"),
        ("a: ${FAIR_TEST_UNSET}", "line 1: the environment variable `FAIR_TEST_UNSET` is not set"),
    ],
)
def test_what_is_no_yaml_is_said_in_a_sentence(written: Written, text: str, said: str) -> None:
    written.config.write_text(text, encoding="utf-8")
    lines = refused(written)
    assert len(lines) == 1 and said in lines[0] and len(lines[0]) < 500 + len(str(written.config))


def test_a_folder_from_the_environment_may_hold_any_sign(tmp_path: Path) -> None:
    base = tmp_path / "base #x: [1] '2' {3}"
    base.mkdir()
    written = Written(base / "log")
    written.content["log"]["root"] = "PLACE/log"
    written.content["groups"][0]["column"] = "sexe"
    text = yaml.safe_dump(written.content).replace("PLACE", "${FAIR_TEST_BASE:-nowhere}")
    written.config.write_text(text, encoding="utf-8")
    done = written.call(FAIR_TEST_BASE=str(base))
    assert done.returncode == 2
    assert f"expected column `sexe` in {base}/log/t" in done.stdout, done.stdout
