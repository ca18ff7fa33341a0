"""Models, evaluations and blessings as Candidate and Evaluator leave them, without running either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx.types import standard_artifacts

from components.gate.component import GateVerdict
from components.gate.executor import Executor
from components.tradeoff_metrics.settings import GateSettings
from models.formats.file_digest import JUDGED, folder_digest
from tests.components.tradeoff_metrics.judging.test_gate import GROUPS, TASKS, cells, evaluation, example

# The gaps of the good model are 0.15, those of the bad one 0.8.
SETTINGS = GateSettings(fpr_gap_max=0.2, min_negatives=10)
PROPERTIES = {"gate": SETTINGS.model_dump_json(), "tasks": json.dumps(TASKS), "groups": json.dumps(GROUPS)}


def write_evaluations(root: Path) -> dict[str, Path]:
    """Writes the evaluation of a good and of a bad model, as TFMA would."""
    bad = [cells("f", "old", 0, (1, 1), 80), cells("f", "old", 0, (0, 0), 20), cells("m", "young", 0, (0, 1), 100)]
    found = {}
    for name, parts in (("good", example()), ("bad", bad)):
        found[name] = root / name
        found[name].mkdir(parents=True)
        evaluation(found[name], parts, SETTINGS)
    return found


def model(folder: Path, content: str) -> Any:
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    (folder / "Format-Serving").mkdir(parents=True)
    (folder / "Format-Serving" / "saved_model.pb").write_text(content, encoding="utf-8")
    return artifact


def evaluators_blessing(folder: Path, judged: Any, blessed: bool) -> Any:
    artifact = standard_artifacts.ModelBlessing()
    artifact.uri = str(folder)
    folder.mkdir(parents=True)
    (folder / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
    artifact.set_int_custom_property("blessed", int(blessed))
    artifact.set_string_custom_property(JUDGED, folder_digest(Path(judged.uri, "Format-Serving")))
    return artifact


def folder_artifact(kind: type, folder: Path) -> Any:
    artifact = kind()
    artifact.uri = str(folder)
    return artifact


def run_gate(folder: Path, evaluated: Path, blessing: Any, **properties: str) -> tuple[Any, Any]:
    """Runs the node; its verdict and its blessing lie below ``folder``."""
    verdict = folder_artifact(GateVerdict, folder / "verdict")
    own = folder_artifact(standard_artifacts.ModelBlessing, folder / "blessing")
    inputs = {
        "evaluation": [folder_artifact(standard_artifacts.ModelEvaluation, evaluated)],
        "evaluator_blessing": [blessing],
    }
    Executor().Do(inputs, {"verdict": [verdict], "blessing": [own]}, {**PROPERTIES, "code": "", **properties})
    return verdict, own
