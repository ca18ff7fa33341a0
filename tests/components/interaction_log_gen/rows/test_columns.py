import pytest

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.rows.columns import Need, check_found, needs, plan
from components.interaction_log_gen.settings import InteractionLogGenSettings


def _settings(
    columns: dict[str, str], split: object = "train", tables: tuple[dict, ...] = (), drop: tuple[str, ...] = ()
) -> InteractionLogGenSettings:
    return InteractionLogGenSettings.model_validate(
        {
            "log": {
                "sources": [{"files": ["log.csv"], "split": split}],
                "side_tables": [{"files": ["t.csv"], **table} for table in tables],
                "drop_missing": drop,
            },
            "columns": columns,
        }
    )


_USERS = {"name": "users", "key": "user"}
_ITEMS = {"name": "items", "key": "item", "table_key": "id"}


def test_needs_are_what_is_written_split_by_and_filtered_by() -> None:
    split = {"by": "hash", "columns": ["user", "b"], "fractions": {"train": 1.0}}
    found = needs(_settings({"b": "string", "a": "number"}, split, drop=("a", "label")))
    assert found == [
        Need("a", "number"),
        Need("b", "string"),
        Need("label", "strings"),
        Need("user", "string"),
    ]
    split = {"by": "time", "column": "a", "validation_from": 1, "test_from": 2}
    assert needs(_settings({"a": "number"}, split)) == [Need("a", "number"), Need("a", "raw")]


def test_columns_come_from_the_side_table_that_has_them() -> None:
    settings = _settings(
        {"user": "string", "age": "number", "click": "number", "tag": "string"}, tables=(_USERS, _ITEMS)
    )
    found = plan(settings, [["user", "age", "city"], ["id", "tag"]])
    assert set(found.log) == {
        Need("user", "string"),
        Need("click", "number"),
        Need("item", "string"),
    }
    assert found.tables == ((Need("age", "number"),), (Need("tag", "string"),))
    assert found.reserved == {"age": "users", "tag": "items"}


def test_a_key_comes_from_the_log_even_if_another_table_has_it() -> None:
    settings = _settings({"user": "string"}, tables=(_USERS, _ITEMS))
    found = plan(settings, [["user"], ["id", "user"]])
    assert Need("user", "string") in found.log
    assert found.tables == ((), ()) and not found.reserved


def test_what_columns_picks_settles_who_provides() -> None:
    settings = _settings({"age": "number", "tag": "string"}, tables=({**_USERS, "columns": ["age"]}, _ITEMS))
    found = plan(settings, [["user", "age", "tag"], ["id", "tag", "age"]])
    assert found.tables == ((Need("age", "number"),), (Need("tag", "string"),))
    # It was asked for: a log that has it too is not in doubt.
    assert found.reserved == {"tag": "items"}
    settings = _settings({"age": "number"}, tables=({**_USERS, "columns": []},))
    assert plan(settings, [["user", "age"]]).log == (Need("age", "number"), Need("user", "string"))


@pytest.mark.parametrize("picked", [{}, {"columns": ["age"]}])
def test_two_side_tables_that_could_provide_are_named(picked: dict) -> None:
    settings = _settings({"age": "number"}, tables=({**_USERS, **picked}, {**_ITEMS, **picked}))
    with pytest.raises(LogError, match="column `age` should come from one side table. It is in `users` and `items`"):
        plan(settings, [["user", "age"], ["id", "age"]])


def test_a_split_column_may_come_from_a_side_table() -> None:
    split = {"by": "time", "column": "joined", "validation_from": 1, "test_from": 2}
    found = plan(_settings({"click": "number"}, split, tables=(_USERS,)), [["user", "joined"]])
    assert found.tables == ((Need("joined", "raw"),),)


def test_missing_and_reserved_columns() -> None:
    check_found("f", ["a", "b"], ["a"], {"c": "users"})
    with pytest.raises(LogError, match="f: expected column `c`. Columns found: a, b"):
        check_found("f", ["a", "b"], ["a", "c"], {})
    with pytest.raises(LogError, match="Columns found: none"):
        check_found("f", [], ["a"], {})
    with pytest.raises(LogError, match="`b` is both here and in side table `users`"):
        check_found("f", ["a", "b"], ["a"], {"b": "users"})
