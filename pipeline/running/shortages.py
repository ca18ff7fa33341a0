"""What the machine ran out of, told by the system's own words: room on a disk, memory, files, processes.

Libraries wrap these words in errors of their own, some with all that they hold at the time, which says nothing of the cause.
"""

from __future__ import annotations

import resource
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional

from pipeline.running import scratch
from pipeline.running.places import RUNS_VARIABLE, runs_root

# A place with less is named as one that is full.
LEAST_FREE_BYTES = 32 << 20
_AGAIN = "then run the same command again"
_SMALLER = "make `training.batch_size` smaller"
_MEMORY_SIGNALS = (signal.SIGKILL, signal.SIGABRT)


def told(text: str) -> Optional[str]:
    """What ran out, by what a library said; None where it speaks of something else.

    Args:
      text: An error's words, or the end of a log.
    """
    return next((sentence() for signs, sentence in _KINDS if any(sign in text for sign in signs)), None)


def end_of_process(code: int, less: str = _SMALLER) -> str:
    """How a process ended, as the end of a sentence.

    Args:
      code: As ``subprocess`` gives it: a signal's number, negative, or the exit code. Shells add 128 to the signal.
      less: What takes less memory, as the part of a sentence.
    """
    number = -code if code < 0 else code - 128
    if number not in {one.value for one in signal.Signals}:
        return f"ended with exit code {code}"
    if number == signal.SIGXFSZ:
        return _file_size()
    name = signal.Signals(number).name
    if number not in _MEMORY_SIGNALS:
        return f"was killed by signal {number} ({name})"
    return (
        f"was killed by signal {number} ({name}); a lack of memory is the usual cause{_limit('-v', resource.RLIMIT_AS)}: "
        f"give it more, or {less}, {_AGAIN}"
    )


def _disk() -> str:
    return f"no space left on device: {', '.join(_full())}; make room there, or name another folder, {_AGAIN}"


def _full() -> Iterator[str]:
    """The places that are full; all, where none is any more: what failed has been removed since."""
    places = {RUNS_VARIABLE: _there(runs_root()), "TMPDIR": _there(scratch.base_of(Path(tempfile.gettempdir())))}
    free = {name: shutil.disk_usage(place).free for name, place in places.items()}
    named = [name for name in free if free[name] < LEAST_FREE_BYTES] or list(free)
    for name in named:
        yield f"{name} ({places[name]}) has {free[name] >> 20:,} MiB free"


def _there(path: Path) -> Path:
    return next(one for one in (path, *path.parents) if one.exists())


def _memory() -> str:
    limit = _limit("-v", resource.RLIMIT_AS)
    return f"there was not enough memory{limit}; give it more, or {_SMALLER}, {_AGAIN}"


def _files() -> str:
    return (
        f"too many files were open at once{_limit('-n', resource.RLIMIT_NOFILE)}; raise `ulimit -n` to 1024, {_AGAIN}"
    )


def _processes() -> str:
    return (
        f"no more processes or threads could be started{_limit('-u', resource.RLIMIT_NPROC)}; raise `ulimit -u` "
        f"(in a container: its limit of pids), {_AGAIN}"
    )


def _file_size() -> str:
    return f"a file grew larger than it may{_limit('-f', resource.RLIMIT_FSIZE)}; raise `ulimit -f`, {_AGAIN}"


def _quota() -> str:
    return f"the disk quota of this user is used up; make room, or set {RUNS_VARIABLE} to another disk, {_AGAIN}"


def _limit(option: str, kind: int) -> str:
    """The limit of this process, in brackets; nothing where it has none."""
    most = resource.getrlimit(kind)[0]
    if most == resource.RLIM_INFINITY:
        return ""
    in_bytes = kind in (resource.RLIMIT_AS, resource.RLIMIT_FSIZE)
    return f" (`ulimit {option}` allows {f'{most >> 20:,} MiB' if in_bytes else f'{most:,}'})"


_KINDS: tuple[tuple[tuple[str, ...], Callable[[], str]], ...] = (
    (("No space left on device", "database or disk is full"), _disk),
    (("Disk quota exceeded",), _quota),
    (("File too large", "File size limit exceeded"), _file_size),
    (("Too many open files",), _files),
    (
        (
            "MemoryError",
            "Cannot allocate memory",
            "std::bad_alloc",
            "OOM when allocating",
            "failed to map segment from shared object",
            "ArrowMemoryError",
            "out of memory",
        ),
        _memory,
    ),
    (("can't start new thread", "Resource temporarily unavailable", "pthread_create"), _processes),
)
