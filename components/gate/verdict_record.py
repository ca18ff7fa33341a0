"""``verdict.json``: what the gate said of a model, for the pusher, the report and the runner.

Needs no TensorFlow where the file lies on this machine: the listing of runs reads it too.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Literal, Optional, Union

from pydantic import BaseModel, ConfigDict, ValidationError

from models.formats import strict_json

VERDICT_FILE = "verdict.json"
# Custom property of the verdict's artifact: SHA-256 of the file, so that a file that was edited is noticed.
VERDICT_DIGEST = "file_digest"
VERSION: Literal[1] = 1
# TFX's name for the file of a blessing that blesses; importing it would import TensorFlow.
BLESSED_FILE = "BLESSED"
_MOST_PROBLEMS = 5
_ANEW = "Delete the folder, and run again to judge anew"


class VerdictError(ValueError):
    """A verdict cannot be read, was edited, or disagrees with the blessing beside it."""


class BoundRecord(BaseModel):
    """One bound as it was judged.

    Attributes:
        setting: The key of the bound in the settings.
        group: The group key that the bound speaks of; None for a bound over all rows.
        metric: TFMA's key of the figure that was compared.
        limit: The limit, which is allowed itself.
        value: The figure; None where it is undefined.
        interval: The ends of the figure's interval; None for an end that is undefined.
        ok: Whether the bound holds.
        sentence: The bound, the figure and the evidence in words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    setting: str
    group: Optional[str]
    metric: str
    limit: float
    value: Optional[float]
    interval: tuple[Optional[float], Optional[float]]
    ok: bool
    sentence: str


class VerdictRecord(BaseModel):
    """The verdict on one model.

    Attributes:
        version: The version of this format.
        blessed: Whether the model may be pushed.
        reasons: A sentence for each bound that failed.
        bounds: All bounds, in the order of the settings.
        model: Digest of the serving model that was judged (``models/formats/file_digest.py``).
        evaluation: Digest of the evaluation that the verdict was read from.

    Example:
        >>> import tempfile
        >>> record = VerdictRecord(blessed=True, reasons=(), bounds=(), model="sha256:1", evaluation="sha256:2")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     digest = record.save(folder)
        ...     VerdictRecord.load(folder, digest) == record
        True
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    version: Literal[1] = VERSION
    blessed: bool
    reasons: tuple[str, ...]
    bounds: tuple[BoundRecord, ...]
    model: str
    evaluation: str

    def save(self, folder: Union[str, Path]) -> str:
        """Writes the file into ``folder`` and returns its digest."""
        text = strict_json.dumps(self.model_dump(), indent=2) + "\n"
        _write(os.path.join(folder, VERDICT_FILE), text)
        return _digest(text)

    @classmethod
    def load(cls, folder: Union[str, Path], digest: Optional[str]) -> VerdictRecord:
        """Reads the file of ``folder``.

        Args:
            folder: The folder of the verdict's artifact.
            digest: What ``save`` returned, as the artifact's property ``VERDICT_DIGEST`` keeps it.

        Raises:
            VerdictError: There is no file, it was edited since, or it is of another version of the format.
        """
        path = os.path.join(folder, VERDICT_FILE)
        text = _read(path)
        if text is None:
            raise VerdictError(f"{path}: expected the gate's verdict. Received: no such file. {_ANEW}")
        if not digest or _digest(text) != digest:
            raise VerdictError(
                f"{path}: expected the verdict as the gate wrote it ({digest}). Received another file ({_digest(text)}). "
                f"{_ANEW}"
            )
        record = cls._parse(text, path)
        holds = all(bound.ok for bound in record.bounds)
        if not record.blessed == holds == (not record.reasons):
            raise VerdictError(f"{path}: the verdict, its reasons and its bounds contradict each other. {_ANEW}")
        return record

    @classmethod
    def _parse(cls, text: str, path: str) -> VerdictRecord:
        try:
            content: Any = json.loads(text)
        except ValueError as error:
            raise VerdictError(f"{path}: expected JSON. Received: {error}. {_ANEW}") from error
        version = content.get("version") if isinstance(content, dict) else None
        if version != VERSION:
            raise VerdictError(
                f"{path}: expected a verdict of version {VERSION}. Received version {version!r}, of another release. {_ANEW}"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = [f"`{'.'.join(map(str, e['loc']))}`: {e['msg']}" for e in error.errors()[:_MOST_PROBLEMS]]
            raise VerdictError(f"{path}: expected a verdict. Received: {'; '.join(problems)}. {_ANEW}") from error


def cleared(record: VerdictRecord, blessing: Union[str, Path], *, blessed: bool, judged: str) -> bool:
    """Whether a model may be pushed: verdict and blessing say so, of the same model.

    Args:
        record: The gate's verdict.
        blessing: The folder of the gate's blessing.
        blessed: What the blessing's property says.
        judged: Digest of the model that the blessing speaks of.

    Raises:
        VerdictError: Verdict, blessing and the blessing's file do not say the same, or speak of different models.
    """
    marked = _read(os.path.join(blessing, BLESSED_FILE)) is not None
    if not record.blessed == blessed == marked:
        said = {"verdict": record.blessed, "blessing": blessed, f"file `{BLESSED_FILE}`": marked}
        words = ", ".join(f"{name} {'passed' if passed else 'refused'}" for name, passed in said.items())
        raise VerdictError(f"{blessing}: verdict and blessing disagree ({words}); nothing was pushed. {_ANEW}")
    if record.model != judged:
        raise VerdictError(
            f"{blessing}: the blessing speaks of the model {judged}, the verdict of {record.model}; nothing was pushed. "
            f"{_ANEW}"
        )
    return blessed


def _digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _read(path: str) -> Optional[str]:
    """The text of a file; None where there is none."""
    if "://" not in path:
        try:
            return Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
    import tensorflow as tf

    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return str(file.read())


def _write(path: str, text: str) -> None:
    if "://" not in path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
        return
    import tensorflow as tf

    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
