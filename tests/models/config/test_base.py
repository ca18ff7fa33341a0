"""Numbers in settings: every field of every settings class refuses what is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import pipeline.settings.config  # noqa: F401  all settings of the project
from models.config.base import LARGEST_WHOLE, PerTask, Settings

NAN, INFINITY = float("nan"), float("inf")


def settings_classes(base: type[Settings] = Settings) -> Iterator[type[Settings]]:
    for below in base.__subclasses__():
        if below.__module__.split(".")[0] in ("models", "components", "pipeline"):
            yield below
        yield from settings_classes(below)


def forms(annotation: Any, value: Any) -> Iterator[Any]:
    """Ways to write ``value`` where a field of an annotation takes a number."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in (int, float):
        yield value
    elif origin is dict:
        keys = get_args(arguments[0]) if get_origin(arguments[0]) is Literal else ("a",)
        yield from ({keys[0]: form} for form in forms(arguments[1], value))
    elif origin is tuple:
        length = 1 if Ellipsis in arguments else len(arguments)
        yield from ([form] * length for form in forms(arguments[0], value))
    elif origin is not Literal:
        for argument in arguments:
            yield from forms(argument, value)


NUMERIC = [
    pytest.param(cls, name, id=f"{cls.__name__}.{name}")
    for cls in sorted(set(settings_classes()), key=lambda cls: (cls.__module__, cls.__name__))
    for name, field in cls.model_fields.items()
    if list(forms(field.annotation, 0))
]


def said_of(cls: type[Settings], name: str, value: Any) -> list[str]:
    """What is said of a field; other fields may be missing."""
    with pytest.raises(ValidationError) as error:
        cls.model_validate({name: value})
    return [one["msg"] for one in error.value.errors() if one["loc"][0] == name]


def admits_booleans(annotation: Any) -> bool:
    return annotation is bool or any(admits_booleans(part) for part in get_args(annotation))


@pytest.mark.parametrize(("cls", "name"), NUMERIC)
def test_no_field_takes_what_is_no_number(cls: type[Settings], name: str) -> None:
    annotation = cls.model_fields[name].annotation
    for value in (NAN, INFINITY, -INFINITY, True, False):
        if isinstance(value, bool) and admits_booleans(annotation):
            continue
        for form in forms(annotation, value):
            assert said_of(cls, name, form), (form, "was taken")


def test_there_are_fields_to_walk_over() -> None:
    assert len(NUMERIC) > 80


class Example(Settings):
    seed: int = 1
    shared_units: tuple[int, ...] = ()
    share: float = 0.5
    by_task: PerTask = 1.0
    cuts: tuple[Union[int, float], ...] = ()
    either: Union[bool, int, str] = 0
    rows: dict[str, int] = {}


class Later(Example):
    sizes: tuple[tuple[int, ...], ...] = ()


@pytest.mark.parametrize(
    ("values", "place", "said"),
    [
        ({"seed": LARGEST_WHOLE + 1}, ("seed",), "from 0 to 2147483647. Received: 2147483648"),
        ({"seed": -1}, ("seed",), "from 0 to"),
        ({"seed": True}, ("seed",), "expected a number. Received: true"),
        ({"shared_units": [8, 0]}, ("shared_units",), "from 1 to 1048576. Received: 0"),
        ({"shared_units": [10**12]}, ("shared_units",), "from 1 to 1048576. Received: 1000000000000"),
        ({"share": -1e39}, ("share",), "32 bits"),
        ({"by_task": {"a": 1e300}}, ("by_task",), "32 bits"),
        ({"by_task": {"a": True}}, ("by_task", "a"), "expected a number. Received: true"),
        ({"cuts": [1, False]}, ("cuts", 1), "expected a number. Received: false"),
        ({"rows": {"train": True}}, ("rows", "train"), "expected a number"),
        ({"sizes": [[1], [True]]}, ("sizes", 1, 0), "expected a number"),
        ({"sizes": [[2**40]]}, ("sizes",), "whole number"),
    ],
)
def test_the_place_and_the_value_are_named(values: dict[str, Any], place: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        Later.model_validate(values)
    (one,) = error.value.errors()
    assert one["loc"] == place and said in one["msg"]


@given(st.integers(0, LARGEST_WHOLE), st.floats(-3.4e38, 3.4e38), st.integers(-(2**80), 2**80))
def test_numbers_are_taken_as_they_are(seed: int, share: float, cut: int) -> None:
    settings = Later(seed=seed, share=share, cuts=(cut,), either=True)
    assert (settings.seed, settings.share, settings.cuts, settings.either) == (seed, share, (cut,), True)
    assert Later.model_validate_json(settings.model_dump_json()) == settings
