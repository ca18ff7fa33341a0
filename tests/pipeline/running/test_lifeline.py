"""A killed command leaves nothing running behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.running.lifeline import end_group

PARENT = """
import subprocess, sys, time
from pipeline.running.lifeline import die_with_parent
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], preexec_fn=die_with_parent)
print(child.pid, flush=True)
time.sleep(60)
"""


def running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_child_dies_when_the_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert running(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.time() + 10
    while running(child) and time.time() < deadline:
        time.sleep(0.05)
    assert not running(child)


GROUP = """
import subprocess, sys, time
from pathlib import Path
from pipeline.running.lifeline import die_with_parent, guarded_group
command = f"trap '' INT TERM; sleep 60 & echo $! > {sys.argv[1]}; wait"
leader = subprocess.Popen(["sh", "-c", command], start_new_session=True, preexec_fn=die_with_parent)
with guarded_group(leader):
    while not Path(sys.argv[1]).exists() or not Path(sys.argv[1]).read_text(encoding="utf-8"):
        time.sleep(0.01)
    print(leader.pid, flush=True)
    time.sleep(60)
"""


def test_a_process_below_a_shell_dies_with_the_command(tmp_path: Path) -> None:
    """As Beam's workers are started."""
    command = [sys.executable, "-c", GROUP, str(tmp_path / "pid")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    assert parent.stdout is not None
    shell = int(parent.stdout.readline())
    worker = int((tmp_path / "pid").read_text(encoding="utf-8"))
    assert running(shell) and running(worker)
    parent.kill()
    parent.wait()
    deadline = time.time() + 10
    while (running(worker) or running(shell)) and time.time() < deadline:
        time.sleep(0.05)
    assert not running(worker) and not running(shell)


def test_a_group_is_ended_as_a_whole_also_after_its_leader() -> None:
    command = ["sh", "-c", "sleep 60 & echo $!"]
    leader = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, text=True, encoding="utf-8")
    assert leader.stdout is not None
    left = int(leader.stdout.readline())
    leader.wait()
    assert running(left)
    end_group(leader)
    assert not running(left)
