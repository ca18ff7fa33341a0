"""`make schema` as a person calls it: a draft, a merge into what was edited by hand, and what it says when it fails."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.schema.file import read
from tests.pipeline.preflight.conftest import HEADER, Written


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Written, str]:
    """A log without a schema, and what the command printed that drafted one."""
    written = Written(tmp_path_factory.mktemp("schema") / "log")
    rows = HEADER.replace("\n", ",never\n") + "".join(
        f"{i},{'ab'[i % 2]},{i % 2},{i % 3},{'fm'[i % 4 // 2]},\n" for i in range(60)
    )
    for name in ("train", "validation", "test"):
        (written.folder / f"{name}.csv").write_text(rows, encoding="utf-8")
    written.content["features"]["inputs"].append({"type": "numeric", "name": "never"})
    written.content["groups"][0]["values"] = {"f": "female", "m": "male"}
    (written.folder / "schema.pbtxt").unlink()
    written.write()
    done = written.call(verb="schema")
    assert done.returncode == 0, done.stdout
    return written, done.stdout


def log_of(printed: str) -> Path:
    return Path(printed.splitlines()[0].rpartition(" log ")[2])


def test_a_draft_tells_its_stages_and_warnings_and_nothing_of_the_libraries(drafted: tuple[Written, str]) -> None:
    written, printed = drafted
    assert all(stage in printed for stage in ("InteractionLogGen", "NegativeSplitter", "StatisticsGen"))
    assert "warning NegativeSplitter: Task `click` has fewer than 50" in printed
    assert f"wrote {written.folder}/schema.pbtxt with 13 columns" in printed
    assert "WARNING:" not in printed and len(printed.splitlines()) <= 12
    assert log_of(printed).stat().st_size > 1000
    # A column without a value is in no statistics; nothing is demanded of it.
    assert read(written.folder / "schema.pbtxt").feature("never").presence.min_count == 0


def test_a_run_takes_the_draft(drafted: tuple[Written, str]) -> None:
    """What the run is refused for instead comes after the schema was looked at."""
    written, _ = drafted
    done = written.call(verb="frontier", TMPDIR="/dev/null/nowhere")
    assert done.returncode == 2 and "TMPDIR" in done.stdout and "data_schema" not in done.stdout


@pytest.mark.slow
def test_a_merge_keeps_what_was_edited(drafted: tuple[Written, str]) -> None:
    written, _ = drafted
    path = written.folder / "schema.pbtxt"
    text = path.read_text(encoding="utf-8").replace(
        '  name: "x"\n', '  name: "x"  # of a sensor\n  float_domain { max: 99 }\n'
    )
    path.write_text("# ours\n" + text, encoding="utf-8")
    written.content["tasks"][0]["name"] = "clicks"
    written.content["groups"][0]["values"] = {"f": "women", "m": "male"}
    written.write()

    start = time.time()
    refused = written.call()
    assert time.time() - start < 30
    assert refused.returncode == 2 and len(refused.stdout.splitlines()) == 1
    assert "it lacks `label/clicks`, `negative/clicks`, `weight/clicks`" in refused.stdout
    assert "names `female` in `group/gender` where the settings say `women`" in refused.stdout
    assert f"`make schema CONFIG={written.config}` brings it up to date" in refused.stdout

    done = written.call(verb="schema")
    assert done.returncode == 0, done.stdout
    assert "• added `label/clicks`, `negative/clicks`, `weight/clicks`" in done.stdout
    assert "• dropped `label/click`, `negative/click`, `weight/click`, which the run no longer has" in done.stdout
    assert "• changed the groups of `group/gender`: `women` in place of `female`" in done.stdout
    merged = path.read_text(encoding="utf-8")
    assert merged.startswith("# ours\n") and "# of a sensor" in merged and "max: 99" in merged
    assert [name.name for name in path.parent.glob("*pbtxt*")] == ["schema.pbtxt"]


def test_a_schema_that_is_none_is_named_and_left_alone(drafted: tuple[Written, str], tmp_path: Path) -> None:
    written = Written(tmp_path / "log")
    (written.folder / "schema.pbtxt").write_text("# mine\nfeature {\n  nmae: 1\n}\n", encoding="utf-8")
    written.write()
    for verb in ("run", "schema"):
        done = written.call(verb=verb)
        assert done.returncode == 2 and len(done.stdout.splitlines()) == 1, done.stdout
        assert f"{written.folder}/schema.pbtxt, line 3: expected a TFDV schema" in done.stdout
    assert (written.folder / "schema.pbtxt").read_text(encoding="utf-8").startswith("# mine\nfeature {\n  nmae")


def test_a_schema_that_is_missing_is_named_with_the_command_that_drafts_it(tmp_path: Path) -> None:
    written = Written(tmp_path / "log")
    (written.folder / "schema.pbtxt").unlink()
    written.write()
    done = written.call()
    assert done.returncode == 2 and f"`make schema CONFIG={written.config}` drafts one" in done.stdout


def test_a_failure_is_one_sentence_and_the_log_holds_the_rest(tmp_path: Path) -> None:
    written = Written(tmp_path / "log")
    (written.folder / "schema.pbtxt").unlink()
    # Beyond the rows that are looked at before.
    rows = HEADER + "1,a,1,2.5,f\n" * 12_000 + "many,a,1,2.5,f\n"
    (written.folder / "train.csv").write_text(rows, encoding="utf-8")
    written.write()
    done = written.call(verb="schema")
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert "InteractionLogGen: " in done.stdout and "column `x`, row 12001: expected a number" in done.stdout
    assert len(done.stdout.splitlines()) <= 10, done.stdout
    assert "Traceback" in log_of(done.stdout).read_text(encoding="utf-8")
    assert not (written.folder / "schema.pbtxt").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_the_draft(tmp_path: Path) -> None:
    written = Written(tmp_path / "log")
    written.content["data_schema"] = "nowhere/schema.pbtxt"
    written.write()
    done = written.call(verb="schema")
    assert done.returncode == 2 and "expected a folder that can be written" in done.stdout
