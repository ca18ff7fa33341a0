"""What may not stand in a committed file."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout")
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8"
    ).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_lock_files_hold_names_versions_and_hashes_and_no_address() -> None:
    for name in ("requirements.lock", "bootstrap.lock"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            assert re.fullmatch(r"[A-Za-z0-9_.-]+==\S+( ;.*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line


def test_no_file_names_an_index() -> None:
    pattern = re.compile(r"(extra-)?index-url\s*[=:]|find-links\s*[=:]|registry\s*=")
    wrong = [
        path.name
        for path in tracked()
        if path.suffix in (".toml", ".lock", ".txt", ".cfg", "")
        and pattern.search(path.read_text(errors="ignore", encoding="utf-8"))
    ]
    assert not wrong


def test_the_lock_pins_every_direct_dependency() -> None:
    lock = {
        line.split("==")[0].lower()
        for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    listed = re.findall(r'^    "([A-Za-z0-9_.-]+)', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    assert len(listed) > 15
    assert not {name.lower().replace("_", "-") for name in listed} - lock


def test_text_files_are_read_and_written_as_utf_8() -> None:
    """Beside ruff's rule, which does not see that a variable is a path."""

    def lacks(call: ast.Call) -> bool:
        name = getattr(call.func, "attr", "")
        reads = name == "read_text" and not call.args
        writes = name == "write_text" and len(call.args) == 1
        return (reads or writes) and not any(key.arg == "encoding" for key in call.keywords)

    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in tracked()
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and lacks(node)
    ]
    assert not wrong


@pytest.mark.parametrize("page", ["docs/architecture.md", "tests/README.md"])
def test_files_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    places = [ROOT, (ROOT / page).parent, ROOT / "components/interaction_log_gen"]
    named = [name for name in re.findall(r"`([\w/.]+\.(?:py|js|md|toml))`", text) if "/" in name]
    assert len(named) > 5
    assert not [name for name in named if not any((place / name).is_file() for place in places)]
