import pytest

from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings, TaskLabelSettings
from components.negative_splitter.uses import column_kinds, group_column_kinds, task_column_kinds


def settings(tasks, groups):
    return NegativeSplitterSettings(
        tasks=tuple(TaskLabelSettings(name=f"t{i}", column=c, positive=p) for i, (c, p) in enumerate(tasks)),
        groups=tuple(groups),
    )


def test_kinds_of_columns():
    both = settings(
        [("income", '== ">50K"'), ("gain", "> 0"), ("gain", "> 5000")],
        [
            GroupSettings(name="sex", column="sex"),
            GroupSettings(name="race", column="race", values={"A": "a"}),
            GroupSettings(name="age", column="age", buckets=(18,)),
            GroupSettings(name="rich", column="gain", buckets=(100,)),
            GroupSettings(name="sex_age", cross=("sex", "age")),
        ],
    )
    assert task_column_kinds(both) == {"income": "string", "gain": "number"}
    assert group_column_kinds(both) == {"sex": "string", "race": "string", "age": "number", "gain": "number"}
    assert column_kinds(both) == {**task_column_kinds(both), **group_column_kinds(both)}


def test_tasks_that_need_two_kinds_of_a_column():
    conflict = settings([("c", "> 0"), ("c", '== "a"')], [GroupSettings(name="sex", column="sex")])
    for kinds in (task_column_kinds, column_kinds):
        with pytest.raises(ValueError) as error:
            kinds(conflict)
        for part in ("column `c`", "task `t0` (`positive: > 0`)", "number", 'task `t1` (`positive: == "a"`)', "string"):
            assert part in str(error.value)
    assert group_column_kinds(conflict) == {"sex": "string"}


def test_groups_that_need_two_kinds_of_a_column():
    groups = [GroupSettings(name="age", column="age", buckets=(18,)), GroupSettings(name="years", column="age")]
    with pytest.raises(
        ValueError, match=r"group `age` \(with `buckets`\).*number.*group `years` \(no `buckets`\).*string"
    ):
        group_column_kinds(settings([("c", "> 0")], groups))


def test_a_task_and_a_group_that_need_two_kinds_of_a_column():
    conflict = settings([("flag", "== 1")], [GroupSettings(name="flag", column="flag")])
    assert task_column_kinds(conflict) == {"flag": "number"}
    assert group_column_kinds(conflict) == {"flag": "string"}
    with pytest.raises(ValueError, match=r"column `flag`: task `t0` .* number, group `flag` .* string; .*`buckets`"):
        column_kinds(conflict)


def test_rules_that_cannot_be_read():
    with pytest.raises(ValueError, match="task `t0`, key `positive`: a rule should be an operator and a literal"):
        column_kinds(settings([("c", "yes")], [GroupSettings(name="sex", column="sex")]))
