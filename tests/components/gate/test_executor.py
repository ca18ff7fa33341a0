"""The node on evaluations as TFMA writes them: what it says, and where it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tfx.components.evaluator.constants import BLESSED_FILE_NAME
from tfx.types import channel_utils, standard_artifacts

from components.gate import verdict_record
from components.gate.component import Gate, GateVerdict
from components.gate.conversion import to_verdict
from components.gate.executor import DisagreementError
from components.gate.verdict_record import VERDICT_DIGEST, VerdictError, VerdictRecord
from components.tradeoff_metrics.judging.bounds import bounds
from components.tradeoff_metrics.judging.gate import verdict
from components.tradeoff_metrics.settings import GateSettings
from models.formats.file_digest import JUDGED, folder_digest
from tests.components.gate.fabricated import (
    GROUPS,
    SETTINGS,
    TASKS,
    evaluators_blessing,
    model,
    run_gate,
    write_evaluations,
)


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_evaluations(tmp_path_factory.mktemp("evaluations"))


def judged(tmp_path: Path, name: str, evaluated: Path, **properties: str) -> tuple[Any, Any, Any]:
    blessing = evaluators_blessing(tmp_path / "evaluator", model(tmp_path / name, name), name == "good")
    return (*run_gate(tmp_path / "gate", evaluated, blessing, **properties), blessing)


def load(artifact: Any) -> VerdictRecord:
    return VerdictRecord.load(artifact.uri, artifact.get_string_custom_property(VERDICT_DIGEST))


@pytest.mark.parametrize("name", ["good", "bad"])
def test_verdict_and_blessing_say_what_was_judged(tmp_path: Path, evaluations: dict[str, Path], name: str) -> None:
    told, blessing, evaluators = judged(tmp_path, name, evaluations[name])
    record, blessed = load(told), name == "good"
    assert record.blessed is blessed and record.evaluation == folder_digest(evaluations[name])
    assert record.model == folder_digest(tmp_path / name / "Format-Serving")
    assert [path.name for path in Path(blessing.uri).iterdir()] == ["BLESSED" if blessed else "NOT_BLESSED"]
    for artifact in (told, blessing):
        assert artifact.get_int_custom_property("blessed") == int(blessed)
        assert (
            artifact.get_string_custom_property(JUDGED) == record.model == evaluators.get_string_custom_property(JUDGED)
        )


@pytest.mark.parametrize("name", ["good", "bad"])
def test_the_record_gives_the_verdict_back(tmp_path: Path, evaluations: dict[str, Path], name: str) -> None:
    told, _, _ = judged(tmp_path, name, evaluations[name])
    expected = verdict(str(evaluations[name]), SETTINGS, TASKS, GROUPS)
    # NaN is not equal to itself.
    assert repr(to_verdict(load(told), bounds(SETTINGS, TASKS, GROUPS))) == repr(expected)
    assert len(expected.bounds) == 4 and len(expected.reasons) == (0 if name == "good" else 2)
    other = GateSettings(fpr_gap_max=0.3, min_negatives=10)
    with pytest.raises(VerdictError, match=r"made for other bounds; they differ in \['fpr_gap_max'\]"):
        to_verdict(load(told), bounds(other, TASKS, GROUPS))


def test_an_evaluators_blessing_of_another_mind_stops_the_run(tmp_path: Path, evaluations: dict[str, Path]) -> None:
    good, bad = (model(tmp_path / name, name) for name in ("good", "bad"))
    forged = evaluators_blessing(tmp_path / "forged", bad, False)
    (tmp_path / "forged" / "BLESSED").touch()
    expected = (
        "the gate disagree; nothing was pushed. Its file says passed, its record refused, the gate refused: .*above"
    )
    with pytest.raises(DisagreementError, match=expected):
        run_gate(tmp_path / "a", evaluations["bad"], forged)
    withdrawn = evaluators_blessing(tmp_path / "withdrawn", good, True)
    (tmp_path / "withdrawn" / "BLESSED").unlink()
    with pytest.raises(
        DisagreementError, match="file says refused, its record passed, the gate passed: all bounds hold"
    ):
        run_gate(tmp_path / "b", evaluations["good"], withdrawn)
    assert not (tmp_path / "a").exists() and not (tmp_path / "b").exists()


def test_a_validation_of_another_mind_stops_the_run(tmp_path: Path, evaluations: dict[str, Path]) -> None:
    stricter = GateSettings(fpr_gap_max=0.1, min_negatives=10).model_dump_json()
    with pytest.raises(RuntimeError, match="TFMA's validation .* and the gate disagree"):
        judged(tmp_path, "good", evaluations["good"], gate=stricter)
    assert not (tmp_path / "gate").exists()


def test_a_blessing_that_names_no_model_is_refused(tmp_path: Path, evaluations: dict[str, Path]) -> None:
    blessing = standard_artifacts.ModelBlessing()
    with pytest.raises(ValueError, match="expected a blessing that says which files were judged"):
        run_gate(tmp_path, evaluations["good"], blessing)


def test_the_component_carries_settings_and_code_for_the_cache() -> None:
    channels = [standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()]
    node = Gate(*(channel_utils.as_channel([found]) for found in channels), SETTINGS, TASKS, GROUPS, code="abc")
    assert node.id == "Gate" and node.outputs["verdict"].type is GateVerdict
    properties = dict(node.exec_properties)
    assert GateSettings.model_validate_json(properties.pop("gate")) == SETTINGS
    assert properties == {"tasks": json.dumps(TASKS), "groups": json.dumps(GROUPS), "code": "abc"}


def test_the_blessings_file_is_called_as_tfx_calls_it() -> None:
    assert verdict_record.BLESSED_FILE == BLESSED_FILE_NAME
