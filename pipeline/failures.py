"""What a run failed of, in one sentence: the words of our own error, whatever wrapped it on its way.

Beam, TFX and the training's child process wrap errors in errors of their own, and the libraries that we call raise before we
say what it means. The outermost error that our code raised knows most: file, row, column and what to do. From worker
processes only the text of a traceback comes back, which is read in the same way.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
_PACKAGES = ("components", "models", "pipeline", "kubeflow")
# Lines between the errors of one chain, as Python prints them.
_BETWEEN = re.compile(
    r"\n\n(?:The above exception was the direct cause of|During handling of the above exception, another)[^\n]*\n\n"
)
_HEAD = "Traceback (most recent call last):\n"
_FRAME = re.compile(r'^ *File "([^"]+)", line \d+', re.MULTILINE)
_ERROR = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*)(?:: |\Z|(?=\n))", re.MULTILINE)
# What Beam adds to the text of an error: the step, and where its worker's own traceback goes on.
_STEP = re.compile(r"\s*\[while running '.*?'\]", re.DOTALL)


class _Failure(NamedTuple):
    """One error of a chain: its class, its words, and whether our code raised it."""

    name: str
    text: str
    ours: bool


def sentence(error: BaseException) -> str:
    """What went wrong: the words of our own error, or the class and the words of one that nobody expected.

    Example:
      >>> sentence(KeyError("a"))
      "KeyError: 'a'"
    """
    chain = [failure for one in _chain(error) for failure in _failures(one)]
    told = next((failure for failure in chain if failure.ours), chain[-1])
    text = _STEP.sub("", told.text).strip()
    if told.ours and text:
        return text
    return f"{told.name}: {text}" if text else told.name


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it followed on, the outermost first."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        yield found
        seen.add(id(found))
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _failures(error: BaseException) -> Iterator[_Failure]:
    """The error; where its text holds the traceback of another process, what that process raised."""
    text = str(error)
    if _HEAD in text:
        printed = list(_printed(text))
        if printed:
            yield from printed
            return
    frames = traceback.extract_tb(error.__traceback__)
    ours = type(error).__module__.split(".")[0] in _PACKAGES or bool(frames and _is_ours(frames[-1].filename))
    yield _Failure(type(error).__name__, text, ours)


def _printed(text: str) -> Iterator[_Failure]:
    """The errors of printed tracebacks, the outermost first: Python prints it last."""
    # Each process below puts the text of the one below it into its own error.
    parts = [part for whole in text.split(_HEAD)[1:] for part in _BETWEEN.split(whole) if part.strip()]
    for part in reversed(parts):
        frames = list(_FRAME.finditer(part))
        # The error stands behind the last frame and its line of code, which are indented.
        found = _ERROR.search(part, frames[-1].end() if frames else 0)
        if found is None:
            continue
        name = found.group(1)
        ours = name.split(".")[0] in _PACKAGES or bool(frames and _is_ours(frames[-1].group(1)))
        yield _Failure(name.rsplit(".", 1)[-1], part[found.end() :].lstrip(" :").rstrip(), ours)


def _is_ours(filename: str) -> bool:
    """Whether a file of source is one of our packages, here or where a worker has them."""
    path = Path(filename)
    if "site-packages" in path.parts:
        return False
    return path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in _PACKAGES
