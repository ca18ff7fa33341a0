"""Pushing: whole or not at all, and always the newest."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from components.model_pusher import push as module
from components.model_pusher.push import ChangedModelError, push, sweep, versions
from models.formats.file_digest import folder_digest


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
    assert [entry.name for entry in (tmp_path / "serving").iterdir()] == [".pushing.lock"]


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


def test_a_model_that_changed_after_it_was_judged_is_not_pushed(model: Path, tmp_path: Path) -> None:
    judged = folder_digest(model)
    assert push(model, tmp_path / "serving", judged).exists()
    (model / "variables" / "variables.index").write_bytes(b"others!")
    with pytest.raises(ChangedModelError, match="expected the model that was judged .*nothing was pushed"):
        push(model, tmp_path / "serving", judged)
    assert len(versions(tmp_path / "serving")) == 1


def test_a_file_that_changes_while_it_is_copied_is_noticed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(source: Path, target: Path) -> None:
        shutil.copytree(source, target)
        (source / "saved_model.pb").write_bytes(b"other")

    monkeypatch.setattr(module, "shutil", SimpleNamespace(copytree=change, rmtree=shutil.rmtree))
    with pytest.raises(ChangedModelError, match="no file changes while it is copied"):
        push(model, tmp_path / "serving")


def test_a_push_waits_for_another_and_a_sweep_leaves_it_alone(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving, begun, go_on = tmp_path / "serving", threading.Event(), threading.Event()

    def slowly(source: Path, target: Path) -> None:
        shutil.copytree(source, target)
        begun.set()
        assert go_on.wait(10)

    monkeypatch.setattr(module, "shutil", SimpleNamespace(copytree=slowly, rmtree=shutil.rmtree))
    threads = [threading.Thread(target=push, args=(model, serving)) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    # Another run starts, and clears away what killed runs left.
    sweep(serving)
    assert len(list(serving.glob(".pushing-*"))) == 1
    go_on.set()
    for thread in threads:
        thread.join()
    assert [sorted(path.name for path in (serving / str(version)).iterdir()) for version in versions(serving)] == [
        ["saved_model.pb", "variables"]
    ] * 2


def test_digests_tell_names_and_contents(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        (tmp_path / name / "x").mkdir(parents=True)
        (tmp_path / name / "x" / "f").write_bytes(b"1")
    (tmp_path / "b" / "empty").mkdir()
    (tmp_path / "c" / "x" / "f").rename(tmp_path / "c" / "x" / "g")
    (tmp_path / "d" / "x" / "f").write_bytes(b"2")
    a, b, c, d = (folder_digest(tmp_path / name) for name in ("a", "b", "c", "d"))
    assert a == b and len({a, c, d}) == 3
    with pytest.raises(FileNotFoundError):
        folder_digest(tmp_path / "none")
