"""Where a run on this machine keeps things."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import UNUSABLE, cli
from pipeline.running.places import RUNS_VARIABLE, new_log, run_folder
from pipeline.settings.config import ConfigError, PushSettings, RunSettings, load

SAMPLE = Path(__file__).resolve().parents[3] / "data_schemas" / "sample"


def pushing_to(directory: str | None) -> RunSettings:
    settings = load(SAMPLE / "dataset.yaml")
    return settings.model_copy(update={"push": PushSettings(directory=directory)})


def test_everything_lies_under_the_datasets_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path))
    folder = run_folder(pushing_to(None))
    assert all(place == tmp_path / "sample" or tmp_path / "sample" in place.parents for place in folder)


def test_models_are_pushed_where_the_settings_say(tmp_path: Path) -> None:
    assert run_folder(pushing_to(str(tmp_path / "models"))).serving == tmp_path / "models"


def test_another_file_system_is_refused_with_the_key() -> None:
    with pytest.raises(ConfigError, match=r"push\.directory.*Received: gs://bucket/models; name a folder"):
        run_folder(pushing_to("gs://bucket/models"))


def test_the_command_ends_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))
    text = (SAMPLE / "dataset.yaml").read_text(encoding="utf-8") + "\npush: {directory: gs://bucket/models}\n"
    config = tmp_path / "dataset.yaml"
    config.write_text(
        text.replace("${FAIRNESS_SAMPLE_DIR:-../../data/sample}", str(tmp_path / "log")), encoding="utf-8"
    )
    done = CliRunner().invoke(cli, ["run", str(config)])
    assert done.exit_code == UNUSABLE and "push.directory" in done.output
    assert not (tmp_path / "log").exists() and not (tmp_path / "runs").exists()


def test_commands_of_one_second_have_logs_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "strftime", lambda layout: "20240613-101500")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_log(tmp_path / "logs"), range(8)))
    assert len(set(made)) == 8
    assert len({path.with_suffix(".events.jsonl") for path in made}) == 8
    assert min(made).name == "20240613-101500.log"
    assert new_log(tmp_path / "logs", "prepare").name == "20240613-101500-prepare.log"
