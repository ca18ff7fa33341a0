"""Machines that are not as they should be: the command works, or says what is wrong in one message."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.small_log import ROOT, SmallLog, last_word
from tests.pipeline.preflight.test_command import in_mounts, needs_mounts


def _limited(*limits: tuple[int, int]) -> tuple[str, ...]:
    """A command that runs another one under limits of the operating system."""
    code = f"import os, resource, sys\nfor kind, most in {limits}: resource.setrlimit(kind, (most, most))\n"
    return (sys.executable, "-c", code + "os.execv(sys.argv[1], sys.argv[1:])")


@pytest.fixture
def log(tmp_path: Path) -> SmallLog:
    found = SmallLog(tmp_path / "log")
    found.write()
    return found


def test_64_file_handles(log: SmallLog, tmp_path: Path) -> None:
    done = log.call(inside=_limited((resource.RLIMIT_NOFILE, 64)))
    assert done.returncode == 2 and "64" in last_word(done.stdout, tmp_path)


def test_little_memory(log: SmallLog, tmp_path: Path) -> None:
    done = log.call(inside=_limited((resource.RLIMIT_AS, 1 << 30)))
    assert done.returncode == 2 and "ulimit -v" in last_word(done.stdout, tmp_path)


@needs_mounts
@pytest.mark.parametrize("size", ["64k", "8m"])
def test_little_room_for_temporary_files(log: SmallLog, tmp_path: Path, size: str) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    done = log.call(inside=in_mounts(f'mount -t tmpfs -o size={size} none "$1"', place), TMPDIR=str(place))
    assert done.returncode == 2 and "TMPDIR" in last_word(done.stdout, tmp_path)


@needs_mounts
def test_little_room_for_runs(log: SmallLog, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    inside = in_mounts('mount -t tmpfs -o size=20m none "$1"', place)
    done = log.call(inside=inside, FAIR_RUNS_DIR=str(place / "runs"))
    assert done.returncode == 2 and "no space left" in last_word(done.stdout, tmp_path)


@needs_mounts
def test_a_read_only_folder_of_runs(log: SmallLog, tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    (tmp_path / "read-only").mkdir()
    inside = in_mounts('mount --bind "$1" "$2" && mount -o remount,ro,bind "$2"', tmp_path / "read-only", place)
    done = log.call(inside=inside, FAIR_RUNS_DIR=str(place / "runs"))
    assert done.returncode == 2 and "Read-only file system" in last_word(done.stdout, tmp_path)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_outputs_of_any_encoding(log: SmallLog, encoding: str) -> None:
    log.put("groups.0.column", "性别")
    log.write()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "run", str(log.config)],
        cwd=ROOT,
        capture_output=True,
        env={"PATH": "", "PYTHONIOENCODING": encoding, "FAIR_RUNS_DIR": str(log.runs), "LC_ALL": "C"},
    )
    assert done.returncode == 2 and not done.stderr
    name = "性别" if encoding == "utf-16" else r"\u6027\u522b"
    assert f"expected column `{name}`" in done.stdout.decode(encoding)


@pytest.mark.slow
def test_a_whole_run_with_ascii_and_without_a_home_a_terminal_or_an_input(log: SmallLog) -> None:
    log.put("tasks.0.name", "nota_ñ_→")
    (log.folder / "schema.pbtxt").write_text(
        (log.folder / "schema.pbtxt").read_text(encoding="utf-8").replace("/click", "/nota_ñ_→"), encoding="utf-8"
    )
    log.write()
    gone = dict.fromkeys(("HOME", "USER", "LOGNAME", "TERM", "LANG", "DISPLAY"))
    done = log.call(PYTHONIOENCODING="ascii", LC_ALL="C", **gone)
    summary = json.loads((log.runs / "mini" / "summary.json").read_text(encoding="utf-8"))
    assert done.returncode == 0, done.stdout
    assert done.stdout.isascii() and r"nota_\xf1_->" in done.stdout
    assert ("passed the gate" in done.stdout) == summary["blessed"]
