"""A folder of runs that was moved or copied."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.cli import cli
from pipeline.running.places import RUNS_VARIABLE
from pipeline.running.relocation import for_file, read_summary, relocate
from pipeline.running.run_record import latest, open_store, relocated
from tests.pipeline.recorded import RecordedRuns


@pytest.fixture
def moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs whose folder was moved after they were recorded."""
    recorded = RecordedRuns(tmp_path / "runs")
    recorded.finished("2026-01-01T10:00:00.5")
    recorded.finished("2026-01-02T10:00:00.5", arfg=0.9)
    place = tmp_path / "else where"
    shutil.move(tmp_path / "runs", place)
    monkeypatch.setenv(RUNS_VARIABLE, str(place))
    return place


def called(*arguments: str) -> str:
    done = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_runs_are_listed_and_compared_where_they_lie_now(moved: Path) -> None:
    newest, _ = json.loads(called("runs", "--json"))
    assert newest["arfg"]["value"] == 0.9
    assert Path(newest["report"]).is_relative_to(moved) and (Path(newest["report"]) / "index.html").is_file()
    assert "mini/1" in called("compare", "1", "2")


def test_a_copy_is_read_from_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = RecordedRuns(tmp_path / "runs")
    page = recorded.finished("2026-01-01T10:00:00.5")
    shutil.copytree(tmp_path / "runs", tmp_path / "copy")
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "copy"))
    (run,) = json.loads(called("runs", "--json"))
    assert run["report"] == str(tmp_path / "copy" / page.relative_to(tmp_path / "runs"))


def test_a_run_begins_by_writing_down_where_artifacts_lie(moved: Path) -> None:
    metadata = moved / "mini" / "metadata.sqlite"
    assert relocate(metadata) == 2
    reports = [a for a in open_store(metadata, read_only=True).get_artifacts() if "FairnessReport" in a.uri]
    assert reports and all(Path(artifact.uri).is_relative_to(moved) for artifact in reports)
    assert relocate(metadata) == 0 and relocate(moved / "none.sqlite") == 0


def test_what_did_not_come_along_keeps_its_old_place(moved: Path, tmp_path: Path) -> None:
    shutil.rmtree(moved / "mini" / "artifacts")
    assert relocate(moved / "mini" / "metadata.sqlite") == 0
    record = latest(moved / "mini" / "metadata.sqlite", "mini")
    assert record.output("FairnessReport", "report").uri.is_relative_to(tmp_path / "runs")
    assert any(a.state != mlmd.Artifact.DELETED for a in open_store(moved / "mini" / "metadata.sqlite").get_artifacts())


def test_only_paths_of_this_dataset_are_moved(tmp_path: Path) -> None:
    now = tmp_path / "now" / "mini"
    (now / "artifacts" / "A").mkdir(parents=True)
    (now / "serving" / "1").mkdir(parents=True)
    assert relocated(Path("/old/mini/artifacts/A"), now) == now / "artifacts" / "A"
    assert relocated(Path("/old/artifacts/mini/artifacts/A"), now) == now / "artifacts" / "A"
    assert relocated(Path("/old/mini/serving/1"), now) == now / "serving" / "1"
    for elsewhere in ("/old/other/artifacts/A", "/old/mini/serving/2", "/models/1"):
        assert relocated(Path(elsewhere), now) == Path(elsewhere)


def test_a_summary_holds_paths_relative_to_itself(tmp_path: Path) -> None:
    folder = tmp_path / "mini"
    (folder / "serving" / "7").mkdir(parents=True)
    summary = {
        "arfg": 1,
        "pushed": str(folder / "serving" / "7"),
        "paths": {"model": str(folder / "serving" / "7"), "far": "/x/y"},
    }
    stored = for_file(summary, folder)
    assert stored == {"arfg": 1, "pushed": "serving/7", "paths": {"model": "serving/7", "far": "/x/y"}}
    (folder / "summary.json").write_text(json.dumps(stored), encoding="utf-8")
    assert read_summary(folder / "summary.json") == summary
    shutil.move(folder, tmp_path / "there" / "mini")
    assert read_summary(tmp_path / "there" / "mini" / "summary.json")["pushed"] == str(
        tmp_path / "there" / "mini" / "serving" / "7"
    )
    # Written with whole paths by an earlier version.
    (tmp_path / "there" / "mini" / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    assert read_summary(tmp_path / "there" / "mini" / "summary.json")["pushed"] == str(
        tmp_path / "there" / "mini" / "serving" / "7"
    )


def test_a_summary_without_a_push_stays_as_it_is(tmp_path: Path) -> None:
    assert for_file({"pushed": None, "arfg": 1}, tmp_path) == {"pushed": None, "arfg": 1}
