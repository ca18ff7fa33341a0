"""A child process that tells its stages through a file of events, shown on the console as they come."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from pipeline import terminal
from pipeline.events import follow
from pipeline.lifeline import die_with_parent

_TAIL = 15


def run_shown(
    command: Sequence[str], environment: Mapping[str, str], events: Path, log: Path, console: Console
) -> str | None:
    """Runs ``command``; it ends when this process does.

    Args:
      command: To run.
      environment: All of the child's; says where events go.
      events: The file that the child writes them to; what an earlier child left there is removed.
      log: Takes all that the child prints, at the end of what it holds.
      console: Where stages are shown.

    Returns:
      None, or what failed: the first stage's error, or else how the process ended, with the last lines of the log.
    """
    events.unlink(missing_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command), stdout=output, stderr=subprocess.STDOUT, env=dict(environment), preexec_fn=die_with_parent
        )
        stages = terminal.Stages(console)
        errors = [
            f"{event['stage'] or 'start'}: {event['text']}"
            for event in follow(events, lambda: process.poll() is None)
            if stages.show(event) == "error"
        ]
        stages.close()
    if errors:
        return errors[0]
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:])
        return f"ended with {process.returncode}:\n{tail}"
    return None
