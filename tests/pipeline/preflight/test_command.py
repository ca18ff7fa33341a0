"""What is refused before anything runs, through the whole command: exit code 2, a plain sentence, nothing started."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pipeline.preflight.conftest import HEADER, ROOT, ROWS, Written


def can_mount() -> bool:
    """Whether this machine lets a test have mounts of its own."""
    try:
        return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


needs_mounts = pytest.mark.skipif(not can_mount(), reason="needs the right to mount in a namespace of its own")


def in_mounts(script: str, *places: Path | str) -> tuple[str, ...]:
    """A command that runs another one after ``script``, in mounts of its own: only bind mounts, which others do not see."""
    return ("unshare", "-m", "sh", "-c", f'{script}; shift {len(places)}; exec "$@"', "sh", *map(str, places))


def read_only(written: Written, place: Path) -> tuple[str, ...]:
    source = written.folder.parent / "read-only"
    source.mkdir()
    return in_mounts('mount --bind "$1" "$2" && mount -o remount,ro,bind "$2"', source, place)


# What a run needs of the machine.


@needs_mounts
def test_semaphores_that_cannot_be_made(written: Written) -> None:
    written.write()
    printed = written.refused(inside=read_only(written, Path("/dev/shm")))
    assert "/dev/shm: expected a place for semaphores" in printed and "Read-only file system" in printed


@needs_mounts
def test_a_folder_of_runs_on_a_read_only_file_system(written: Written, tmp_path: Path) -> None:
    written.write()
    place = tmp_path / "mounted"
    place.mkdir()
    printed = written.refused(inside=read_only(written, place), FAIR_RUNS_DIR=str(place / "runs"))
    assert f"Received: {place}/runs/mini (Read-only file system); set FAIR_RUNS_DIR" in printed


def test_a_folder_of_runs_below_a_file(written: Written, tmp_path: Path) -> None:
    written.write()
    (tmp_path / "file").write_text("", encoding="utf-8")
    printed = written.refused(FAIR_RUNS_DIR=str(tmp_path / "file" / "runs"))
    assert "expected a folder that can be written and locked" in printed and "Not a directory" in printed


@pytest.mark.parametrize("name", ["x [v2]", "a*b?", "back\\slash\nand a line"])
def test_a_folder_of_runs_with_the_signs_of_a_pattern(written: Written, tmp_path: Path, name: str) -> None:
    written.write()
    printed = written.refused(FAIR_RUNS_DIR=str(tmp_path / name / "runs"))
    assert "TFX takes for patterns" in printed and f"{tmp_path / name}/runs/mini" in printed


def test_a_folder_of_runs_whose_path_is_too_long(written: Written, tmp_path: Path) -> None:
    written.write()
    assert "which SQLite can open" in written.refused(FAIR_RUNS_DIR=str(tmp_path.joinpath(*["l" * 100] * 6)))
    assert "a name in it is longer" in written.refused(FAIR_RUNS_DIR=str(tmp_path / ("l" * 300)))


def test_a_folder_that_another_run_works_on(written: Written, tmp_path: Path) -> None:
    written.write()
    folder = tmp_path / "held" / "mini"
    folder.mkdir(parents=True)
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        printed = written.refused(FAIR_RUNS_DIR=str(folder.parent))
    assert f"another run works on {folder}; wait for it, or set FAIR_RUNS_DIR" in printed
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_files_and_folders_that_the_settings_name(written: Written) -> None:
    written.content |= {"push": {"directory": "train.csv"}, "report": {"frontier": "nowhere.csv"}}
    written.write()
    (written.folder / "schema.pbtxt").unlink()
    printed = written.problems()
    assert "push.directory: expected a folder that can be written" in printed
    assert "data_schema: expected a file at" in printed and "report.frontier: expected a CSV file at" in printed


def can_map_users() -> bool:
    """Whether this machine lets a test be a user of another number."""
    try:
        return subprocess.run([*_NOBODY, "true"], capture_output=True).returncode == 0
    except OSError:
        return False


_NOBODY = ("unshare", "--user", "--map-user=12345", "--map-group=12345")


@pytest.mark.skipif(not can_map_users(), reason="needs user namespaces")
def test_a_user_without_a_home_and_without_a_name(written: Written) -> None:
    """Libraries look for the home when they are imported, and pip, which TFX calls, when it starts."""
    (written.folder / "test.csv").write_text(ROWS.replace("sex", "gender"), encoding="utf-8")
    written.write()
    nobody: dict[str, None] = dict.fromkeys(("HOME", "USER", "LOGNAME", "LNAME", "USERNAME"))
    assert "expected column `sex`" in written.refused(inside=_NOBODY, **nobody)
    code = (
        "import getpass, subprocess, sys; from pathlib import Path; from pipeline.preflight.machine import give_home\n"
        f"give_home(Path({str(written.folder)!r}))\n"
        "subprocess.run([sys.executable, '-m', 'pip', 'freeze', '--local'], check=True, stdout=subprocess.DEVNULL)\n"
        "print(getpass.getuser())"
    )
    environment = {key: value for key, value in os.environ.items() if key not in nobody}
    command = [*_NOBODY, sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (0, "user12345\n"), done.stderr


# Names.


def test_names_that_cannot_be_used(written: Written) -> None:
    written.content["tasks"][0]["name"] = "n" * 201
    written.content["tasks"][1]["name"] = "性" * 70
    written.content["groups"][0]["name"] = " "
    written.content["groups"].append({"name": "a\nb", "column": "sex"})
    written.write()
    printed = written.problems()
    assert "tasks[0].name: expected a name of at most 200 bytes" in printed and "Received: 210 bytes" in printed
    assert "groups[0].name: expected a name. Received: ' '" in printed
    assert "groups[1].name: expected a name of signs that can be seen. Received: 'a\\nb'" in printed


def test_a_feature_called_like_a_column_of_the_pipeline(written: Written) -> None:
    written.content["features"]["inputs"][0]["name"] = "group/gender"
    written.write()
    printed = written.refused()
    assert "column `group/gender`, numeric feature: names that begin with label/, weight/, " in printed


# Columns.


def test_all_columns_that_are_missing_are_named_at_once(written: Written) -> None:
    written.content["features"]["inputs"][0]["name"] = "X"
    written.content["groups"][0]["column"] = "sexe"
    written.content["evaluation"] = {"cluster": "user", "slices": [["country"]]}
    written.content["log"]["drop_missing"] = ["spend"]
    written.write()
    printed = written.problems()
    assert "5 things to mend" in printed
    assert f"features.inputs[0]: expected column `X` in {written.folder}/test.csv and 2 more files" in printed or (
        f"features.inputs[0]: expected column `X` in {written.folder}/train.csv and 2 more files" in printed
    )
    for text in ("did you mean `x`?", "did you mean `sex`?", "did you mean `spent`?"):
        assert text in printed
    for key in ("groups[0].column", "evaluation.cluster", "evaluation.slices[0]", "log.drop_missing[0]"):
        assert key in printed


def test_a_column_that_one_split_lacks(written: Written) -> None:
    (written.folder / "test.csv").write_text(ROWS.replace("sex", "gender"), encoding="utf-8")
    written.write()
    printed = written.refused()
    assert f"groups[0].column: expected column `sex` in {written.folder}/test.csv. Columns found: x, c, " in printed


def test_a_label_that_one_split_has_no_value_of(written: Written) -> None:
    (written.folder / "test.csv").write_text(HEADER + "1,a,,2.5,f\n2,b,,0,m\n", encoding="utf-8")
    written.write()
    assert "tasks[0] `click`: expected a value of column `clicked` in split `test`" in written.refused()


def test_the_first_bad_value_is_named_with_its_row(written: Written) -> None:
    (written.folder / "train.csv").write_text(HEADER + "1,a,1,2.5,f\n2,b,0,two,m\n", encoding="utf-8")
    written.write()
    printed = written.refused()
    assert "train.csv: column `spent`, row 2: expected a number. Received: 'two'" in printed


def test_a_side_table_without_its_columns(written: Written) -> None:
    (written.folder / "users.csv").write_text("c,age\na,1\n", encoding="utf-8")
    table = {"name": "users", "files": ["users.csv"], "key": "c", "columns": ["ages"]}
    written.content["log"]["side_tables"] = [table]
    written.write()
    assert "log.side_tables[0].columns[0]: expected column `ages`" in written.refused()


def test_a_parquet_column_of_a_type_that_is_no_number(written: Written) -> None:
    table = {"x": [{"a": 1}], "c": ["a"], "clicked": [1], "spent": [1.0], "sex": ["f"]}
    pq.write_table(pa.table(table), written.folder / "train.parquet")
    written.content["log"]["sources"][0] = {
        "files": ["train.parquet"],
        "split": "train",
        "read": {"format": "parquet"},
    }
    written.write()
    assert "train.parquet: column `x`, row 1: expected a number. Received: {'a': 1} of type struct" in written.refused()


def test_files_that_are_missing_or_of_another_format_are_told_together(written: Written) -> None:
    (written.folder / "test.csv").unlink()
    written.content["log"]["sources"][0]["read"] = {"format": "parquet"}
    written.write()
    printed = written.refused()
    assert "train.csv: expected parquet" in printed
    assert "`log.sources[2].files[0]` should name at least one file" in printed


def test_a_slice_by_an_identifier(written: Written) -> None:
    rows = "".join(f"{i},a,1,2.5,f\n" for i in range(6000))
    (written.folder / "test.csv").write_text(HEADER + rows, encoding="utf-8")
    written.content["evaluation"] = {"slices": [["x"]]}
    written.write()
    assert (
        "evaluation.slices[0]: expected at most 5,000 slices. Received: 6,000 values of column `x`" in written.refused()
    )


# What is written, read and printed as it stands.


def test_a_date_without_quotes(written: Written) -> None:
    split = {"by": "time", "column": "x", "validation_from": "2024-01-06", "test_from": "2024-01-08"}
    written.content["log"]["sources"] = [{"files": ["train.csv"], "split": split}]
    text = written.write().read_text(encoding="utf-8")
    written.config.write_text(text.replace("'2024-01-06'", "2024-01-06"), encoding="utf-8")
    assert 'validation_from: 2024-01-06 without quotes is a date in YAML; quote it: "2024-01-06"' in written.refused()


def test_a_yaml_file_that_is_not_utf_8(written: Written) -> None:
    written.content["model_card"] = {"overview": "café"}
    text = written.write().read_text(encoding="utf-8")
    written.config.write_bytes(text.encode("latin-1"))
    assert f"{written.config}: expected UTF-8 text. Received: the byte 0xe9 at position" in written.refused()


def test_names_are_read_and_printed_as_utf_8_whatever_the_locale(written: Written) -> None:
    written.content["groups"][0] |= {"name": "geschlächt", "column": "größe-性別"}
    (written.folder / "test.csv").write_text(ROWS, encoding="utf-8")
    written.write().rename(written.folder / "ünï.yaml")
    config = written.folder / "ünï.yaml"
    type(written).config = property(lambda self: config)  # type: ignore[method-assign,assignment]
    try:
        printed = written.refused(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    finally:
        type(written).config = property(lambda self: self.folder / "run.yaml")  # type: ignore[method-assign,assignment]
    assert "expected column `größe-性別`" in printed and "ünï.yaml" in printed


def test_signs_of_markup_and_patterns_in_paths_stand_as_they_are(tmp_path: Path) -> None:
    written = Written(tmp_path / "log [v2] :smile: *?")
    (written.folder / "train.csv").write_text(ROWS.replace("sex", "s"), encoding="utf-8")
    (written.folder / "test.csv").write_text(HEADER + "1,a,,2.5,f\n", encoding="utf-8")
    written.content["tasks"][0]["name"] = "[red]x[bold]"
    written.write()
    assert f"expected column `sex` in {written.folder}/train.csv" in written.refused()
    (written.folder / "train.csv").write_text(ROWS, encoding="utf-8")
    assert "tasks[0] `[red]x[bold]`: expected a value" in written.refused()


def test_the_command_stays_light() -> None:
    """Nothing that takes seconds to import stands between a person and the first sentence."""
    code = "import sys, pipeline.cli; print([m for m in ('tensorflow', 'tfx', 'apache_beam') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", env=dict(os.environ))
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


# Kinds of logs that once gave wrong values without a word (tests/README.md), through the command.


def test_a_parquet_column_that_stands_twice(written: Written) -> None:
    columns = {"x": [1, 2], "c": ["a", "b"], "clicked": [1, 0], "spent": [1.0, 0.0], "sex": ["f", "m"]}
    arrays = [pa.array(values) for values in columns.values()]
    table = pa.Table.from_arrays([pa.array([0, 0]), *arrays], ["clicked", *columns])
    pq.write_table(table, written.folder / "train.parquet")
    source = {"files": ["train.parquet"], "split": "train", "read": {"format": "parquet"}}
    written.content["log"]["sources"][0] = source
    written.write()
    assert "train.parquet: expected each column once. Received twice: clicked; rename one" in written.refused()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ROWS + '3,"a,1,1,f\n4,b,0,0,m\n', "train.csv: row 3: expected that each opening quote '\"' is closed"),
        (
            ROWS.encode() + "3,é,1,1,f\n".encode("latin-1"),
            r"train.csv: expected text in utf-8. Received: bytes b'\xe9'",
        ),
        (ROWS + "3,a,1,1,f,9\n", "train.csv: row 3: expected 5 cells (x, c, clicked, spent, sex) separated by ','"),
        (ROWS + "-1,a,1,1,f\n", "train.csv: column `x`, row 3: expected a number above -1"),
        (ROWS + "NULL,a,1,1,f\n", "row 3: expected a number. Received: 'NULL' of type string (list it in `missing`"),
    ],
    ids=["quote", "bytes", "cells", "logarithm", "mark"],
)
def test_a_row_that_cannot_be_read_as_the_file_means_it(written: Written, content: str | bytes, message: str) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    (written.folder / "train.csv").write_bytes(raw)
    written.content["features"]["inputs"][0]["scale"] = "log1p_standardize"
    written.write()
    assert message in written.refused()


def test_a_time_that_is_none(written: Written) -> None:
    rows = [f"{i},a,{i % 2},{i % 3},{'fm'[i % 2]},2024-01-0{1 + i % 8}" for i in range(40)]
    text = HEADER.replace("\n", ",t\n") + "\n".join([*rows, "1,a,1,1,f,12/31/2023"]) + "\n"
    (written.folder / "train.csv").write_text(text, encoding="utf-8")
    split = {"by": "time", "column": "t", "validation_from": "2024-01-05", "test_from": "2024-01-07T12:00"}
    written.content["log"]["sources"] = [{"files": ["train.csv"], "split": split}]
    written.write()
    printed = written.refused()
    assert "train.csv: column `t`, row 41: expected an ISO 8601 time" in printed and "Received: '12/31/2023'" in printed
