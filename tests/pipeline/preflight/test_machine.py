"""Limits, places and what lies in them, through the whole command: refused in seconds, with what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.preflight import machine
from tests.pipeline.preflight.conftest import Written
from tests.pipeline.preflight.test_command import in_mounts, needs_mounts


def limited(option: str) -> tuple[str, ...]:
    """A command that runs another one under a limit."""
    return ("bash", "-c", f'ulimit {option}; exec "$@"', "bash")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("-v 3000000", "ulimit -v: expected a limit of at least "),
        ("-n 64", "ulimit -n: expected a limit of at least 128 of open files. Received: 64; raise it"),
        ("-f 1000", "ulimit -f: expected a limit of at least 64 MiB of a file's size. Received: 0 MiB; raise it"),
    ],
)
def test_a_limit_under_which_no_run_ends(written: Written, option: str, told: str) -> None:
    written.write()
    assert told in written.refused(inside=limited(option))


def test_too_few_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.os, "getuid", lambda: 1234)
    monkeypatch.setattr(machine.resource, "getrlimit", lambda kind: (150, 150))
    monkeypatch.setattr(machine, "_threads_of_this_user", lambda: iter([100, 20]))
    told = list(machine._threads())
    assert told == [
        "ulimit -u: expected room for at least 200 more processes and threads of this user. Received: 30 of 150; raise it, "
        "or end other programs"
    ]
    monkeypatch.setattr(machine.os, "getuid", lambda: 0)
    assert not list(machine._threads())


@needs_mounts
def test_a_disk_for_runs_that_is_nearly_full(written: Written, tmp_path: Path) -> None:
    written.write()
    small = tmp_path / "small"
    small.mkdir()
    inside = in_mounts('mount -t tmpfs -o size=20m none "$1"', small)
    printed = written.refused(inside=inside, FAIR_RUNS_DIR=str(small))
    assert f"Received: {small}/mini, no space left: 20 MiB are free, at least 32 are needed; make room there" in printed


@needs_mounts
def test_a_full_folder_for_temporary_files(written: Written, tmp_path: Path) -> None:
    written.write()
    full = tmp_path / "full"
    full.mkdir()
    inside = in_mounts('mount -t tmpfs -o size=64k none "$1"; cat /dev/zero > "$1/all" 2>&-', full)
    printed = written.refused(inside=inside, TMPDIR=str(full))
    assert f"Received: {full}, no space left: 0 MiB are free, at least 64 are needed; make room in it" in printed


@pytest.mark.parametrize("named", ["gs://bucket/runs", "s3://bucket/x", "file"])
def test_a_folder_of_runs_that_is_none(written: Written, tmp_path: Path, named: str) -> None:
    written.write()
    if named == "file":
        named = str(tmp_path / "file")
        Path(named).write_text("", encoding="utf-8")
    told = f"FAIR_RUNS_DIR: expected a folder of this machine. Received: {named}, "
    assert told in written.refused(FAIR_RUNS_DIR=named)
    done = written.call(verb="runs", alone=True, FAIR_RUNS_DIR=named)
    assert done.returncode == 2 and told in done.stdout


@pytest.mark.parametrize("place", ["artifacts", "checkpoints", "logs", "tfx", "tfx/mini", "lock/", "summary.json/"])
def test_something_else_where_a_run_writes(written: Written, place: str) -> None:
    path = written.runs / "mini" / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if place.endswith("/"):
        path.mkdir()
    else:
        path.write_text("garbage", encoding="utf-8")
    written.write()
    done = written.call()
    assert done.returncode == 2 and f"{path}: expected a " in done.stdout and "remove it, and run again" in done.stdout


def cut_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table a (b text)")
    connection.executemany("insert into a values (?)", [("x" * 1_000,)] * 100)
    connection.commit()
    connection.close()
    os.truncate(path, 30_000)


@pytest.mark.parametrize(
    ("make", "received"),
    [
        (lambda path: path.write_bytes(os.urandom(50_000)), "something else"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(50)), "a damaged one"),
        (cut_database, "a damaged one (database disk image is malformed)"),
        (Path.mkdir, "a folder"),
        (os.mkfifo, "no file"),
        (lambda path: path.symlink_to("nowhere"), "a link that leads nowhere"),
    ],
)
def test_metadata_that_is_none(written: Written, make: Callable[[Path], object], received: str) -> None:
    path = written.runs / "mini" / "metadata.sqlite"
    path.parent.mkdir(parents=True)
    make(path)
    written.write()
    told = f"{path}: expected the SQLite file of ML Metadata. Received: {received}"
    done = written.call()
    assert done.returncode == 2 and told in done.stdout and "remove it and run again" in done.stdout
    assert "Traceback" not in done.stdout
    if path.exists():
        listed = written.call(verb="runs", alone=True)
        assert listed.returncode == 2 and told in listed.stdout


@pytest.mark.parametrize(
    ("named", "what"),
    [
        ("{runs}", "the folder of runs"),
        ("{runs}/mini", "the folder of this dataset's runs"),
        ("{runs}/mini/artifacts/models", "where runs keep other things"),
        ("{log}", "the log's folder (log.root)"),
        ("{log}/train.csv", "Not a directory"),
        ("{log}/train.csv/models", "Not a directory"),
        ("/proc/models", "No such file or directory"),
        ("gs://bucket/models", "a run on this machine pushes to a folder of this machine"),
        ("s3://bucket/models", "a run on this machine pushes to a folder of this machine"),
    ],
)
def test_a_folder_that_models_cannot_be_pushed_to(written: Written, named: str, what: str) -> None:
    written.content["push"] = {"directory": named.format(runs=written.runs, log=written.folder)}
    written.write()
    printed = written.refused()
    assert "push.directory: " in printed and what in printed


def test_a_folder_of_its_own_is_pushed_to(written: Written, tmp_path: Path) -> None:
    for directory in (tmp_path / "models", written.runs / "mini" / "serving"):
        written.content["push"] = {"directory": str(directory)}
        written.write()
        # The empty schema is what is refused next.
        assert "push.directory" not in written.refused()
    shutil.rmtree(written.runs, ignore_errors=True)
