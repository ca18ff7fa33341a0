"""The command line as a person uses it: through the real tfx command, with a kill in the middle, and with bad input."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.sample import short_videos as sample_data
from pipeline.settings.config import load

ROOT = Path(__file__).resolve().parents[2]


def temporary(small: Any) -> Path:
    return Path(small.runs.parent) / "temporary"


def command(small: Any, *, require: bool = False) -> tuple[list[str], dict[str, str]]:
    temporary(small).mkdir(exist_ok=True)
    environment = dict(os.environ, FAIR_RUNS_DIR=str(small.runs), TMPDIR=str(temporary(small)))
    environment.pop("REQUIRE_BLESSING", None)
    if require:
        environment["REQUIRE_BLESSING"] = "1"
    return [sys.executable, "-m", "pipeline.cli", "run", str(small.config)], environment


def call(small: Any, *, require: bool = False, file_limit: int | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command. Once its first stage runs, no file may grow beyond ``file_limit``, as on a full disk."""
    arguments, environment = command(small, require=require)
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    if file_limit is not None:
        # Not before: such a limit is refused where a run begins under it.
        assert wait_until(lambda: next(events(small), None) is not None, 300)
        for pid in processes_of(small):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (file_limit, file_limit))
    text, _ = process.communicate(timeout=900)
    return subprocess.CompletedProcess(arguments, process.returncode, text)


