"""Runs as they are listed, from real ML Metadata files: finished, failed, killed, running, without a report."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from pathlib import Path

import pytest
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.running.places import RunFolder
from pipeline.running.recovery import sweep
from pipeline.running.run_record import open_store, records
from pipeline.showing import history
from pipeline.showing.history import HistoryError, Run
from tests.pipeline.recorded import NODES, RecordedRuns, sample_settings, summary


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedRuns:
    return RecordedRuns(tmp_path / "runs")


def listed(recorded: RecordedRuns, *names: str) -> list[Run]:
    return history.runs(recorded.root, names or history.datasets(recorded.root))


def test_no_runs_at_all(tmp_path: Path) -> None:
    assert history.datasets(tmp_path / "runs") == []
    assert history.runs(tmp_path / "runs", ["mini"]) == []
    assert not (tmp_path / "runs").exists(), "looking must not make anything"


def test_runs_of_all_datasets_are_newest_first_and_numbered_by_dataset(recorded: RecordedRuns) -> None:
    for run, dataset in (("a", "mini"), ("b", "other"), ("c", "mini")):
        recorded.finished(run, dataset=dataset)
    assert history.datasets(recorded.root) == ["mini", "other"]
    assert [(run.id, run.record.run_id) for run in listed(recorded)] == [
        ("mini/2", "c"),
        ("other/1", "b"),
        ("mini/1", "a"),
    ]
    assert [run.id for run in listed(recorded, "other")] == ["other/1"]


def test_a_finished_run_tells_its_figures_stages_and_report(recorded: RecordedRuns) -> None:
    before = time.time()
    report = recorded.finished("r", arfg=0.7, blessed=False)
    (run,) = listed(recorded)
    assert (run.state, run.at, run.blessed, run.pushed) == ("finished", None, False, None)
    assert run.report == report
    assert run.estimate("arfg") == {"value": 0.7, "interval": [pytest.approx(0.6), pytest.approx(0.8)], "reason": ""}
    assert list(run.stages) == [*NODES, "FairnessReport"]
    assert {stage["state"] for stage in run.stages.values()} == {"finished"}
    assert run.settings is not None and run.settings["fairness"]["strength"] == 0.2
    assert before - 1 < run.record.started <= time.time()
    assert run.seconds is not None and 0 <= run.seconds < 30


def test_a_failed_run_is_listed_with_the_stage_that_failed(recorded: RecordedRuns) -> None:
    recorded.add("r", {"InteractionLogGen": "cached", "NegativeSplitter": "finished", "Transform": "failed"})
    (run,) = listed(recorded)
    assert (run.state, run.at) == ("failed", "Transform")
    assert {name: stage["state"] for name, stage in run.stages.items()} == {
        "InteractionLogGen": "cached",
        "NegativeSplitter": "finished",
        "Transform": "failed",
    }
    assert run.stages["InteractionLogGen"]["seconds"] == 0
    assert (run.blessed, run.pushed, run.report, run.summary, run.estimate("arfg")) == (None, None, None, None, None)


def test_a_killed_run_has_no_time_whatever_the_next_run_writes_of_it(recorded: RecordedRuns) -> None:
    recorded.add("r", {"InteractionLogGen": "finished", "Candidate": "running"})
    (run,) = listed(recorded)
    assert (run.state, run.at, run.seconds) == ("killed", "Candidate", None)
    assert run.stages["Candidate"] == {"state": "killed", "seconds": None}
    root = recorded.root / "mini"
    names = ("artifacts", "metadata.sqlite", "checkpoints", "serving", "logs", "summary.json", "tfx", "lock")
    assert sweep(RunFolder(root, *(root / name for name in names))) == ["Candidate"]
    (run,) = listed(recorded)
    assert (run.state, run.at, run.seconds) == ("killed", "Candidate", None)
    assert run.stages["Candidate"] == {"state": "killed", "seconds": None}


def test_a_run_killed_between_two_stages_is_at_none(recorded: RecordedRuns) -> None:
    recorded.add("r", {"InteractionLogGen": "finished", "NegativeSplitter": "finished"})
    (run,) = listed(recorded)
    assert (run.state, run.at) == ("killed", None)


def test_the_newest_unfinished_run_still_runs_where_its_folder_is_locked(recorded: RecordedRuns) -> None:
    recorded.add("old", {"InteractionLogGen": "running"})
    recorded.add("new", {"InteractionLogGen": "cached", "Candidate": "running"})
    lock = recorded.root / "mini" / "lock"
    with lock.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        new, old = listed(recorded)
        assert (new.state, new.at, old.state, old.at) == ("running", "Candidate", "killed", "InteractionLogGen")
        assert new.stages["Candidate"]["state"] == "running" and new.stages["Candidate"]["seconds"] < 60
        assert new.seconds is not None and new.seconds < 60
    assert listed(recorded)[0].state == "killed"
    # Looking must not have kept the lock from a run that wants it.
    with lock.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_run_without_a_report_node_has_the_verdict_of_the_metadata(recorded: RecordedRuns) -> None:
    recorded.add("r", dict.fromkeys(NODES, "finished"))
    (run,) = listed(recorded)
    assert (run.state, run.blessed, run.report, run.settings) == ("finished", True, None, None)
    assert run.estimate("arfg") is None


def test_the_verdict_is_the_gates_and_in_runs_of_before_the_gate_the_evaluators(recorded: RecordedRuns) -> None:
    whole = dict.fromkeys(NODES, "finished")
    recorded.add("of before", {node: state for node, state in whole.items() if node != "Gate"})
    recorded.add("killed", {node: state for node, state in whole.items() if node not in ("Gate", "ModelPusher")})
    recorded.add("failed", whole | {"Gate": "failed"})
    refused = summary(sample_settings(), blessed=False)
    page = recorded.add("refused", whole, report=refused)
    shutil.rmtree(page)
    refused_run, failed, killed, old = listed(recorded)
    assert (old.state, old.blessed) == ("finished", True)
    # The Evaluator's word alone lets nothing pass.
    assert (killed.state, killed.blessed) == ("killed", None)
    assert (failed.state, failed.at, failed.blessed) == ("failed", "Gate", None)
    assert refused_run.blessed is False


def test_the_runner_s_own_summary_serves_the_run_that_wrote_it(recorded: RecordedRuns) -> None:
    recorded.add("first", dict.fromkeys(NODES, "finished"))
    recorded.finished("second")
    own = summary(sample_settings(), run="second", arfg=0.25) | {"pushed": "/serving/7"}
    (recorded.root / "mini" / "summary.json").write_text(json.dumps(own), encoding="utf-8")
    second, first = listed(recorded)
    assert second.estimate("arfg") == own["arfg"] and second.pushed == "/serving/7"
    assert first.summary is None
    # A later run that left none does not inherit it.
    recorded.add("third", {"InteractionLogGen": "failed"})
    third, second, _ = listed(recorded)
    assert third.summary is None
    assert second.estimate("arfg") is not None and second.estimate("arfg") != own["arfg"]


def test_a_removed_report_leaves_the_values_that_were_recorded(recorded: RecordedRuns) -> None:
    shutil.rmtree(recorded.finished("r", arfg=0.7))
    (run,) = listed(recorded)
    assert run.report is None and run.summary is None
    assert run.estimate("arfg") == {"value": 0.7}
    assert run.settings is not None and run.settings["dataset"] == "sample"


def test_a_report_that_failed_is_none(recorded: RecordedRuns) -> None:
    recorded.add("r", dict.fromkeys(NODES, "finished") | {"FairnessReport": "failed"})
    (run,) = listed(recorded)
    assert (run.state, run.at, run.report) == ("failed", "FairnessReport", None)


def test_what_cannot_be_read_is_named(recorded: RecordedRuns) -> None:
    page = recorded.finished("r")
    (page / "summary.json").write_text("{", encoding="utf-8")
    with pytest.raises(HistoryError, match=r"summary\.json: expected a run's summary as JSON"):
        listed(recorded)
    metadata = recorded.root / "broken" / "metadata.sqlite"
    metadata.parent.mkdir()
    metadata.write_text("no database" * 100, encoding="utf-8")
    with pytest.raises(HistoryError, match=r"broken/metadata\.sqlite: expected the SQLite file of ML Metadata"):
        listed(recorded, "broken")


def test_runs_are_found_by_id_number_and_beginning_of_the_run_id(recorded: RecordedRuns) -> None:
    recorded.finished("2026-01-01T10:00:00.5")
    recorded.finished("2026-01-02T10:00:00.5")
    found = listed(recorded)
    for text, number in (("mini/2", 2), ("1", 1), ("2026-01-02", 2), ("2026-01-01T10:00:00.5", 1)):
        assert history.find(found, text).number == number


@pytest.mark.parametrize("text", ["9", "mini/9", "other/1", "", "2026-02", "abc"])
def test_an_unknown_run_is_refused_and_those_there_are_named(recorded: RecordedRuns, text: str) -> None:
    recorded.finished("2026-01-01T10:00:00.5")
    with pytest.raises(HistoryError, match=r"no run is called `.*`; there are mini/1 \(`make runs` lists them\)"):
        history.find(listed(recorded), text)


def test_an_ambiguous_run_is_refused_and_the_matches_are_named(recorded: RecordedRuns) -> None:
    recorded.finished("2026-01-01T10:00:00.5")
    recorded.finished("2026-01-01T11:00:00.5", dataset="other")
    for text in ("1", "2026-01-01"):
        with pytest.raises(HistoryError) as error:
            history.find(listed(recorded), text)
        assert "names 2 runs" in str(error.value)
        assert "mini/1 (2026-01-01T10:00:00.5)" in str(error.value) and "other/1" in str(error.value)


def test_records_reads_only_what_is_asked_for_and_writes_nothing(recorded: RecordedRuns) -> None:
    for run in "abc":
        recorded.add(run, {"InteractionLogGen": "finished"})
    metadata = recorded.root / "mini" / "metadata.sqlite"
    content = metadata.read_bytes()
    assert [record.run_id for record in records(metadata, "mini")] == ["a", "b", "c"]
    assert [record.run_id for record in records(metadata, "mini", newest=2)] == ["b", "c"]
    node = records(metadata, "mini", newest=1)[0].nodes["InteractionLogGen"]
    assert node.properties["fingerprint"] == "files:1" and node.outputs["examples"].uri.name == "c"
    assert metadata.read_bytes() == content


def test_an_execution_s_time_is_that_between_its_start_and_its_end(recorded: RecordedRuns) -> None:
    recorded.add("r", {"Candidate": "running"})
    store = open_store(recorded.root / "mini" / "metadata.sqlite")
    (execution,) = store.get_executions()
    time.sleep(0.3)
    execution.last_known_state = mlmd.Execution.COMPLETE
    store.put_executions([execution])
    (run,) = listed(recorded)
    assert run.stages["Candidate"]["state"] == "finished"
    assert 0.25 < run.stages["Candidate"]["seconds"] < 5
