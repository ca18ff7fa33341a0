"""Pushing: whole or not at all, and always the newest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.model_pusher import push as module
from components.model_pusher.push import push, sweep, versions


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"weights")
    return folder


def test_copies_the_whole_model(model: Path, tmp_path: Path) -> None:
    target = push(model, tmp_path / "serving")
    assert target.parent == tmp_path / "serving"
    assert (target / "variables" / "variables.index").read_bytes() == b"weights"
    assert versions(tmp_path / "serving") == [int(target.name)]


def test_each_push_is_the_newest_even_within_one_second(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.time, "time", lambda: 1000.0)
    pushed = [int(push(model, tmp_path / "serving").name) for _ in range(3)]
    assert pushed == [1000, 1001, 1002]
    # A clock that was set back must not make an old model the newest.
    monkeypatch.setattr(module.time, "time", lambda: 10.0)
    assert int(push(model, tmp_path / "serving").name) == 1003


def test_a_copy_that_breaks_off_leaves_no_version(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(source: str, target: str, **_: object) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    # What copytree copies each file with.
    monkeypatch.setattr(shutil.copytree, "__defaults__", (False, None, full_disk, False, False))
    with pytest.raises((OSError, shutil.Error), match="No space left"):
        push(model, tmp_path / "serving")
    assert list((tmp_path / "serving").iterdir()) == []


def test_what_a_kill_left_is_no_version_and_is_swept(model: Path, tmp_path: Path) -> None:
    left = tmp_path / "serving" / ".pushing-dead"
    left.mkdir(parents=True)
    assert versions(tmp_path / "serving") == []
    sweep(tmp_path / "serving")
    assert not left.exists()


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="expected a SavedModel"):
        push(tmp_path / "empty", tmp_path / "serving")
    assert not (tmp_path / "serving").exists()
