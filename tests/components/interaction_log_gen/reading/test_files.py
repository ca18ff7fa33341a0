import os
from pathlib import Path

import pytest

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import files
from components.interaction_log_gen.reading.fingerprint import fingerprint
from components.interaction_log_gen.settings import LogSettings


def _log(root: Path, *patterns: str, tables: tuple[str, ...] = ()) -> LogSettings:
    return LogSettings.model_validate(
        {
            "root": str(root),
            "sources": [{"files": [pattern], "split": "train"} for pattern in patterns],
            "side_tables": [{"name": name, "files": [name], "key": "k"} for name in tables],
        }
    )


def _write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"k\n{name}\n", encoding="utf-8")


def test_globs_match_files_sorted_and_no_folders(tmp_path: Path) -> None:
    _write(tmp_path, "b.csv", "a.csv", "sub/c.csv", "d.txt")
    (tmp_path / "folder.csv").mkdir()
    assert [f.path for f in files.match(str(tmp_path / "*.csv"), "key")] == [
        str(tmp_path / "a.csv"),
        str(tmp_path / "b.csv"),
    ]
    assert [Path(f.path).name for f in files.match(str(tmp_path / "**/*.csv"), "key")] == ["a.csv", "b.csv", "c.csv"]


def test_a_name_with_glob_characters_is_found_as_it_is(tmp_path: Path) -> None:
    _write(tmp_path, "log[1].csv")
    assert [Path(f.path).name for f in files.match(str(tmp_path / "log[1].csv"), "key")] == ["log[1].csv"]


def test_absolute_patterns_ignore_the_root(tmp_path: Path) -> None:
    assert files.in_root("root", "a.csv") == os.path.join("root", "a.csv")
    assert files.in_root("root", str(tmp_path / "a.csv")) == str(tmp_path / "a.csv")
    assert files.in_root("root", "gs://bucket/a.csv") == "gs://bucket/a.csv"


@pytest.mark.parametrize(
    ("patterns", "tables", "key"),
    [
        (("none*.csv",), (), "log.sources[0].files[0]"),
        (("a.csv", "none.csv"), (), "log.sources[1].files[0]"),
        (("a.csv",), ("b.csv", "none.csv"), "log.side_tables[1].files[0]"),
    ],
)
def test_a_glob_without_a_match_is_named_by_its_key(tmp_path: Path, patterns, tables, key) -> None:
    _write(tmp_path, "a.csv", "b.csv")
    with pytest.raises(LogError) as error:
        fingerprint(_log(tmp_path, *patterns, tables=tables))
    assert f"`{key}` should name at least one file" in str(error.value)
    assert "none" in str(error.value) and str(tmp_path) in str(error.value)


def test_a_file_may_not_be_named_twice(tmp_path: Path) -> None:
    _write(tmp_path, "a.csv")
    with pytest.raises(
        LogError, match=r"`log.sources\[1\].files\[0\]`.*a\.csv.*`log.sources\[0\].files\[0\]` names too"
    ):
        files.log_files(_log(tmp_path, "a.csv", "*.csv"))


def test_a_link_to_a_named_file_is_that_file(tmp_path: Path) -> None:
    _write(tmp_path, "a.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(LogError, match="names too"):
        files.log_files(_log(tmp_path, "a.csv", "b.csv"))


def test_fingerprint_is_stable_and_counts_all_files(tmp_path: Path) -> None:
    _write(tmp_path, "a.csv", "users.csv")
    log = _log(tmp_path, "*a.csv", tables=("users.csv",))
    assert fingerprint(log) == fingerprint(log)
    assert fingerprint(log).startswith(f"files:2,bytes:{len('k') * 2 + 4 + len('a.csvusers.csv')},")


@pytest.mark.parametrize("name", ["a.csv", "users.csv"])
def test_fingerprint_changes_with_content_time_and_number_of_files(tmp_path: Path, name: str) -> None:
    _write(tmp_path, "a.csv", "users.csv")
    log = _log(tmp_path, "*a.csv", tables=("users.csv",))
    seen = {fingerprint(log)}
    with (tmp_path / name).open("a", encoding="utf-8") as file:
        file.write("more\n")
    seen.add(fingerprint(log))
    os.utime(tmp_path / name, ns=(1, 1))
    seen.add(fingerprint(log))
    os.utime(tmp_path / name, ns=(1, 2))
    seen.add(fingerprint(log))
    _write(tmp_path, "another_a.csv")
    seen.add(fingerprint(log))
    assert len(seen) == 5


def test_the_root_is_no_pattern(tmp_path: Path) -> None:
    root = tmp_path / "log [v2] *?"
    (root / "sub[1]").mkdir(parents=True)
    for name in ("a.csv", "b[1].csv", "sub[1]/c.csv"):
        (root / name).write_text("", encoding="utf-8")

    def found(pattern: str) -> list[str]:
        return [str(Path(f.path).relative_to(root)) for f in files.match(files.in_root(str(root), pattern), "key")]

    assert found("*.csv") == ["a.csv", "b[1].csv"] and found("a.csv") == ["a.csv"]
    assert found("b[1].csv") == ["b[1].csv"] and found("sub[1]/*.csv") == ["sub[1]/c.csv"]
    assert found("**/*.csv") == ["a.csv", "b[1].csv", "sub[1]/c.csv"]
    absolute = files.match(str(root / "*.csv"), "key")
    assert [Path(f.path).name for f in absolute] == ["a.csv", "b[1].csv"]
