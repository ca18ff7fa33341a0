"""The runs on this machine, from ML Metadata and the reports: ``tfx run list`` cannot list them on the local engine.

A run is called ``<dataset>/<number>``, numbered from 1 in the order in which runs began; no run ever changes its number.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from pipeline.running import metadata_file
from pipeline.running.places import is_held
from pipeline.running.relocation import read_summary
from pipeline.running.run_record import RunRecord, records, relocated
from pipeline.settings import known_settings

_LAST_NODES = ("ModelPusher", "FairnessReport")
# What is read of each summary.
_SUMMARY = ("run", "dataset", "tasks", "settings", "arfg", "are", "blessed", "pushed")
_SHORTEST_RUN_ID = 4


class HistoryError(LookupError):
    """There is no such run, or what it left cannot be read. The message says what would help."""


@dataclass(frozen=True)
class Run:
    """One run, and what is known of it.

    Attributes:
      folder: The dataset's folder.
      number: 1 is the dataset's first run.
      record: What ML Metadata knows.
      state: ``finished``, ``failed``, ``killed`` or ``running``.
      at: The node at which it failed or was killed, or which runs now; None where it is at none.
      report: The folder of its report; None where it left none.
      summary: Its summary; None where it left none.
    """

    folder: Path
    number: int
    record: RunRecord
    state: str
    at: Optional[str]
    report: Optional[Path]
    summary: Optional[dict[str, Any]]

    @property
    def dataset(self) -> str:
        """Names the folder and the pipeline."""
        return self.folder.name

    @property
    def id(self) -> str:
        """What the commands call it."""
        return f"{self.dataset}/{self.number}"

    @property
    def settings(self) -> Optional[dict[str, Any]]:
        """All of its settings; None where the run did not come far enough to leave them."""
        return self.summary["settings"] if self.summary else known_settings.whole(self.record)

    @property
    def seconds(self) -> Optional[float]:
        """How long it took, or has taken; None after a kill, whose time nobody wrote down."""
        if self.state == "killed":
            return None
        if self.state == "running":
            return time.time() - self.record.started
        return max((n.started + (n.seconds or 0) for n in self.record.nodes.values()), default=0) - self.record.started

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """Node → state and seconds (None where unknown)."""
        result = {}
        for node in self.record.nodes.values():
            state = node.state
            if state == "unfinished":
                state = "running" if self.state == "running" else "killed"
            seconds = time.time() - node.started if state == "running" else node.seconds
            result[node.name] = {"state": state, "seconds": seconds}
        return result

    @property
    def blessed(self) -> Optional[bool]:
        """The gate's verdict; None where the run did not come to one."""
        if self.summary is not None:
            return bool(self.summary["blessed"])
        value = self._property("Gate", "verdict", "blessed")
        if "Gate" not in self.record.nodes and "ModelPusher" in self.record.nodes:
            # A run of before the Gate: its pusher took the Evaluator's word.
            value = self._property("Evaluator", "blessing", "blessed")
        return None if value is None else bool(value)

    @property
    def pushed(self) -> Optional[str]:
        """Where its model was pushed; None where it was not."""
        if self.summary is not None and self.summary["pushed"]:
            return str(relocated(Path(self.summary["pushed"]), self.folder))
        pushed = self._property("ModelPusher", "pushed_model", "pushed")
        return str(self._property("ModelPusher", "pushed_model", "pushed_destination")) if pushed else None

    def estimate(self, name: str) -> Optional[dict[str, Any]]:
        """``arfg`` or ``are`` with interval and reason; the value alone where only the report's record is left."""
        if self.summary is not None:
            return dict(self.summary[name])
        value = self._property("FairnessReport", "report", name)
        return None if value is None else {"value": value}

    def _property(self, node: str, output: str, name: str) -> Any:
        reached = self.record.nodes.get(node)
        found = reached.outputs.get(output) if reached else None
        return found.properties.get(name) if found else None


