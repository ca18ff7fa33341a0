"""The closing count of the campaign."""

from __future__ import annotations

from collections import Counter
from typing import Any

_KINDS = {"test_bad_inputs": "bad inputs", "test_kills": "series of kills", "test_surroundings": "surroundings"}


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Prints how many of each kind were tried, and how many of them failed."""
    tried: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(outcome):
            file = report.nodeid.partition("::")[0]
            kind = _KINDS.get(file.rpartition("/")[2].removesuffix(".py")) if "tests/campaign/" in file else None
            if kind is not None:
                tried[kind] += 1
                failed[kind] += outcome != "passed"
    if tried:
        told = ", ".join(f"{number} {kind} ({failed[kind]} failed)" for kind, number in sorted(tried.items()))
        terminalreporter.write_line(f"campaign: {told}")
