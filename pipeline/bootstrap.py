"""Builds the project's environment in ``.venv``: Python 3.10 and exactly the packages of ``requirements.lock``.

Runs on any Python 3 with the standard library alone, as a script (it is no part of the package). The steps: an installer
(uv) into ``.bootstrap``, hashes checked; an environment with Python 3.10; the locked packages, hashes checked, compiled to
bytecode (importing TFX takes three times as long without). An environment that already matches the lock is left as it is.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALLER = ROOT / ".bootstrap"
ENVIRONMENT = ROOT / ".venv"
STAMP = ENVIRONMENT / "lock.sha256"
PYTHON = "3.10"


def say(text):
    print("set-up: " + text, flush=True)


def run(step, *command, **kwargs):
    """Runs a command; stops the set-up with the step's name and what it printed where it fails."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kwargs)
    if done.returncode:
        output = done.stdout.decode(errors="replace").strip()
        sys.exit("set-up failed at: {}\n{}\n(command: {})".format(step, output, " ".join(map(str, command))))


def installer():
    """Path of uv: the one in ``.bootstrap``, installed where it is missing."""
    uv = INSTALLER / "bin" / "uv"
    lock = ROOT / "bootstrap.lock"
    if uv.exists() and (INSTALLER / "lock.sha256").exists():
        if (INSTALLER / "lock.sha256").read_text(encoding="utf-8") == digest(lock):
            return uv
    say("installing the package installer into .bootstrap")
    shutil.rmtree(INSTALLER, ignore_errors=True)
    # Debian ships Python without ensurepip unless python3-venv is installed; its pip alone is enough then.
    has_venv = (
        subprocess.run([sys.executable, "-c", "import ensurepip, venv"], stderr=subprocess.DEVNULL).returncode == 0
    )
    if has_venv:
        run("making .bootstrap", sys.executable, "-m", "venv", INSTALLER)
        pip = [INSTALLER / "bin" / "python", "-m", "pip"]
        target = []
    else:
        pip, target = [sys.executable, "-m", "pip"], ["--prefix", INSTALLER, "--ignore-installed"]
        if subprocess.run([sys.executable, "-m", "pip", "--version"], stdout=subprocess.DEVNULL).returncode:
            sys.exit(f"set-up needs pip or venv in {sys.executable}: install your system's python3-venv package")
    run("installing uv", *pip, "install", "--quiet", "--require-hashes", *target, "-r", lock)
    (INSTALLER / "lock.sha256").write_text(digest(lock), encoding="utf-8")
    return next(path for path in (uv, INSTALLER / "local" / "bin" / "uv") if path.exists())


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
    lock = ROOT / "requirements.lock"
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == digest(lock):
        return
    start = time.time()
    uv = installer()
    environment = dict(os.environ, VIRTUAL_ENV=str(ENVIRONMENT), UV_COMPILE_BYTECODE="1")
    # A version manager that started this Python hands its choice on, and would hide every other Python from uv.
    for name in ("PYTHONPATH", "PYENV_VERSION", "PYENV_DIR"):
        environment.pop(name, None)
    if not (ENVIRONMENT / "bin" / "python").exists():
        say(f"making .venv with Python {PYTHON} (fetched where this machine has none)")
        run("making .venv", uv, "venv", "--quiet", "--python", PYTHON, ENVIRONMENT, env=environment, cwd=str(ROOT))
    count = lock.read_text(encoding="utf-8").count("==")
    say(f"installing {count} pinned packages into .venv, hashes checked (3.5 GB; one to five minutes)")
    STAMP.unlink() if STAMP.exists() else None
    run("installing packages", uv, "pip", "sync", "--require-hashes", lock, env=environment, cwd=str(ROOT))
    STAMP.write_text(digest(lock), encoding="utf-8")
    say(f"done in {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
