"""Debian's Chromium, headless and cut off from the network, for tests that open pages."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parent.parent
# Where pictures of pages are kept, for people to look at.
PICTURES = Path(os.environ.get("TEST_PICTURES_DIR") or ROOT / "runs" / "test-artifacts")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # No name resolves, and what needs none meets a closed port.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=127.0.0.1:9",
)
_PACKAGES = ("chromium", "chromium-driver")


def programs() -> tuple[str, str]:
    """Paths of Chromium and its driver, installed where they are missing; skips the test where they cannot be had."""
    found = _installed()
    if found is None:
        with open(Path(tempfile.gettempdir()) / "chromium-installation.lock", "w", encoding="utf-8") as lock:
            # One process installs, the others wait for it.
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = _installed() or _install()
    return found


def _installed() -> Optional[tuple[str, str]]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    return (chromium, driver) if chromium and driver else None


def _install() -> tuple[str, str]:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip(
            f"no chromium and chromedriver here, and only root with apt-get can install {' and '.join(_PACKAGES)}"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *_PACKAGES]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], capture_output=True, text=True, env=environment, encoding="utf-8"
        )
        if done.returncode:
            pytest.skip(f"`apt-get {' '.join(command)}` failed: {done.stderr.strip()[-500:]}")
    found = _installed()
    if found is None:
        pytest.skip(f"apt-get installed {' and '.join(_PACKAGES)}, and still there is no chromium and chromedriver")
    return found


class Browser:
    """A browser with what it said and asked for."""

    def __init__(self, driver: webdriver.Chrome):
        self.driver = driver
        self.requests: list[str] = []

    def open(self, page: Path, width: int = 1280, height: int = 900) -> None:
        """Opens a file and forgets what earlier pages said and asked for."""
        self.resize(width, height)
        self.driver.get("about:blank")
        self.errors()
        self.requests = []
        self.driver.get(page.as_uri())

    def resize(self, width: int, height: int) -> None:
        """Gives the page a size, narrower than a window could be."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def run(self, script: str, *arguments: Any) -> Any:
        """Runs the body of a function in the page."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str, *arguments: Any, seconds: float = 20) -> Any:
        """Waits until a script gives something true, and returns that."""
        end = time.monotonic() + seconds
        while not (found := self.run(script, *arguments)):
            assert time.monotonic() < end, f"not within {seconds} s: {script}"
            time.sleep(0.05)
        return found

    def errors(self) -> list[str]:
        """What the console got since the last call, above information; collects the network's log as well."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]

    def picture(self, name: str) -> Path:
        """Keeps a picture of the whole page."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        width, height = self.run("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path = PICTURES / f"{name}.png"
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def pdf(self, name: str) -> Path:
        """Prints the page on A4."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        size = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True}
        path = PICTURES / f"{name}.pdf"
        path.write_bytes(base64.b64decode(self.driver.execute_cdp_cmd("Page.printToPDF", size)["data"]))
        return path


@contextmanager
def started() -> Iterator[Browser]:
    """A browser with a profile of its own."""
    chromium, driver = programs()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = chromium
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        running = webdriver.Chrome(options=options, service=Service(driver))
        try:
            running.execute_cdp_cmd("Network.enable", {})
            yield Browser(running)
        finally:
            running.quit()
