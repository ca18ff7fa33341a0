"""A report that is served: what is answered, what is refused, and the command for TensorBoard."""

from __future__ import annotations

import http.client
import json
import shlex
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.running.run_record import Node, Output, RunRecord
from pipeline.showing import history, review
from pipeline.showing.history import HistoryError, Run
from tests.pipeline.recorded import RecordedRuns

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    folder = tmp_path / "report"
    (folder / "figures").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>the report</title>", encoding="utf-8")
    (folder / "figures" / "gap.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("not to be served", encoding="utf-8")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
def server(report: Path) -> Iterator[review.ReportServer]:
    with review.serve(report, 0) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def answer(server: review.ReportServer, path: str, method: str = "GET", host: str | None = None) -> tuple[int, bytes]:
    """The answer to a path that is sent as it stands: urllib would tidy it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.putrequest(method, path, skip_host=host is not None)
    if host is not None:
        connection.putheader("Host", host)
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read()


def test_the_report_and_its_figures_are_served(server: review.ReportServer) -> None:
    address = f"http://127.0.0.1:{server.server_address[1]}"
    with urllib.request.urlopen(f"{address}/", timeout=10) as response:
        assert b"the report" in response.read()
        assert response.headers["Content-Type"] == "text/html"
        assert response.headers["Cache-Control"] == "no-store"
    with urllib.request.urlopen(f"{address}/figures/gap.svg", timeout=10) as response:
        assert response.headers["Content-Type"] == "image/svg+xml"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{address}/nothing.html", timeout=10)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/figures/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/figures/%2e%2e%2f%2e%2e%2fsecret.txt",
        "//../secret.txt",
        "/link.txt",
        "/%00",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_outside_the_report_is_served(server: review.ReportServer, path: str, method: str) -> None:
    status, body = answer(server, path, method)
    assert status == 404
    assert b"not to be served" not in body


def test_folders_are_not_listed(server: review.ReportServer) -> None:
    status, body = answer(server, "/figures/")
    assert status == 404 and b"gap.svg" not in body


def test_nothing_can_be_written(server: review.ReportServer) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert answer(server, "/index.html", method)[0] == 501


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:80", 200), ("localhost", 200), ("localhost:8765", 200), ("rebound.example:8765", 403), ("", 403)],
)
def test_a_name_that_was_pointed_here_is_refused(server: review.ReportServer, host: str, status: int) -> None:
    assert answer(server, "/", host=host)[0] == status


@pytest.mark.parametrize(
    ("error", "printed"),
    [(BrokenPipeError(32, "Broken pipe"), False), (ConnectionResetError(), False), (KeyError("a"), True)],
)
def test_a_client_that_hangs_up_is_no_error(
    server: review.ReportServer, error: Exception, printed: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        raise error
    except Exception:
        server.handle_error(None, ("127.0.0.1", 1))
    assert ("Traceback" in capfd.readouterr().err) == printed


def test_only_this_machine_is_listened_to(server: review.ReportServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


def test_a_taken_port_gives_a_free_one_unless_it_was_named(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(review, "DEFAULT_PORT", port)
        with review.serve(report) as server:
            assert server.server_address[1] not in (0, port)
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1 is taken"):
            review.serve(report, port)


def test_the_newest_report_is_chosen_and_a_named_run_needs_one(tmp_path: Path) -> None:
    recorded = RecordedRuns(tmp_path)
    recorded.add("a", {"InteractionLogGen": "failed"})
    runs = history.runs(tmp_path, ["mini"])
    with pytest.raises(HistoryError, match=r"none of the 1 runs left a report \(newest: mini/1, failed\); `make run`"):
        review.choose(runs, None)
    with pytest.raises(HistoryError, match=r"run mini/1 left no report: it failed"):
        review.choose(runs, runs[0])
    recorded.finished("b")
    recorded.finished("c")
    recorded.add("d", {"InteractionLogGen": "running"})
    killed, newest, older, _ = history.runs(tmp_path, ["mini"])
    assert review.choose([killed, newest, older], None) is newest
    assert review.choose([killed, newest, older], older) is older
    with pytest.raises(HistoryError, match="it was killed"):
        review.choose([killed, newest, older], killed)


def trained(*logs: Path) -> Run:
    nodes = {
        name: Node(name, "finished", 1, {"model_run": Output(path, {})})
        for name, path in zip(("Candidate", "Baseline"), logs, strict=False)
    }
    return Run(Path("mini"), 1, RunRecord("r", nodes), "finished", None, None, None)


def test_the_command_for_tensorboard_names_both_models(tmp_path: Path) -> None:
    command = review.tensorboard_command(trained(tmp_path / "a b", tmp_path / "c"))
    assert command is not None
    program, option, logs = shlex.split(command)
    assert (ROOT / program).is_file() and program.endswith("tensorboard")
    assert (option, logs) == ("--logdir_spec", f"candidate:{tmp_path / 'a b'},baseline:{tmp_path / 'c'}")
    # The list's own separators cannot be told from those of a folder's name.
    command = review.tensorboard_command(trained(tmp_path / "a,b", tmp_path / "c"))
    assert command is not None and shlex.split(command)[1:] == ["--logdir", str(tmp_path / "a,b")]
    assert review.tensorboard_command(trained()) is None


def test_the_printed_command_shows_the_training(tmp_path: Path) -> None:
    import tensorflow as tf

    logs = tmp_path / "candidate", tmp_path / "baseline"
    for folder in logs:
        with tf.summary.create_file_writer(str(folder)).as_default():
            tf.summary.scalar("loss", 0.5, step=1)
    command = review.tensorboard_command(trained(*logs))
    assert command is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [*shlex.split(command), "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        runs: dict[str, object] = {}
        deadline = time.time() + 90
        while len(runs) < 2 and time.time() < deadline:
            assert process.poll() is None, "TensorBoard ended"
            time.sleep(0.5)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/data/plugin/scalars/tags", timeout=5) as response:
                    runs = json.load(response)
            except OSError:
                continue
        assert {name.split("/")[0]: list(tags) for name, tags in runs.items()} == {
            "candidate": ["loss"],
            "baseline": ["loss"],
        }
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ignored", [False, True], ids=["foreground", "background"])
def test_the_command_serves_until_it_is_interrupted(ignored: bool, number: signal.Signals, tmp_path: Path) -> None:
    """`make review` as a person uses it: an address, the page, Ctrl-C.

    A shell without job control has SIGINT ignored in what it starts in the background.
    """
    RecordedRuns(tmp_path).finished("a-run")
    RecordedRuns(tmp_path).add("b-run", {"InteractionLogGen": "failed"})
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pipeline.cli", "review", "--port", "0"],
        cwd=ROOT,
        env={"FAIR_RUNS_DIR": str(tmp_path), "PATH": "", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert process.stdout is not None
    lines: list[str] = []
    # The address, and after it the command that shows the training.
    while not any("tensorboard" in line for line in lines):
        line = process.stdout.readline()
        assert line, lines
        lines.append(line)
    address = next(line for line in lines if "Ctrl-C" in line).split()[0]
    with urllib.request.urlopen(address, timeout=10) as response:
        assert b"a-run" in response.read()
    # A client that hangs up before it has read its answer: the server resets the connection, or is reset by it.
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    for _ in range(20):
        with socket.create_connection((host, int(port)), 10) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with urllib.request.urlopen(address, timeout=10) as response:
        assert response.status == 200
    process.send_signal(number)
    rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    text = "".join(lines) + rest
    assert "the newest run, mini/2 (failed), left no report" in text
    assert "report of run mini/1" in text and "tensorboard --logdir" in text
    assert rest.rstrip().endswith("ended") and "Traceback" not in text
