"""YAML as a person reads it, where YAML 1.1 reads something else."""

from __future__ import annotations

import pytest
import yaml

from pipeline.settings.strict_yaml import Document, UnquotedError


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("a: on\nb: no\nc: y", {"a": "on", "b": "no", "c": "y"}),
        ("a: true\nb: 1.5\nc: ~", {"a": True, "b": 1.5, "c": None}),
        ("a: '2024-01-06'\nb: \"12:30\"\n'010': x", {"a": "2024-01-06", "b": "12:30", "010": "x"}),
        ("a: =\nb: 08\nc: 0x10\nd: 0", {"a": "=", "b": "08", "c": 16, "d": 0}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("", None),
    ],
)
def test_what_is_read(text: str, content: object) -> None:
    assert Document(text).content == content


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "s: {from: 2024-01-06}",
            's.from: 2024-01-06 without quotes is a date in YAML; quote it: "2024-01-06" (line 1)',
        ),
        ("a: 2024-13-45", "a: 2024-13-45 without quotes is a date"),
        ("m: [1, 12:30]", "m[1]: 12:30 without quotes is the number 750, counted in sixties, in YAML"),
        ("m: -1:30.5", "is the number -90.5, counted in sixties"),
        ("n: 010", "n: 010 without quotes is the octal number 8 in YAML"),
        ("v: {18_29: x}", 'the key v.18_29: 18_29 without quotes is a number in YAML; quote it: "18_29"'),
        ("v: {true: x}", "the key v.true: true without quotes is true or false in YAML"),
        ("v: {~: x}", "the key v.~: ~ without quotes is nothing in YAML"),
    ],
)
def test_what_yaml_takes_for_something_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(UnquotedError) as error:
        Document(text)
    assert message in str(error.value)


def test_all_such_places_are_listed() -> None:
    with pytest.raises(UnquotedError) as error:
        Document("a: 2024-01-06\nb: [010, 1:30]\n")
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize(
    "text", ["? [a]\n: b", "a: 1\na: 2", "a: &x [*x]", "a: " + "1" * 5000, "a: [", "a: b\n---\nc: d"]
)
def test_what_cannot_be_read_is_an_error_of_yaml(text: str) -> None:
    with pytest.raises(yaml.YAMLError):
        Document(text)


def test_a_scalar_is_found_as_it_was_written() -> None:
    document = Document("log: {missing: [-1, 'x', 1_0], deep: {a: null}}")
    assert document.unquoted(("log", "missing", 0)) == "-1"
    assert document.unquoted(("log", "missing", 1)) is None
    # The tags of unions, which pydantic puts into a location, name nothing.
    assert document.unquoted(("log", "function-after", "missing", 2)) == "1_0"
    assert document.unquoted(("log", "deep")) is None and document.unquoted(("log", "deep", "a")) == "null"
