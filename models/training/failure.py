"""What ended a training, in the words that a person reads: the child writes them, the Trainer raises them."""

from __future__ import annotations

import traceback
from pathlib import Path

import tensorflow as tf

_ROOT = Path(__file__).resolve().parents[2]
# How TensorFlow's lines on places in the graph begin.
_PLACES = ("Graph execution error", "Detected at node", " ", "\t")
_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)


def failure_path(job: str) -> Path:
    """The file beside a job's into which its child process writes what ended it."""
    return Path(f"{job}.failed")


def describe_failure(error: BaseException) -> str:
    """One sentence, or the few of our own errors.

    An error of ours says what happened, where, and what to do. One of a library has its class before its first line: what
    follows there is the place in the compiled graph, which belongs in the log.
    """
    text = str(error.message if isinstance(error, tf.errors.OpError) else error).strip()
    first = _first_line(text)
    if isinstance(error, _MEMORY):
        return (
            f"expected that the training fits into memory. Received: {type(error).__name__}: {first}; lower "
            "`training.batch_size`, the units of `model`, or the `vocabulary` of its inputs"
        )
    if text and _is_ours(error):
        return text
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _first_line(text: str) -> str:
    """The first line that says something: TensorFlow puts the place in the graph before it, and ends that with its node."""
    _, _, behind = text.rpartition("\nNode: ")
    lines = [line for line in (behind.partition("\n")[2] or text).splitlines() if line.strip()]
    told = [line.strip() for line in lines if not line.startswith(_PLACES)]
    return (told or lines or [""])[0]


def _is_ours(error: BaseException) -> bool:
    """Whether our own code raised it, rather than a library that it calls."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or isinstance(error, tf.errors.OpError):
        return False
    path = Path(frames[-1].filename)
    return path.is_relative_to(_ROOT) and "site-packages" not in path.parts
