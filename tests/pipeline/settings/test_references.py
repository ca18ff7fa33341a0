"""Variables of the environment in YAML: put in once the file is parsed."""

from __future__ import annotations

import pytest

from pipeline.settings.references import UnsetError
from pipeline.settings.strict_yaml import Document, UnquotedError

ENVIRONMENT = {"DIR": "/data/base #x: y", "NUMBER": "3", "QUOTE": 'it\'s "so"', "EMPTY": "", "DATE": "2024-01-06"}


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a: ${DIR}/log", {"a": "/data/base #x: y/log"}),
        ("a: [${DIR}, '${QUOTE}', \"${QUOTE}\"]", {"a": ["/data/base #x: y", 'it\'s "so"', 'it\'s "so"']}),
        ("${DIR}: 1", {"/data/base #x: y": 1}),
        ("a: ${NUMBER}\nb: '${NUMBER}'", {"a": 3, "b": "3"}),
        ("a: ${EMPTY:-d # e}\nb: ${NONE:-}", {"a": "d # e", "b": None}),
        ("a: 1  # ${UNSET}", {"a": 1}),
        ("a: &x [${NUMBER}]\nb: *x", {"a": [3], "b": [3]}),
        ("a: |\n  ${DIR}\n  b", {"a": "/data/base #x: y\nb"}),
        ("a: \ue0000\ue000 ${NUMBER}", {"a": "\ue0000\ue000 3"}),
    ],
)
def test_a_value_stands_where_the_reference_stood(text: str, content: object) -> None:
    assert Document(text, ENVIRONMENT).content == content


def test_without_an_environment_nothing_is_replaced() -> None:
    assert Document("a: ${DIR}").content == {"a": "${DIR}"}


def test_a_variable_without_value_and_default_is_named_with_its_line() -> None:
    with pytest.raises(UnsetError, match="line 2: the environment variable `UNSET` is not set"):
        Document("a: 1\nb: ${UNSET}", ENVIRONMENT)


def test_a_date_is_one_wherever_it_comes_from() -> None:
    with pytest.raises(UnquotedError, match="a: 2024-01-06 without quotes is a date"):
        Document("a: ${DATE}", ENVIRONMENT)
    assert Document("a: '${DATE}'", ENVIRONMENT).content == {"a": "2024-01-06"}
