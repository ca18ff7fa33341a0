"""What a run failed of, in one sentence: the words of our own error, whatever wrapped it on its way.

Beam, TFX and the training's child process wrap errors in errors of their own, and the libraries that we call raise before we
say what it means. The outermost error that our code raised knows most: file, row, column and what to do. From worker
processes only the text of a traceback comes back, which is read in the same way.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.running import shortages

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("components", "models", "pipeline", "kubeflow")
# Lines between the errors of one chain, as Python prints them.
_BETWEEN = re.compile(
    r"\n\n(?:The above exception was the direct cause of|During handling of the above exception, another)[^\n]*\n\n"
)
# A shell gives the process that a signal ended this and the signal's number.
_SHELL_SIGNALS = 128
_LONGEST_TEXT = 400
# Stands before the value in every message of ours that refuses one.
_RECEIVED = "Received: "
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
    return _sentence([failure for one in _chain(error) for failure in _failures(one)])


def end_of(code: int, printed: str) -> str:
    """How a process ended that left no word of its own.

    Args:
      code: As ``subprocess`` gives it.
      printed: The end of what it printed.
    """
    if code < 0:
        return shortages.end_of_process(code)
    chain = list(_printed(printed)) if _HEAD in printed else []
    if chain:
        return f"ended with {code}: {_sentence(chain)}"
    short = shortages.told(printed)
    if short is None and code > _SHELL_SIGNALS:
        short = shortages.end_of_process(code)
    last = next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "it said nothing")
    return f"ended with {code}: {short or last}"


def _sentence(chain: Sequence[_Failure]) -> str:
    """What the errors of a chain say, the outermost first."""
    told = next((failure for failure in chain if failure.ours), chain[-1])
    text = _STEP.sub("", told.text).strip()
    # What ran out explains all that followed on it, but where we say what was received: a value of the data may read like a
    # lack of memory.
    short = None if told.ours and _RECEIVED in text else _ran_out(chain)
    if short is not None:
        return short
    if told.ours and text:
        return text
    # Beam's and TensorFlow's errors may hold all that they worked on.
    text = text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
    return f"{told.name}: {text}" if text else told.name


def _ran_out(chain: Sequence[_Failure]) -> str | None:
    """What ran out by the words of any error of the chain; our own may quote what a library said of it."""
    return next((found for each in chain if (found := shortages.told(f"{each.name}: {each.text}"))), None)


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
