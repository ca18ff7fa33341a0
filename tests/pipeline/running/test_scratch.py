"""One folder for all temporary files: gone at the end, swept after a kill, and one sentence where there is no place."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import UNUSABLE, cli
from pipeline.running import scratch
from pipeline.running.places import is_held
from pipeline.running.scratch import OWNER_VARIABLE, ScratchError, scratch_folder
from tests.pipeline.conftest import make_small_run

ROOT = Path(__file__).resolve().parents[3]
KILLED = """
import os, signal, tempfile
from pipeline.running.scratch import scratch_folder
with scratch_folder() as folder:
    tempfile.mkstemp()
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def killed() -> Path:
    done = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False
    )
    return Path(done.stdout.strip())


def test_temporary_files_of_this_process_and_its_children_go_with_the_folder(base: Path) -> None:
    with scratch_folder() as folder:
        assert folder.parent == base and str(os.getpid()) in folder.name
        tempfile.mkdtemp()
        subprocess.run(["sh", "-c", 'echo > "$TMPDIR/of-a-child"'], check=True)
        assert len(list(folder.iterdir())) == 3
        assert is_held(Path(os.environ[OWNER_VARIABLE]))
    assert not list(base.iterdir())
    assert os.environ["TMPDIR"] == str(base) and tempfile.gettempdir() == str(base)
    assert OWNER_VARIABLE not in os.environ


def test_a_start_sweeps_what_a_kill_left_and_nothing_else(base: Path) -> None:
    (base / "fairness-runner.txt").write_text("somebody's own", encoding="utf-8")
    left = killed()
    assert len(list(left.iterdir())) == 2
    with scratch_folder() as living, scratch_folder() as other:
        assert not left.exists()
        assert living.is_dir() and other.is_dir()
    assert [path.name for path in base.iterdir()] == ["fairness-runner.txt"]


def test_a_number_that_another_process_has_since_does_not_keep_a_folder(base: Path) -> None:
    left = killed()
    reused = left.with_name(f"fairness-run-{os.getpid()}-abc")
    left.rename(reused)
    with scratch_folder():
        assert not reused.exists()


def test_a_folder_that_is_being_made_is_left_for_an_hour(base: Path) -> None:
    young, old = base / "fairness-run-1-young", base / "fairness-run-1-old"
    young.mkdir()
    old.mkdir()
    os.utime(old, (0, 0))
    with scratch_folder():
        assert young.is_dir() and not old.exists()


def test_no_link_is_followed(base: Path, tmp_path: Path) -> None:
    elsewhere = killed()
    own = tmp_path / "own"
    elsewhere.rename(own)
    (base / "fairness-run-1-link").symlink_to(own)
    with scratch_folder():
        assert len(list(own.iterdir())) == 2


def test_no_place_is_one_sentence(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = make_small_run(base.parent, rows=200)
    monkeypatch.setenv("FAIR_RUNS_DIR", str(small.runs))
    file = base / "file"
    file.write_text("", encoding="utf-8")
    for wrong in (file, base / "nowhere"):
        monkeypatch.setenv("TMPDIR", str(wrong))
        done = CliRunner().invoke(cli, ["run", str(small.config)])
        assert done.exit_code == UNUSABLE
        assert "cannot run: TMPDIR: expected a folder with room for temporary files. Received: " in done.output
        assert str(wrong) in done.output and "set TMPDIR to another folder" in done.output


def test_a_full_one_is_named_with_what_is_free(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(base)._replace(free=5 << 20)
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ScratchError, match=r"5 MiB free, at least 64 are needed\); make room in it, or set TMPDIR"):
        scratch_folder().__enter__()
    assert not list(base.iterdir())
