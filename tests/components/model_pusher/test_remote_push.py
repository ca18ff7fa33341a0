"""Pushing through TensorFlow's file systems; ``ram://`` stands for a store that is no local folder."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components.gate.component import GateVerdict
from components.gate.verdict_record import VERDICT_DIGEST, BoundRecord, VerdictRecord
from components.model_pusher import remote_push
from components.model_pusher.executor import Executor
from components.model_pusher.push import ChangedModelError
from models.formats.file_digest import JUDGED, folder_digest


@pytest.fixture
def model(tmp_path: Path) -> str:
    folder = tmp_path / "model"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.index").write_bytes(b"index")
    (folder / "fingerprint.pb").write_bytes(b"print")
    return str(folder)


@pytest.fixture
def directory() -> str:
    return f"ram://{uuid.uuid4().hex}/serving"


def read(path: str) -> bytes:
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()


def test_all_files_arrive(model: str, directory: str) -> None:
    target = remote_push.push(model, directory)
    assert target.startswith(f"{directory}/") and target.rpartition("/")[2].isdigit()
    assert read(f"{target}/saved_model.pb") == b"graph"
    assert read(f"{target}/variables/variables.index") == b"index"
    assert read(f"{target}/fingerprint.pb") == b"print"


def test_saved_model_comes_last(model: str, directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    copy = tf.io.gfile.copy

    def watched(source: str, target: str) -> None:
        order.append(target)
        copy(source, target)

    monkeypatch.setattr(tf.io.gfile, "copy", watched)
    remote_push.push(model, directory)
    assert order[-1].endswith("/saved_model.pb") and len(order) == 3


def test_versions_ascend(model: str, directory: str) -> None:
    first = remote_push.push(model, directory)
    second = remote_push.push(model, directory)
    assert int(second.rpartition("/")[2]) > int(first.rpartition("/")[2])
    assert remote_push.versions(directory) == [int(path.rpartition("/")[2]) for path in (first, second)]


def test_a_push_that_fails_leaves_no_version(model: str, directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tf.io.gfile.copy

    def failing(source: str, target: str) -> None:
        if source.endswith("saved_model.pb"):
            raise OSError("no space")
        copy(source, target)

    monkeypatch.setattr(tf.io.gfile, "copy", failing)
    with pytest.raises(OSError, match="no space"):
        remote_push.push(model, directory)
    assert remote_push.versions(directory) == []


def test_what_a_killed_push_left_is_removed(model: str, directory: str) -> None:
    tf.io.gfile.makedirs(f"{directory}/7/variables")
    with tf.io.gfile.GFile(f"{directory}/7/variables/variables.index", "w") as file:
        file.write("half")
    target = remote_push.push(model, directory)
    assert remote_push.versions(directory) == [int(target.rpartition("/")[2])]


def test_no_saved_model_is_refused(tmp_path: Path, directory: str) -> None:
    with pytest.raises(FileNotFoundError, match="nothing was pushed"):
        remote_push.push(str(tmp_path), directory)
    assert remote_push.versions(directory) == []


def test_a_model_that_was_not_judged_is_refused(model: str, directory: str) -> None:
    judged = folder_digest(model)
    target = remote_push.push(model, directory, judged)
    assert folder_digest(target) == judged
    (Path(model) / "fingerprint.pb").write_bytes(b"other")
    with pytest.raises(ChangedModelError, match="expected the model that was judged"):
        remote_push.push(model, directory, judged)
    assert len(remote_push.versions(directory)) == 1


@pytest.mark.parametrize("blessed", [0, 1])
def test_the_executor_pushes_a_blessed_model_alone(model: str, directory: str, tmp_path: Path, blessed: int) -> None:
    artifact, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
    pushed, verdict = standard_artifacts.PushedModel(), GateVerdict()
    artifact.uri, blessing.uri, verdict.uri = (str(tmp_path / name) for name in ("artifact", "blessing", "verdict"))
    for folder in (artifact.uri, blessing.uri):
        Path(folder).mkdir()
    Path(model).rename(Path(artifact.uri) / "Format-Serving")
    judged = folder_digest(Path(artifact.uri) / "Format-Serving")
    blessing.set_int_custom_property("blessed", blessed)
    (Path(blessing.uri) / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
    bound = BoundRecord(
        setting="are_max", group=None, metric="are", limit=1, value=2, interval=(1, 3), ok=bool(blessed), sentence="so"
    )
    reasons = () if blessed else ("so",)
    record = VerdictRecord(blessed=bool(blessed), reasons=reasons, bounds=(bound,), model=judged, evaluation="sha256:e")
    verdict.set_string_custom_property(VERDICT_DIGEST, record.save(verdict.uri))
    inputs, outputs = (
        {"model": [artifact], "model_blessing": [blessing], "verdict": [verdict]},
        {"pushed_model": [pushed]},
    )
    for key in ("model_blessing", "verdict"):
        with pytest.raises(ValueError, match=f"expected a `{key}`, received none; nothing was pushed"):
            Executor().Do({**inputs, key: []}, outputs, {"directory": directory})
    with pytest.raises(ValueError, match="a blessing that says which files were judged; nothing was pushed"):
        Executor().Do(inputs, outputs, {"directory": directory})
    blessing.set_string_custom_property(JUDGED, judged)
    Executor().Do(inputs, outputs, {"directory": directory})
    assert len(remote_push.versions(directory)) == blessed
    if blessed:
        assert pushed.get_string_custom_property("pushed_destination").startswith(directory)
