"""The file: strict JSON, read back as it was written, or refused in words."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from components.gate.verdict_record import BoundRecord, VerdictError, VerdictRecord, cleared

HOLDS = BoundRecord(
    setting="are_max",
    group=None,
    metric="are",
    limit=1.1,
    value=0.1 + 0.2,
    interval=(None, None),
    ok=True,
    sentence="ü",
)
FAILS = HOLDS.model_copy(update={"ok": False, "value": None, "interval": (0.5, None)})
PASSED = VerdictRecord(blessed=True, reasons=(), bounds=(HOLDS,), model="sha256:m", evaluation="sha256:e")
REFUSED = VerdictRecord(blessed=False, reasons=("ü",), bounds=(HOLDS, FAILS), model="sha256:m", evaluation="sha256:e")


@pytest.mark.parametrize("record", [PASSED, REFUSED])
def test_it_is_read_back_as_it_was_written(tmp_path: Path, record: VerdictRecord) -> None:
    for folder in (str(tmp_path / "new"), f"ram://{uuid.uuid4().hex}/verdict"):
        assert VerdictRecord.load(folder, record.save(folder)) == record
    content = json.loads((tmp_path / "new" / "verdict.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert content["version"] == 1 and content["blessed"] is record.blessed and content["model"] == "sha256:m"


def rewrite(tmp_path: Path, **changes: Any) -> str:
    """Writes the file with other content, and returns the digest that belongs to that."""
    PASSED.save(tmp_path)
    path = tmp_path / "verdict.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    return digest_of(path)


def digest_of(path: Path) -> str:
    import hashlib

    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"version": 2}, "expected a verdict of version 1. Received version 2, of another release"),
        ({"version": None}, "Received version None"),
        ({"blessed": None}, "Received: `blessed`: "),
        ({"more": 1}, "`more`: Extra inputs"),
        ({"blessed": False}, "the verdict, its reasons and its bounds contradict each other"),
        ({"reasons": ["no"]}, "contradict each other"),
    ],
)
def test_what_is_no_verdict_of_this_version_is_refused_in_words(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    digest = rewrite(tmp_path, **changes)
    with pytest.raises(VerdictError, match=expected) as told:
        VerdictRecord.load(tmp_path, digest)
    assert str(tmp_path / "verdict.json") in str(told.value) and "run again to judge anew" in str(told.value)


def test_a_file_that_was_edited_is_gone_or_is_no_json_is_refused(tmp_path: Path) -> None:
    digest = PASSED.save(tmp_path)
    path = tmp_path / "verdict.json"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    for known in (digest, None, ""):
        with pytest.raises(VerdictError, match="expected the verdict as the gate wrote it .*Received another file"):
            VerdictRecord.load(tmp_path, known)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(VerdictError, match="expected JSON"):
        VerdictRecord.load(tmp_path, digest_of(path))
    path.unlink()
    with pytest.raises(VerdictError, match="Received: no such file"):
        VerdictRecord.load(tmp_path, digest)
    with pytest.raises(VerdictError, match="no such file"):
        VerdictRecord.load("ram://nowhere", digest)


@pytest.mark.parametrize("record", [PASSED, REFUSED])
@pytest.mark.parametrize("blessed", [True, False])
@pytest.mark.parametrize("marked", [True, False])
def test_a_model_is_cleared_where_all_three_say_so(
    tmp_path: Path, record: VerdictRecord, blessed: bool, marked: bool
) -> None:
    if marked:
        (tmp_path / "BLESSED").touch()
    if record.blessed == blessed == marked:
        assert cleared(record, tmp_path, blessed=blessed, judged="sha256:m") is blessed
        with pytest.raises(
            VerdictError, match="speaks of the model sha256:x, the verdict of sha256:m; nothing was pushed"
        ):
            cleared(record, tmp_path, blessed=blessed, judged="sha256:x")
        return
    with pytest.raises(VerdictError, match="verdict and blessing disagree .*nothing was pushed"):
        cleared(record, tmp_path, blessed=blessed, judged="sha256:m")


def test_remote_blessings_are_read_too() -> None:
    folder = f"ram://{uuid.uuid4().hex}"
    tf.io.gfile.makedirs(folder)
    with tf.io.gfile.GFile(f"{folder}/BLESSED", "w") as file:
        file.write("")
    assert cleared(PASSED, folder, blessed=True, judged="sha256:m")


def test_reading_it_on_this_machine_needs_no_tensorflow() -> None:
    code = "import sys, components.gate.verdict_record; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
