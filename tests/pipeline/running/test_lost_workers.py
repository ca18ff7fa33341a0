"""A Beam worker that was killed ends the run with a sentence, where Beam would wait for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Beam's own class, with a worker that ends as the test says, and a main thread that waits for it.
RUN = """
import sys, threading, time
from types import SimpleNamespace
from google.protobuf.struct_pb2 import Struct
from apache_beam.runners.portability.local_job_service import SubprocessSdkWorker
from pipeline.running import lost_workers

lost_workers.end_with_them(lambda text: print(text, flush=True))
given = SimpleNamespace(provision_info=SimpleNamespace(pipeline_options=Struct()))
worker = SubprocessSdkWorker(sys.argv[1].encode(), "localhost:1", given, "w")
threading.Thread(target=worker.run).start()
time.sleep(8)
print("went on")
"""


@pytest.mark.parametrize(
    ("worker", "code", "told"),
    [
        (
            "kill -9 $$",
            1,
            "a worker process of Apache Beam was killed by signal 9 (SIGKILL); a lack of memory is the usual",
        ),
        ("sh -c 'kill -15 $$'; exit $?", 1, "a worker process of Apache Beam was killed by signal 15 (SIGTERM)"),
        ("exit 3", 0, "went on"),
    ],
)
def test_a_worker_that_a_signal_ended(worker: str, code: int, told: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", RUN, worker]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=120)
    assert (done.returncode, done.stdout.startswith(told)) == (code, True), done.stdout + done.stderr
