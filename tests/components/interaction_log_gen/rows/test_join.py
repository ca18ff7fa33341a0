import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.rows import join
from components.interaction_log_gen.rows.columns import Need
from components.interaction_log_gen.settings import InteractionLogGenSettings, LogSettings, SideTableSettings
from components.interaction_log_gen.values.conversion import Place
from components.interaction_log_gen.values.notices import Notices

_AGE, _KEY = Need("age", "number"), Need("user", "string")
_PLACE = Place("log.csv", 10)


def _log(root: Path, **table: object) -> LogSettings:
    return LogSettings.model_validate(
        {
            "root": str(root),
            "sources": [{"files": ["log.csv"], "split": "train"}],
            "side_tables": [{"name": "users", "files": ["users*"], "key": "user", **table}],
        }
    )


def _load(root: Path, needs: tuple[Need, ...] = (_AGE,), **table: object) -> join.SideTable:
    return join.load(InteractionLogGenSettings(log=_log(root, **table), columns={}), [needs])[0]


def _join(table: join.SideTable, keys: list[str | None]) -> tuple[list, int]:
    columns, misses = table.join({_KEY: pa.array(keys, pa.string())}, _PLACE, Notices())
    return columns[_AGE].to_pylist(), misses


def test_rows_get_the_columns_of_their_key_and_null_without_one(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,age,city\n7,30,X\n08,,Y\n9,41.5,Z\n", encoding="utf-8")
    table = _load(tmp_path)
    assert list(table.columns) == [_AGE]
    assert _join(table, ["9", "7", "8", None, "08", "9"]) == ([41.5, 30.0, None, None, None, 41.5], 2)
    assert _join(table, []) == ([], 0)
    assert _join(table, [None, None]) == ([None, None], 2)


def test_keys_are_compared_as_text_whatever_their_types(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": [7, 8], "age": [30, 40], "tags": [["a", "b"], []]}), tmp_path / "users.parquet")
    tags = Need("tags", "strings")
    table = _load(tmp_path, (_AGE, tags), table_key="id", read={"format": "parquet"})
    assert _join(table, ["8", "7"]) == ([40.0, 30.0], 0)
    columns, _ = table.join({_KEY: pa.array(["8", "7"])}, _PLACE, Notices())
    assert columns[tags].to_pylist() == [None, ["a", "b"]]


def test_several_files_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "users_1.csv").write_text("user,age\n1,10\n", encoding="utf-8")
    (tmp_path / "users_2.csv").write_text("user,age\n2,20\n", encoding="utf-8")
    assert _join(_load(tmp_path), ["2", "1", "3"]) == ([20.0, 10.0, None], 1)


@given(st.lists(st.text(max_size=3), unique=True, min_size=1, max_size=20), st.lists(st.text(max_size=3), max_size=50))
def test_join_equals_a_dictionary(keys: list[str], wanted: list[str]) -> None:
    settings = SideTableSettings(name="users", files=("f",), key="user")
    ages = [float(i) for i in range(len(keys))]
    table = join.SideTable(settings, pa.array(keys), {_AGE: pa.array(ages, pa.float32())})
    lookup = dict(zip(keys, ages, strict=True))
    assert _join(table, wanted) == ([lookup.get(key) for key in wanted], sum(key not in lookup for key in wanted))


def test_a_row_without_a_match_of_a_required_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user,age\n1,10\n", encoding="utf-8")
    with pytest.raises(LogError) as error:
        _join(_load(tmp_path, required=True), ["1", "x", "y"])
    assert str(error.value) == (
        "log.csv: column `user`, row 12: expected a key of side table `users`, which is `required`. Received: 'x'"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "user,age\n1,10\n2,20\n1,30\n",
            "side table `users`: expected each key once in column `user`. Received '1' twice",
        ),
        ("user,age\n1,10\n,20\n", "column `user`, row 2: expected a key of side table `users`. Received: none"),
        ("user,age\n1,old\n", "users.csv: column `age`, row 1: expected a number. Received: 'old'"),
        ("user,age\n", "side table `users`: expected rows. Received: none in users*"),
        ("id,age\n1,10\n", "users.csv: expected column `user`. Columns found: id, age"),
    ],
)
def test_bad_side_tables(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "users.csv").write_text(content, encoding="utf-8")
    with pytest.raises(LogError, match=re.escape(message)):
        _load(tmp_path)


def test_columns_of_side_tables_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "users_1.csv").write_text("user,age\n1,10\n", encoding="utf-8")
    assert join.side_table_columns(_log(tmp_path)) == [["user", "age"]]
    with pytest.raises(LogError, match="expected column `city`. Columns found: user, age"):
        join.side_table_columns(_log(tmp_path, columns=["city"]))
    with pytest.raises(LogError, match="expected column `id`. Columns found: user, age"):
        join.side_table_columns(_log(tmp_path, table_key="id"))
    (tmp_path / "users_2.csv").write_text("user,size\n1,10\n", encoding="utf-8")
    with pytest.raises(
        LogError,
        match=r"users_2.csv: expected the columns of the table's first file. Missing: `age`; beside them: `size`",
    ):
        join.side_table_columns(_log(tmp_path))
