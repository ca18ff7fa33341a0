"""`make clean`: what it removes, what it leaves, and that it says both."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x", encoding="utf-8")
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the script, with `runs` and `data` beside its folder."""
    script = ROOT / "pipeline" / "clean.py"
    write(tmp_path / "pipeline" / "clean.py").write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("artifacts/Trainer/1/a", "logs/1.log", "tfx/p/pipeline_args.json", "metadata.sqlite", "lock"):
        write(tmp_path / "runs" / "mine" / name)
    for name in ("metadata.sqlite-journal", "summary.json", "frontier/results/table.csv", "checkpoints/x"):
        write(tmp_path / "runs" / "mine" / name)
    write(tmp_path / "data" / "sample" / "sample.json")
    return tmp_path


def clean(tree: Path, runs: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "FAIR_RUNS_DIR"}
    environment |= {} if runs is None else {"FAIR_RUNS_DIR": str(runs)}
    return subprocess.run(
        [sys.executable, "-I", str(tree / "pipeline" / "clean.py")],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_served_models_stay_and_the_rest_goes(tree: Path) -> None:
    model = write(tree / "runs" / "mine" / "serving" / "1718" / "saved_model.pb")
    done = clean(tree)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path for path in (tree / "runs").rglob("*") if path.is_file()] == [model]
    assert not (tree / "data" / "sample").exists()
    assert f"removed {tree}/runs/mine/artifacts (0 MB)" in done.stdout
    assert f"removed {tree}/data/sample" in done.stdout
    assert f"left {tree}/runs/mine/serving (models that were pushed, 0 MB)" in done.stdout


def test_nothing_is_left_of_a_dataset_without_models(tree: Path) -> None:
    (tree / "runs" / "mine" / "serving").mkdir()
    assert clean(tree).returncode == 0
    assert not list((tree / "runs").iterdir())
    # And again, with nothing to do.
    done = clean(tree)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_no_run_wrote_is_left_and_named(tree: Path) -> None:
    own = [write(tree / "runs" / "mine" / "notes.txt"), write(tree / "runs" / "other" / "a.txt")]
    own.append(write(tree / "data" / "log" / "impressions.csv"))
    done = clean(tree)
    assert all(path.is_file() for path in own)
    assert "mine/notes.txt (not written by a run" in done.stdout
    assert f"left {tree}/data/log: no generated sample" in done.stdout


def test_a_run_in_progress_is_left_alone(tree: Path) -> None:
    with (tree / "runs" / "mine" / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = clean(tree)
    assert done.returncode == 1
    assert f"left {tree}/runs/mine: a run works on it" in done.stdout
    assert (tree / "runs" / "mine" / "summary.json").is_file()


def test_runs_that_lie_elsewhere_are_cleaned_there(tree: Path) -> None:
    elsewhere = tree / "elsewhere"
    (tree / "runs").rename(elsewhere)
    assert clean(tree, elsewhere).returncode == 0
    assert not list(elsewhere.iterdir())


def test_make_clean_runs_it() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "clean"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
    )
    assert "pipeline/clean.py" in done.stdout and "rm " not in done.stdout
