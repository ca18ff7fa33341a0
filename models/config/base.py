"""The base of all settings, below every package that has some."""

from __future__ import annotations

import functools
import types
from collections.abc import Hashable, Iterator
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

# Libraries below hold whole numbers in 32 bits (seeds, sizes of batches and layers), and weights as 32-bit floats.
LARGEST_WHOLE = 2**31 - 1
LARGEST = 3.4028234663852886e38
# Wider layers and embeddings than this are a slip of the keyboard, and would end in a want of memory after minutes.
LARGEST_WIDTH = 2**20


class Settings(BaseModel):
    """Base of all settings: unknown keys are refused and values cannot be changed afterwards.

    A number is a finite one that 32 bits hold, and neither true nor false. Where the type admits numbers of any size, such
    as a time or a cut of a column's values, only the size of whole numbers and floats is left open. Seeds are at least 0,
    and widths of layers and embeddings from 1 to a million.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_boolean_for_a_number(cls, values: Any) -> Any:
        # Not a validator of the fields: pydantic takes none before the field that tells the forms of a union apart.
        errors = [
            InitErrorDetails(type=_no_number(leaf), loc=(name, *place), input=leaf)
            for name, value in (values.items() if isinstance(values, dict) else ())
            if name in cls.model_fields and _takes_numbers_alone(cls.model_fields[name].annotation)
            for place, leaf in _leaves(value)
            if isinstance(leaf, bool)
        ]
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return values

    @field_validator("*", mode="after")
    @classmethod
    def _in_32_bits(cls, value: Any, info: ValidationInfo) -> Any:
        name = str(info.field_name)
        annotation: Any = cls.model_fields[name].annotation
        if not _takes_numbers_alone(annotation) or _plain_kinds(annotation) >= {int, float}:
            return value
        least, most = _whole_range(name)
        for number in (leaf for _, leaf in _leaves(value) if isinstance(leaf, (int, float))):
            if isinstance(number, int) and not least <= number <= most:
                raise ValueError(f"expected a whole number from {least} to {most}. Received: {number}")
            if isinstance(number, float) and abs(number) > LARGEST:
                raise ValueError(f"expected a number that 32 bits hold, up to {LARGEST:.1e}. Received: {number}")
        return value


# One number for all tasks, or one for each by name.
PerTask = Union[float, dict[str, float]]


def _whole_range(name: str) -> tuple[int, int]:
    """The smallest and the largest whole number that a setting of this name may have."""
    if name.endswith("_units") or name == "embedding":
        return 1, LARGEST_WIDTH
    return (0 if name in ("seed", "seeds") else -LARGEST_WHOLE), LARGEST_WHOLE


def _takes_numbers_alone(annotation: Any) -> bool:
    """Whether values are numbers, or texts, and neither booleans nor settings of their own."""
    kinds = _plain_kinds(annotation)
    return bool(kinds & {int, float}) and not kinds & {bool, Any, BaseModel}


@functools.cache
def _plain_kinds(annotation: Hashable) -> frozenset[Any]:
    """The types that a value of an annotation is made of: plain ones, ``Any``, and ``BaseModel`` for other settings."""
    if annotation is Any or annotation in (int, float, bool):
        return frozenset([annotation])
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return frozenset([BaseModel] if issubclass(annotation, BaseModel) else [])
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        arguments = arguments[1:]
    parts = [part for part in arguments if isinstance(part, (type, types.GenericAlias)) or get_origin(part) is not None]
    return frozenset().union(*map(_plain_kinds, [*parts, *(part for part in arguments if part is Any)]))


def _no_number(value: bool) -> PydanticCustomError:
    return PydanticCustomError("value_error", "expected a number. Received: {word}", {"word": str(value).lower()})


def _leaves(value: Any) -> Iterator[tuple[tuple[Union[int, str], ...], Any]]:
    """The values within lists and mappings, each with where it stands."""
    if isinstance(value, (list, tuple)):
        parts = list(enumerate(value))
    elif isinstance(value, dict):
        parts = list(value.items())
    else:
        yield (), value
        return
    for key, part in parts:
        yield from (((key, *place), leaf) for place, leaf in _leaves(part))
