"""Serves a run's report on this machine alone, for a browser; and says how to start TensorBoard on the run's logs."""

from __future__ import annotations

import errno
import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, Optional

from rich.console import Console
from rich.text import Text

from pipeline.running.stopping import Stopped
from pipeline.showing.history import HistoryError, Run

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
_LOGS = {"candidate": "Candidate", "baseline": "Baseline"}


class ReportHandler(SimpleHTTPRequestHandler):
    """Serves the files of one folder, and nothing beside them: no listings, no links out of it, no other host name."""

    def send_head(self) -> Optional[BinaryIO]:  # type: ignore[override]
        """Refuses what is not to be served, for GET and HEAD alike."""
        # A page elsewhere may point its own name at this address; the browser then sends that name.
        name = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        if name not in (HOST, "localhost"):
            self.send_error(HTTPStatus.FORBIDDEN, "this server answers to localhost alone")
            return None
        target = self.translate_path(self.path)
        if "\0" in target or not Path(target).resolve().is_relative_to(Path(self.directory).resolve()):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        return super().send_head()  # type: ignore[return-value]

    def list_directory(self, path: Any) -> None:
        """There are no listings."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def end_headers(self) -> None:
        """A report that was made anew is to be read anew."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""


class ReportServer(ThreadingHTTPServer):
    """Ends at once, whatever a browser still holds open."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up in the middle of an answer is no error."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


def serve(folder: Path, port: Optional[int] = None) -> ReportServer:
    """A server of ``folder`` that listens, and answers once its ``serve_forever`` is called.

    Args:
      folder: The report.
      port: To listen on; where None, the default, or a free one where that is taken.

    Raises:
      OSError: ``port`` is taken.
    """
    handler = partial(ReportHandler, directory=str(folder))
    try:
        return ReportServer((HOST, DEFAULT_PORT if port is None else port), handler)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        if port is not None:
            raise OSError(f"port {port} of {HOST} is taken; name another, or none for a free one") from error
        return ReportServer((HOST, 0), handler)


def choose(runs: Sequence[Run], named: Optional[Run]) -> Run:
    """The named run, or the newest with a report.

    Args:
      runs: Newest first.
      named: What the user asked for; None for the newest.

    Raises:
      HistoryError: There is no report to be shown.
    """
    if named is not None:
        if named.report is None:
            why = {"failed": "it failed", "killed": "it was killed", "running": "it still runs"}
            ended = why.get(named.state, "it was made without one, or the report was removed")
            raise HistoryError(f"run {named.id} left no report: {ended}; `make runs` lists the runs")
        return named
    for run in runs:
        if run.report is not None:
            return run
    raise HistoryError(
        f"none of the {len(runs)} runs left a report (newest: {runs[0].id}, {runs[0].state}); `make run`"
    )


def tensorboard_command(run: Run) -> Optional[str]:
    """The shell command that shows the run's training in TensorBoard; None where the run trained nothing."""
    logs = {
        label: node.outputs["model_run"].uri
        for label, name in _LOGS.items()
        if (node := run.record.nodes.get(name)) is not None and "model_run" in node.outputs
    }
    if not logs:
        return None
    # A list of named folders cannot hold a folder whose name has its separators.
    if any(mark in str(path) for path in logs.values() for mark in ",:"):
        choice = ["--logdir", str(next(iter(logs.values())))]
    else:
        choice = ["--logdir_spec", ",".join(f"{label}:{path}" for label, path in logs.items())]
    program = Path(sys.executable).with_name("tensorboard")
    if not program.is_file():
        raise HistoryError(f"{program}: expected TensorBoard beside Python; `make environment` installs it")
    return shlex.join([os.path.relpath(program) if program.is_relative_to(Path.cwd()) else str(program), *choice])


def show(run: Run, newest: Run, port: Optional[int], console: Console) -> None:
    """Serves the run's report until it is stopped (by Ctrl-C, SIGTERM), and says where.

    Args:
      run: The run whose report is shown.
      newest: The newest run: it is said when its report is not the one that is shown.
      port: To listen on; see ``serve``.
      console: To print to.

    Raises:
      OSError: ``port`` is taken.
    """
    assert run.report is not None
    with serve(run.report, port) as server:
        if newest is not run:
            console.print(f"the newest run, {newest.id} ({newest.state}), left no report")
        console.print(Text.assemble("report of run ", (run.id, "bold"), f" ({run.report})"))
        console.print(Text.assemble("  ", (f"http://{HOST}:{server.server_address[1]}/", "bold"), "   Ctrl-C ends it"))
        command = tensorboard_command(run)
        if command is not None:
            console.print("TensorBoard on this run's training, in another terminal:")
            console.print(f"  {command}", soft_wrap=True)
        try:
            server.serve_forever()
        except (KeyboardInterrupt, Stopped):
            console.print("ended")