def events(small: Any) -> Iterator[dict[str, Any]]:
    for path in sorted((small.folder / "logs").glob("*.events.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                continue


def processes_of(small: Any) -> list[int]:
    """Processes of this machine whose environment names the run's folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if str(small.runs).encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
        except OSError:
            continue
    return found


def wait_until(condition: Any, seconds: float) -> bool:
    deadline = time.time() + seconds
    while time.time() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return bool(condition())


@pytest.fixture(scope="module")
def full_disk(small_run: Any) -> subprocess.CompletedProcess[str]:
    """The first run of all, which cannot write the train split."""
    settings = load(small_run.config)
    assert settings.sample is not None
    sample_data.ensure(Path(settings.log.root), settings.sample)
    return call(small_run, file_limit=400_000)


def test_a_full_disk_fails_the_stage_and_leaves_nothing(full_disk: Any, small_run: Any) -> None:
    assert full_disk.returncode == 1, full_disk.stdout
    assert "the run failed" in full_disk.stdout and "nothing was pushed" in full_disk.stdout
    assert not list((small_run.folder / "artifacts").rglob("data_tfrecord-*"))
    assert not (small_run.folder / "summary.json").exists()


def start_and_end(small: Any, epoch: int, number: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Runs the command as in the background, and sends it a signal once the first training comes to an epoch."""
    arguments, environment = command(small)
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )

    def training() -> bool:
        assert process.poll() is None, "the run ended before it could be ended"
        return any(event["kind"] == "note" and f"epoch {epoch}/" in event["text"] for event in events(small))

    assert wait_until(training, 600)
    process.send_signal(number)
    text, _ = process.communicate(timeout=60)
    assert wait_until(lambda: not processes_of(small), 20), "an ended command left processes running"
    return subprocess.CompletedProcess(arguments, process.returncode, text)


@pytest.fixture(scope="module")
def stopped(small_run: Any, full_disk: Any) -> subprocess.CompletedProcess[str]:
    """A run that is asked to end after the first epoch of its first training."""
    small_run.change(training={"epochs": 6})
    return start_and_end(small_run, 2, signal.SIGTERM)


def test_a_run_that_is_asked_to_end_ends_with_all_below_it(stopped: Any, small_run: Any) -> None:
    assert stopped.returncode == 143, stopped.stdout
    assert "stopped by SIGTERM after" in stopped.stdout and "run the same command again" in stopped.stdout
    assert "Traceback" not in stopped.stdout
    assert not list(temporary(small_run).iterdir())


@pytest.fixture(scope="module")
def killed_and_run_again(small_run: Any, stopped: Any) -> tuple[Any, subprocess.CompletedProcess[str]]:
    """The same command, killed later in that training; then it again, over what `tfx pipeline create` left half written."""
    start_and_end(small_run, 4, signal.SIGKILL)
    assert len(list(temporary(small_run).iterdir())) == 1
    arguments = small_run.folder / "tfx" / "small" / "pipeline_args.json"
    arguments.write_bytes(arguments.read_bytes()[:20])
    return small_run, call(small_run)


def test_a_killed_run_goes_on_where_it_stopped(killed_and_run_again: Any) -> None:
    small, done = killed_and_run_again
    assert done.returncode == 0, done.stdout
    assert "removed what a killed run left unfinished: Baseline" in done.stdout
    for stage in ("InteractionLogGen", "NegativeSplitter", "Transform"):
        assert any(stage in line and "from cache" in line for line in done.stdout.splitlines()), done.stdout
    last = [event for event in events(small) if event["kind"] == "note" and event.get("stage") == "Baseline"]
    # The first epoch is not trained twice.
    assert sum("epoch 1/" in event["text"] for event in last) == 1
    assert sum("epoch 6/" in event["text"] for event in last) == 1


def test_nothing_half_written_is_left(killed_and_run_again: Any) -> None:
    small, _ = killed_and_run_again
    models = sorted((small.folder / "artifacts" / "Baseline" / "model").iterdir())
    assert len(models) == 1 and (models[0] / "Format-Serving" / "saved_model.pb").is_file()
    assert not list(small.folder.rglob("*.partial")) and not list(small.folder.rglob("*.writing"))
    assert not any((small.folder / "checkpoints").iterdir())


def test_what_tfx_had_half_written_is_made_anew(killed_and_run_again: Any) -> None:
    small, done = killed_and_run_again
    assert "tfx pipeline update: " in done.stdout
    assert json.loads((small.folder / "tfx" / "small" / "pipeline_args.json").read_text(encoding="utf-8"))


def test_no_temporary_files_are_left(killed_and_run_again: Any) -> None:
    """Neither of the run that ended by itself, nor of the one before it that was killed."""
    assert not list(temporary(killed_and_run_again[0]).iterdir())


def test_the_end_of_a_run_says_what_it_did(killed_and_run_again: Any) -> None:
    small, done = killed_and_run_again
    summary = small.summary()
    for text in ("ARFG", "ARE", "passed the gate", summary["pushed"], "tensorboard", "summary.json"):
        assert text in done.stdout
    for task in summary["tasks"]:
        assert any(line.strip().strip("│┃").strip().startswith(task) for line in done.stdout.splitlines())


def test_a_refused_model_exits_non_zero_only_if_asked_to(killed_and_run_again: Any) -> None:
    small, _ = killed_and_run_again
    small.change(gate={"are_max": 0.01})
    refused = call(small, require=True)
    assert refused.returncode == 3
    assert "refused by the gate" in refused.stdout and "ARE" in refused.stdout
    small.change(gate={"are_max": 3.0})


def test_a_failing_stage_is_named_and_nothing_is_pushed(killed_and_run_again: Any) -> None:
    small, _ = killed_and_run_again
    before = sorted((small.folder / "serving").iterdir())
    shard = small.config.parent / "log" / "impressions-00.csv"
    whole = shard.read_text(encoding="utf-8")
    # In the last row: the first ones are looked at before anything runs.
    header, *rows = whole.splitlines()
    cells = rows[-1].split(",")
    cells[header.replace('"', "").split(",").index("click_prior")] = "many"
    shard.write_text("\n".join([header, *rows[:-1], ",".join(cells)]) + "\n", encoding="utf-8")
    failed = call(small)
    shard.write_text(whole, encoding="utf-8")
    assert failed.returncode == 1
    assert (
        "InteractionLogGen" in failed.stdout
        and "click_prior" in failed.stdout
        and "impressions-00.csv" in failed.stdout
    )
    assert "nothing was pushed" in failed.stdout
    assert sorted((small.folder / "serving").iterdir()) == before
    assert not (small.folder / "summary.json").exists()


def test_all_of_these_runs_are_listed(killed_and_run_again: Any) -> None:
    """Nothing here was made for the list: a full disk, a stop, a kill, a push, a refusal, a bad file."""
    small, _ = killed_and_run_again
    environment = command(small)[1]
    arguments = [sys.executable, "-m", "pipeline.cli", "runs", "--config", str(small.config), "--json"]
    done = subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    bad_file, refused, pushed, killed, stopped, *full_disk = json.loads(done.stdout)
    assert (bad_file["state"], bad_file["at"], bad_file["blessed"]) == ("failed", "InteractionLogGen", None)
    assert (refused["state"], refused["blessed"], refused["pushed"]) == ("finished", False, None)
    assert refused["stages"]["Candidate"] == {"state": "cached", "seconds": 0.0}
    assert [difference["key"].split(".")[0] for difference in refused["changed"]["settings"]] == ["gate"]
    assert (pushed["state"], pushed["blessed"]) == ("finished", True)
    assert Path(pushed["pushed"], "saved_model.pb").is_file()
    assert pushed["stages"]["Candidate"]["seconds"] > 0 and pushed["changed"]["settings"] == []
    for run in (killed, stopped):
        assert (run["state"], run["at"], run["seconds"]) == ("killed", "Baseline", None)
    assert full_disk and full_disk[0]["state"] == "failed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": {"epoch": 1}}, "training.epoch: unknown key"),
        ({"log": {"root": "nowhere"}, "sample": None}, "3 things to mend"),
    ],
)
def test_unusable_settings_end_at_once(tmp_path: Path, small_run: Any, change: dict[str, Any], message: str) -> None:
    content = yaml.safe_load(small_run.config.read_text(encoding="utf-8"))
    for block, values in change.items():
        content[block] = None if values is None else {**content[block], **values}
    config = tmp_path / "bad.yaml"
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    done = call(type(small_run)(config, tmp_path / "runs"))
    assert done.returncode == 2
    assert message in done.stdout
    assert "Traceback" not in done.stdout