def datasets(root: Path) -> list[str]:
    """Names of the datasets with runs under ``root``."""
    return sorted(path.parent.name for path in root.glob("*/metadata.sqlite"))


def runs(root: Path, names: Sequence[str]) -> list[Run]:
    """The runs of datasets, newest first.

    Raises:
      HistoryError: The metadata of one of them cannot be read.
    """
    found = [run for name in names for run in _runs(root / name)]
    return sorted(found, key=lambda run: (run.record.started, run.number), reverse=True)


def _runs(folder: Path) -> list[Run]:
    metadata = folder / "metadata.sqlite"
    # ML Metadata fills an empty file when a run begins.
    if not metadata.exists() or (metadata.is_file() and not metadata.stat().st_size):
        return []
    damage = metadata_file.damage(metadata)
    if damage is not None:
        raise HistoryError(damage)
    try:
        found = records(metadata, folder.name)
    except RuntimeError as error:
        raise HistoryError(metadata_file.sentence(metadata, str(error))) from error
    return [_run(folder, number, record, newest=number == len(found)) for number, record in enumerate(found, start=1)]


def _run(folder: Path, number: int, record: RunRecord, *, newest: bool) -> Run:
    state, at = _state(record, folder / "lock" if newest else None)
    report = _report(record)
    summary = _read(report / "summary.json") if report else None
    # The runner's own summary is the newest run's. It knows best where the model was pushed, and older runs have no other.
    own = _read(folder / "summary.json") if newest and (folder / "summary.json").is_file() else None
    if own is not None and own["run"] == record.run_id:
        summary = own
    return Run(folder, number, record, state, at, report, summary)


def _state(record: RunRecord, lock: Optional[Path]) -> tuple[str, Optional[str]]:
    states = {name: node.state for name, node in record.nodes.items()}
    failed = next((name for name, state in states.items() if state == "failed"), None)
    if failed:
        return "failed", failed
    unfinished = next((name for name, state in states.items() if state == "unfinished"), None)
    if unfinished is None and any(name in states for name in _LAST_NODES):
        return "finished", None
    return ("running" if lock is not None and is_held(lock) else "killed"), unfinished


def _report(record: RunRecord) -> Optional[Path]:
    reached = record.nodes.get("FairnessReport")
    if reached is None or reached.state not in ("finished", "cached") or "report" not in reached.outputs:
        return None
    folder = reached.outputs["report"].uri
    return folder if (folder / "summary.json").is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        summary = read_summary(path)
    except OSError as error:
        raise HistoryError(f"{path}: expected a run's summary. Received: {error.strerror}; make it readable") from error
    except ValueError as error:
        raise HistoryError(_damaged(path, str(error))) from error
    lacking = [key for key in _SUMMARY if key not in summary]
    if lacking:
        raise HistoryError(_damaged(path, f"one without `{'`, `'.join(lacking[:5])}`"))
    return summary


def _damaged(path: Path, received: str) -> str:
    return (
        f"{path}: expected a run's summary as JSON. Received: {received}; remove it: the run is then shown without it"
    )


def find(found: Sequence[Run], text: str) -> Run:
    """The run that ``text`` names: ``sample/3``, ``3``, or the beginning of TFX's own run id.

    Raises:
      HistoryError: None is named so, or several are.
    """
    matches = [run for run in found if text in (run.id, str(run.number))]
    if not matches and len(text) >= _SHORTEST_RUN_ID:
        matches = [run for run in found if run.record.run_id.startswith(text)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        named = ", ".join(f"{run.id} ({run.record.run_id})" for run in matches[:6])
        raise HistoryError(
            f"`{text}` names {len(matches)} runs: {named}{', …' if len(matches) > 6 else ''}; write one in full"
        )
    known = ", ".join(run.id for run in found[:6]) + (", …" if len(found) > 6 else "")
    raise HistoryError(f"no run is called `{text}`; there are {known} (`make runs` lists them)")
