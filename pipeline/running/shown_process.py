"""A child process that tells its stages through a file of events, shown on the console as they come."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from pipeline.running import failures, stopping
from pipeline.running.events import follow
from pipeline.running.lifeline import die_with_parent, end_group, guarded_group
from pipeline.showing import terminal

_TAIL_BYTES = 64 << 10


def run_shown(
    command: Sequence[str], environment: Mapping[str, str], events: Path, log: Path, console: Console
) -> str | None:
    """Runs ``command``; it ends when this process does, and nothing that it started outlives it.

    It leads a process group of its own: Ctrl-C reaches this process alone, which then ends the group as a whole.

    Args:
      command: To run.
      environment: All of the child's; says where events go.
      events: The file that the child writes them to; what an earlier child left there is removed.
      log: Takes all that the child prints, at the end of what it holds.
      console: Where stages are shown.

    Returns:
      None, or what failed: the first stage's error, or else how the process ended, with what it said at last.
    """
    events.unlink(missing_ok=True)
    stages = terminal.Stages(console)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=_prepare_child,
        )
        try:
            with guarded_group(process):
                errors = [
                    f"{event['stage'] or 'start'}: {event['text']}"
                    for event in follow(events, lambda: process.poll() is None)
                    if stages.show(event) == "error"
                ]
        finally:
            stages.close()
            end_group(process)
    if errors:
        return errors[0]
    if process.returncode:
        return failures.end_of(process.returncode, _tail(log))
    return None


def _tail(log: Path) -> str:
    """The end of the log, which may be as long as what a library printed of all its data."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - _TAIL_BYTES, 0))
        return file.read().decode("utf-8", "replace")


def _prepare_child() -> None:
    """Between fork and exec: the child must not inherit that a shell in the background ignores SIGINT."""
    stopping.end_by_default()
    die_with_parent()
