import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.negative_splitter.rules import RULE_FORMS, Rule

ORACLE = {
    ">": lambda v, x: v > x,
    ">=": lambda v, x: v >= x,
    "<": lambda v, x: v < x,
    "<=": lambda v, x: v <= x,
    "==": lambda v, x: v == x,
    "!=": lambda v, x: v != x,
}


def texts(*values):
    return pa.array([None if v is None else v.encode() for v in values], pa.large_binary())


@pytest.mark.parametrize(
    "text, values, expected",
    [
        ("> 0", [-1, 0, 0.5], [False, False, True]),
        (">= 4", [3.9, 4, 5], [False, True, True]),
        ("< -1.5", [-2, -1.5, 0], [True, False, False]),
        ("<= 2", [1, 2, 3], [True, True, False]),
        ("== 1", [0, 1, 2], [False, True, False]),
        ("==1", [0, 1, 2], [False, True, False]),
        ("== True", [0, 1, 2], [False, True, False]),
        ("!= 1", [0, 1, 2], [True, False, True]),
        ("in [1, 2]", [0, 1, 2], [False, True, True]),
        ("  in[2]  ", [0, 1, 2], [False, False, True]),
    ],
)
def test_number_rules(text, values, expected):
    rule = Rule.parse(text)
    assert rule.column_kind == "number"
    assert rule.matches(np.array(values, np.float32)).tolist() == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ('== ">50K"', [True, False, False, False]),
        ("== '>50K'", [True, False, False, False]),
        ('!= "<=50K"', [True, False, True, False]),
        ('in ["<=50K", "é"]', [False, True, True, False]),
    ],
)
def test_text_rules(text, expected):
    rule = Rule.parse(text)
    assert rule.column_kind == "string"
    assert rule.matches(texts(">50K", "<=50K", "é", None)).tolist() == expected


def test_literals_are_compared_in_the_precision_of_the_values():
    values = np.array([0.1, 16777217, 2.5], np.float32)
    assert Rule.parse("== 0.1").matches(values).tolist() == [True, False, False]
    assert Rule.parse("in [0.1, 2.5]").matches(values).tolist() == [True, False, True]
    # float32 holds 16777217 as 16777216: as log and literal are rounded alike, the value is not above the literal.
    assert Rule.parse("> 16777217").matches(values).tolist() == [False, False, False]
    assert Rule.parse(">= 0.1").matches(values).tolist() == [True, True, True]


@given(
    st.sampled_from(sorted(ORACLE)),
    st.floats(-100, 100, width=32),
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20),
)
def test_numbers_agree_with_python(sign, literal, values):
    values.append(literal)
    found = Rule.parse(f"{sign} {literal!r}").matches(np.array(values, np.float32))
    assert found.dtype == bool
    assert found.tolist() == [ORACLE[sign](value, literal) for value in values]


@given(st.lists(st.text(), min_size=1, max_size=5), st.lists(st.none() | st.text(max_size=2), min_size=1, max_size=20))
def test_texts_agree_with_python(literals, values):
    values.append(literals[0])
    column = texts(*(v for v in values))
    assert Rule.parse(f"in {literals!r}").matches(column).tolist() == [v in literals for v in values]
    unequal = Rule.parse(f"!= {literals[0]!r}").matches(column)
    assert unequal.tolist() == [v is not None and v != literals[0] for v in values]


@pytest.mark.parametrize(
    "text",
    ["", "1", "= 1", "=> 1", ">50K", "> ", "== abc", "> '1'", '< "a"', "in 3", "in []", "in [1, 'a']", "in (1, 2)"]
    + ["== [1]", "== None", "== 1j", "> __import__('os')", "in [[1]]", "== 1e39", f"== {10**400}", "> 1 and < 3"],
)
def test_bad_rules_are_quoted_with_the_forms(text):
    with pytest.raises(ValueError) as error:
        Rule.parse(text)
    assert f"`{text}`" in str(error.value)
    assert (
        RULE_FORMS in str(error.value)
        or "float32" in str(error.value)
        or "all numbers or all texts" in str(error.value)
    )


def test_all_forms_that_the_message_lists_can_be_read():
    for form in RULE_FORMS.strip("`").split("`, `"):
        assert Rule.parse(form).text == form


def test_a_rule_refuses_a_column_of_the_other_kind():
    with pytest.raises(TypeError, match="reads texts. Received: numbers"):
        Rule.parse('== "a"').matches(np.zeros(2, np.float32))
    with pytest.raises(TypeError, match="reads numbers. Received: large_binary"):
        Rule.parse("== 1").matches(texts("1"))


def test_one_of_makes_the_rule_of_missing_markers():
    rule = Rule.one_of((-1, 999), "task `x`, key `missing`")
    assert rule.matches(np.array([-1, 0, 999], np.float32)).tolist() == [True, False, True]
    with pytest.raises(ValueError, match="task `x`, key `missing`: literals should be all numbers or all texts"):
        Rule.one_of((-1, "none"), "task `x`, key `missing`")
