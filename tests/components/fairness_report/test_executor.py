"""The component on artifacts that the real Evaluator wrote, of data whose names mean harm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.fairness_report import executor
from components.fairness_report.component import FairnessReport, FairnessReportArtifact
from components.fairness_report.executor import Executor
from components.fairness_report.inputs import read_inputs
from components.fairness_report.settings import ReportSettings
from components.gate.verdict_record import VerdictError


def do(evaluated: Any, uri: Path, run_id: str = "", **properties: Any) -> Any:
    report = FairnessReportArtifact()
    report.uri = str(uri)
    uri.mkdir(parents=True)
    context = Executor.Context(tmp_dir=str(uri.parent), unique_id="1", pipeline_run_id=run_id)
    settings = {"settings": evaluated.settings.model_dump_json(), "code": "0", **properties}
    Executor(context).Do(evaluated.artifacts, {"report": [report]}, settings)
    return report


@pytest.fixture(scope="module")
def done(evaluated: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return do(evaluated, tmp_path_factory.mktemp("done") / "report", run_id="2026-01-02T03:04:05")


def test_it_writes_all_files(done: Any) -> None:
    found = {str(path.relative_to(done.uri)) for path in Path(done.uri).rglob("*") if path.is_file()}
    figures = {f"figures/{n}.{e}" for n in ("tradeoff", "false_positive_rates", "training") for e in ("png", "svg")}
    assert found == {"index.html", "summary.json", "model_card.html", "model_card.json"} | figures


def test_the_summary_agrees_with_the_rows(done: Any, evaluated: Any) -> None:
    summary = json.loads(Path(done.uri, "summary.json").read_text(encoding="utf-8"))
    rows = evaluated.rows
    assert summary["run"] == "2026-01-02T03:04:05" and summary["blessed"] is False and summary["pushed"] is None
    for task in rows.tasks:
        for group, cells in summary["tasks"][task]["groups"]["who"].items():
            for who in ("model", "baseline"):
                if rows.count(0, task, "who", group):
                    expected = rows.rate("fpr", who, task, "who", group)
                    assert cells[who]["fpr"]["value"] == pytest.approx(expected)
                else:
                    assert cells[who]["fpr"]["value"] is None and cells[who]["auc"]["reason"] == "no negatives"


def test_auc_is_that_of_the_rows(done: Any, evaluated: Any) -> None:
    from sklearn.metrics import roc_auc_score

    summary = json.loads(Path(done.uri, "summary.json").read_text(encoding="utf-8"))
    rows = evaluated.rows
    for t, task in enumerate(rows.tasks):
        known = rows.known[:, t]
        expected = roc_auc_score(rows.labels[known, t], rows.scores[0, known, t])
        assert summary["tasks"][task]["auc"]["model"]["value"] == pytest.approx(expected, abs=1e-9)


def test_the_artifact_carries_the_figures(done: Any) -> None:
    summary = json.loads(Path(done.uri, "summary.json").read_text(encoding="utf-8"))
    assert done.get_int_custom_property("blessed") == 0
    assert done.get_float_custom_property("are") == pytest.approx(summary["are"]["value"])
    assert summary["arfg"]["value"] is not None
    assert done.get_float_custom_property("arfg") == pytest.approx(summary["arfg"]["value"])


def test_anomalies_and_statistics_are_read(evaluated: Any) -> None:
    run = read_inputs(evaluated.settings, evaluated.artifacts, "")
    assert run.anomalies["train"] == [] and "column `age`" in run.anomalies["test"][0]
    assert run.statistics["test"].datasets[0].features[0].path.step[0] == "age"
    assert run.log_counts["dropped_missing"] == 3


def test_what_the_evaluation_met_is_told_while_the_run_goes_on(
    evaluated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # The runner shows warnings of our modules in the terminal.
    monkeypatch.setattr(executor, "evaluation_warnings", lambda run: [f"{run.primary['lone_rows']} rows lack it"])
    do(evaluated, tmp_path / "report")
    (record,) = [record for record in caplog.records if record.message == "0 rows lack it"]
    assert record.levelname == "WARNING" and record.pathname.endswith("components/fairness_report/executor.py")


def test_a_failure_leaves_nothing(evaluated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ReportSettings.model_validate(evaluated.settings.model_dump() | {"report": {"frontier": "f.csv"}})
    with pytest.raises(ValueError, match="f.csv: expected the columns"):
        do(evaluated._replace(settings=settings), tmp_path / "one", frontier="x\n1\n")
    assert list((tmp_path / "one").iterdir()) == []

    copied = []

    def failing(source: str, target: str, overwrite: bool) -> None:
        copied.append(target)
        Path(target).write_text("half", encoding="utf-8")
        if len(copied) == 3:
            raise OSError("no space left")

    monkeypatch.setattr(executor.tf.io.gfile, "copy", failing)
    with pytest.raises(OSError, match="no space left"):
        do(evaluated, tmp_path / "two")
    assert not (tmp_path / "two").exists() and not [path for path in copied if path.endswith("index.html")]


def copied(artifact: Any, folder: Path) -> Any:
    """The artifact with its properties, in a folder that a test may edit."""
    other = type(artifact)()
    other.copy_from(artifact)
    shutil.copytree(artifact.uri, folder)
    other.uri = str(folder)
    return other


def test_a_verdict_or_an_evaluation_that_was_edited_is_refused(evaluated: Any, tmp_path: Path) -> None:
    verdict = copied(evaluated.artifacts["verdict"][0], tmp_path / "verdict")
    path = tmp_path / "verdict" / "verdict.json"
    path.write_text(path.read_text(encoding="utf-8").replace("false", "true"), encoding="utf-8")
    with pytest.raises(VerdictError, match=f"{path}: expected the verdict as the gate wrote it"):
        read_inputs(evaluated.settings, {**evaluated.artifacts, "verdict": [verdict]}, "")
    evaluation = copied(evaluated.artifacts["evaluation"][0], tmp_path / "evaluation")
    (tmp_path / "evaluation" / "eval_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(
        ValueError, match=f"evaluation {tmp_path}/evaluation was changed after the gate had judged by it"
    ):
        read_inputs(evaluated.settings, {**evaluated.artifacts, "evaluation": [evaluation]}, "")


def test_it_says_where_a_model_was_pushed(evaluated: Any) -> None:
    from tfx.types import standard_artifacts

    pushed = standard_artifacts.PushedModel()
    pushed.set_string_custom_property("pushed_destination", "/serving/7")
    assert read_inputs(evaluated.settings, {**evaluated.artifacts, "pushed_model": [pushed]}, "").pushed == "/serving/7"
    assert read_inputs(evaluated.settings, evaluated.artifacts, "").pushed is None


def test_a_missing_file_is_named(evaluated: Any, tmp_path: Path) -> None:
    from tfx.types import standard_artifacts

    empty = standard_artifacts.ModelRun()
    empty.uri = str(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"expected {tmp_path}/training.json"):
        read_inputs(evaluated.settings, {**evaluated.artifacts, "model_run": [empty]}, "")


def test_a_group_that_the_evaluation_does_not_have_is_named(evaluated: Any) -> None:
    settings = evaluated.settings.model_copy(update={"groups": ("who", "elsewhere")})
    with pytest.raises(ValueError, match="`elsewhere`"):
        read_inputs(settings, evaluated.artifacts, "")


def test_the_component_hands_over_the_frontiers_text(evaluated: Any, tmp_path: Path) -> None:
    from tfx.types import channel_utils

    table = tmp_path / "f.csv"
    table.write_text("arfg,are\n0.5,1\n", encoding="utf-8")
    report = evaluated.settings.report.model_copy(update={"frontier": str(table)})
    settings = evaluated.settings.model_copy(update={"report": report})
    channels = {name: channel_utils.as_channel(found) for name, found in evaluated.artifacts.items()}
    component = FairnessReport(settings=settings, inputs=channels, code="abc")
    assert component.exec_properties["frontier"] == "arfg,are\n0.5,1\n"
    assert component.exec_properties["code"].startswith("abc-") and len(component.exec_properties["code"]) == 20
    assert component.exec_properties.get("metadata") is None
    assert component.outputs["report"].type is FairnessReportArtifact
    assert ReportSettings.model_validate_json(component.exec_properties["settings"]) == settings
    table.unlink()
    with pytest.raises(FileNotFoundError, match=f"report.frontier: expected a CSV file at {table}"):
        FairnessReport(settings=settings, inputs=channels)


def test_group_rates_of_undefined_cells_stay_undefined(done: Any, evaluated: Any) -> None:
    summary = json.loads(Path(done.uri, "summary.json").read_text(encoding="utf-8"))
    without = [g for g in np.unique(evaluated.rows.groups["who"]) if not evaluated.rows.count(0, "like", "who", g)]
    assert without == ["only positives"]
    assert summary["tasks"]["like"]["groups"]["who"]["only positives"]["model"]["tpr"]["value"] is not None
