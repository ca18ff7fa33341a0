"""One setting of an experiment, what came out of it, and the file that keeps it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from models.config.settings import TrainerSettings
from models.training.checkpointing import checkpoint_key
from models.training.sweep import SweepData, Trained

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=,+-]{0,199}")
_CHUNK = 1 << 20
_FIGURES = ("thresholds", "base_rate", "validation", "history", "kept_epoch", "parameters", "seconds")


@dataclasses.dataclass(frozen=True)
class Case:
    """A setting to train.

    Attributes:
      name: Of its files; one case only has it.
      settings: What to train.

    Raises:
      ValueError: The name would not do as a file's.
    """

    name: str
    settings: TrainerSettings

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                "a case's name should have at most 200 letters, digits and any of `._=,+-`, and begin with a letter or "
                f"digit. Received: {self.name!r}"
            )
        # As they will be read again: a 1 that was put where a 1.0 belongs is the same case.
        plain = self.settings.model_dump(mode="json", warnings=False)
        object.__setattr__(self, "settings", TrainerSettings.model_validate(plain))


def with_training(settings: TrainerSettings, **changes: Any) -> TrainerSettings:
    """``settings`` with other values of ``training``, checked."""
    training = {**settings.training.model_dump(), **changes}
    return TrainerSettings.model_validate({**settings.model_dump(), "training": training})


@dataclasses.dataclass(frozen=True)
class CaseResult:
    """What came out of a case: either ``trained`` or ``error`` is there.

    Attributes:
      name: The case's.
      settings: The case's.
      trained: The training's results.
      error: Why there are none.
      died: Whether its process ended under it; the case is then tried again in the next call.
      stored: Whether it was found, and not trained by this call.
    """

    name: str
    settings: TrainerSettings
    trained: Optional[Trained] = None
    error: Optional[str] = None
    died: bool = False
    stored: bool = False


def data_digest(data: SweepData) -> str:
    """Hash of the content of all files of ``data``, wherever they lie."""
    digest = hashlib.sha256()
    for path, name in _files(data):
        digest.update(f"\0{name}\0{tf.io.gfile.stat(path).length}\0".encode())
        with tf.io.gfile.GFile(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()[:24]


def _files(data: SweepData) -> Iterator[tuple[str, str]]:
    """Paths, on whatever file system, and names that stay when the data moves."""
    for folder, _, names in sorted(tf.io.gfile.walk(data.transform_dir)):
        for name in sorted(names):
            yield os.path.join(folder, name), os.path.relpath(os.path.join(folder, name), data.transform_dir)
    for split in ("train", "validation", "test"):
        pattern = getattr(data, split)
        for path in [] if pattern is None else sorted(tf.io.gfile.glob(pattern)):
            yield path, f"{split}/{os.path.basename(path)}"


class CaseStore:
    """Results by case under one folder: ``<name>.json`` with the figures and ``<name>.npz`` with the scores.

    A result is served for the settings, data and code that it came from, and for no others. Both files are written aside
    and renamed, the one with the key last.

    Args:
      folder: Made where it is missing.
      data: Digest of the data.
      code: Hash of the code.
    """

    def __init__(self, folder: Path, data: str, code: str) -> None:
        self._folder, self._data, self._code = folder, data, code
        folder.mkdir(parents=True, exist_ok=True)

    def key(self, settings: TrainerSettings) -> str:
        """Of all that a result depends on."""
        return checkpoint_key(settings.model_dump(mode="json"), self._data, self._code)

    def load(self, case: Case) -> Optional[CaseResult]:
        """The case's result; None where it has to be trained."""
        path = self._folder / f"{case.name}.json"
        if not path.exists():
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["key"] != self.key(case.settings) or found.get("died"):
            return None
        if "error" in found:
            return CaseResult(case.name, case.settings, error=found["error"], stored=True)
        with np.load(path.with_suffix(".npz")) as arrays:
            trained = Trained(test_scores=arrays["test_scores"], **{name: found[name] for name in _FIGURES})
        return CaseResult(case.name, case.settings, trained=trained, stored=True)

    def save(self, result: CaseResult) -> None:
        """Writes a result over the case's earlier one."""
        content: dict[str, Any] = {
            "key": self.key(result.settings),
            "settings": result.settings.model_dump(mode="json"),
        }
        path = self._folder / f"{result.name}.json"
        if result.trained is None:
            content |= {"error": result.error, "died": result.died}
        else:
            content |= {name: getattr(result.trained, name) for name in _FIGURES}
            scores, aside = path.with_suffix(".npz"), path.with_suffix(".npz.partial")
            with aside.open("wb") as file:
                np.savez(file, test_scores=result.trained.test_scores)
            # Until the new figures are there, those that lie there would be taken for the new scores'.
            path.unlink(missing_ok=True)
            os.replace(aside, scores)
        aside = path.with_suffix(".json.partial")
        aside.write_text(json.dumps(content), encoding="utf-8")
        os.replace(aside, path)
